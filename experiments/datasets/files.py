"""Where the bytes of a data set come from: shipped with the package, a mirror, the cache, or public addresses.

Bytes are handed on only after their sha256 was checked, and they are checked in memory: what was checked is what is
used. A mirror is never written to, and a file in the cache is never replaced.
"""

import hashlib
import os
from importlib.resources import files
from pathlib import Path

from neuralzoo.registry import DataError
from neuralzoo.registry.dataset import File

MIRROR = "NEURALZOO_DATA_MIRROR"
CACHE = "NEURALZOO_DATA_DIR"
TIMEOUT = 10.0  # seconds without an answer before the next address is tried


def embedded(file: File) -> bytes:
    """Return the content of a file that is shipped with the package.

    Raises: DataError when it is missing or damaged.
    """
    place = files("neuralzoo.experiments.datasets").joinpath("embedded", file.path)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise DataError(f"{file.path} can't be read ({_why(error)}); it needs neuralzoo installed anew") from None
    return _checked(content, file, str(place), "neuralzoo installed anew")


def read(file: File) -> bytes:
    """Return the content of a public file from the mirror, the cache, or the first address that serves it.

    Raises: DataError when nothing serves it, or the mirror or cache holds another content.
    """
    mirror = os.environ.get(MIRROR, "")
    if not mirror or _is_address(mirror):
        return _from_cache(file, (f"{mirror.rstrip('/')}/{file.path}",) if mirror else ())
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        raise DataError(f"{MIRROR} is {mirror!r}; it needs a folder that exists or an http(s) address")
    place = folder / file.path
    if place.exists():
        return _from_disk(file, place, "another file there, or none")
    return _from_cache(file, ())


def cache_folder() -> Path:
    """Return the folder where downloads are kept.

    Raises: DataError when neither the environment nor pooch says where.
    """
    given = os.environ.get(CACHE)
    if given:
        return Path(given).expanduser()
    try:
        import pooch  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(f"without pooch the data cache is unknown; set {CACHE}, or {_INSTALL}") from None
    return Path(pooch.os_cache("neuralzoo"))


_INSTALL = "install pooch with: pip install 'neuralzoo[experiments]'"


def _is_address(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def _from_cache(file: File, first: tuple[str, ...]) -> bytes:
    place = cache_folder() / file.path
    if not place.exists():
        _download(file, (*first, *file.addresses), place)
    return _from_disk(file, place, "to be removed or replaced by you, for it is never overwritten")


def _from_disk(file: File, place: Path, cure: str) -> bytes:
    try:
        content = place.read_bytes()
    except OSError as error:
        raise DataError(f"{place} can't be read ({_why(error)}); it needs to be a readable file") from None
    return _checked(content, file, str(place), cure)


def _checked(content: bytes, file: File, place: str, cure: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise DataError(f"{place} has sha256 {found}, not {file.sha256}; it is not used and needs {cure}")
    return content


def _download(file: File, addresses: tuple[str, ...], place: Path) -> None:
    """Put the file into the cache from the first address that serves it with the right content."""
    try:
        import pooch
    except ImportError:
        raise DataError(f"{file.path} needs pooch to be downloaded; {_INSTALL}") from None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the data cache {place.parent} can't be made ({_why(error)}); {CACHE} needs to be a writable folder"
        ) from None
    tried = []
    for address in addresses:
        try:
            pooch.retrieve(
                address,
                known_hash=f"sha256:{file.sha256}",
                fname=place.name,
                path=place.parent,
                downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
            )
            return
        except (OSError, ValueError) as error:  # no network, refused, disk full; or a wrong sha256
            tried.append(f"  {address} ({_why(error)})")
    raise DataError(
        "\n".join(
            [
                f"{file.path} could not be downloaded; tried",
                *tried,
                f"it needs a network, or the file with sha256 {file.sha256} as",
                f"  {place}",
                f"or in a folder of the same layout that {MIRROR} names",
            ]
        )
    )


def _why(error: Exception) -> str:
    if isinstance(error, ValueError):
        return "served a file with another sha256"
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is not None:
        return f"answered {status}"
    return getattr(error, "strerror", None) or type(error).__name__
