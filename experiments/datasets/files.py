"""Files of datasets: embedded in the package, from a mirror, the cache, or public URLs.

The sha256 of the bytes is checked in memory before they are used. A mirror is never written to, and a file in the
cache is never replaced.
"""

import hashlib
import os
from importlib.resources import files
from pathlib import Path

from neuralzoo.registry import DataError
from neuralzoo.registry.dataset import File

MIRROR = "NEURALZOO_DATA_MIRROR"
CACHE = "NEURALZOO_DATA_DIR"
TIMEOUT_S = 10.0  # without a response, before the next URL is tried


def embedded(file: File) -> bytes:
    """Return the content of an embedded file.

    Raises: DataError when it is missing or damaged.
    """
    path = files(__package__).joinpath("embedded", file.path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{file.path} can't be read ({_why(error)}); it needs neuralzoo installed anew") from None
    return _checked(content, file, str(path), "neuralzoo installed anew")


def read(file: File) -> bytes:
    """Return the content of a public file from the mirror, the cache, or the first URL that serves it.

    Raises: DataError when nothing serves it, or the mirror or cache holds another content.
    """
    mirror = os.environ.get(MIRROR, "")
    if not mirror or _is_url(mirror):
        return _from_cache(file, (f"{mirror.rstrip('/')}/{file.path}",) if mirror else ())
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        raise DataError(f"{MIRROR} is {mirror!r}; it needs a folder that exists or an http(s) URL")
    path = folder / file.path
    if path.exists():
        return _from_disk(file, path, "another file there, or none")
    return _from_cache(file, ())


def cache_folder() -> Path:
    """Return the folder of downloads.

    Raises: DataError when neither the environment nor pooch names one.
    """
    folder = os.environ.get(CACHE)
    if folder:
        return Path(folder).expanduser()
    try:
        import pooch  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(f"without pooch the data cache is unknown; set {CACHE}, or {_INSTALL}") from None
    return Path(pooch.os_cache("neuralzoo"))


_INSTALL = "install pooch with: pip install 'neuralzoo[experiments]'"


def _is_url(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def _from_cache(file: File, first: tuple[str, ...]) -> bytes:
    path = cache_folder() / file.path
    if not path.exists():
        _download(file, (*first, *file.urls), path)
    return _from_disk(file, path, "to be removed or replaced by you, for it is never overwritten")


def _from_disk(file: File, path: Path, remedy: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read ({_why(error)}); it needs to be a readable file") from None
    return _checked(content, file, str(path), remedy)


def _checked(content: bytes, file: File, path: str, remedy: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise DataError(f"{path} has sha256 {found}, not {file.sha256}; it is not used and needs {remedy}")
    return content


def _download(file: File, urls: tuple[str, ...], path: Path) -> None:
    """Download the file into the cache from the first URL that serves it with the right checksum."""
    try:
        import pooch
    except ImportError:
        raise DataError(f"{file.path} needs pooch to be downloaded; {_INSTALL}") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the data cache {path.parent} can't be made ({_why(error)}); {CACHE} needs to be a writable folder"
        ) from None
    tried = []
    for url in urls:
        try:
            pooch.retrieve(
                url,
                known_hash=f"sha256:{file.sha256}",
                fname=path.name,
                path=path.parent,
                downloader=pooch.HTTPDownloader(timeout=TIMEOUT_S),
            )
            return
        except (OSError, ValueError) as error:  # no network, refused, disk full; or a wrong sha256
            tried.append(f"  {url} ({_why(error)})")
    raise DataError(
        "\n".join(
            [
                f"{file.path} could not be downloaded; tried",
                *tried,
                f"it needs a network, or the file with sha256 {file.sha256} as",
                f"  {path}",
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
        return f"responded {status}"
    return getattr(error, "strerror", None) or type(error).__name__
