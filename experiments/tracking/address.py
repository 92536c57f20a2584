"""The address of a tracking store: which one is meant, its form, and what of it may be shown."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

from neuralzoo.registry import SettingError, ZooError

PACKAGES = {"mlflow": "MLflow", "psutil": "psutil", "PIL": "pillow"}  # by module
KNOWN = "sqlite:///mlflow.db or http://127.0.0.1:5000"
SCHEME = re.compile(r"(https?|databricks(-uc)?|(sqlite|postgresql|mysql|mssql)(\+\w+)?):.*", re.DOTALL)
READ_AS_URL = re.compile(r"%[0-9A-Fa-f]{2}|\?(?!\w+=[^/]*$)|[\x00-\x1f]")
"""In the path of a SQLite file: SQLAlchemy decodes the first, and takes what follows the second for options."""
USER_INFO = re.compile(r"(?<=://)[^/?#\s'\"]*@")
SECRET_OPTION = re.compile(r"(?i)(?<=[?&])([^=&\s]*(?:password|passwd|pwd|token|secret|user|key)[^=&\s]*)=[^&\s'\"]*")


class TrackingError(ZooError):
    """The tracking store can't be used; the message names the store and the reason."""


def missing_packages() -> str:
    """Return the packages that tracking needs and that are not installed, as text."""
    return " and ".join(name for module, name in PACKAGES.items() if find_spec(module) is None)


def resolve_uri(track: bool | None, uri: str | None) -> str | None:
    """Return the tracking URI of a run, None without tracking; `track=None` tracks if MLflow is installed.

    Raises: SettingError when tracking is requested and MLflow is not installed; TrackingError for an invalid URI.
    """
    if track is False:
        return None
    if missing := missing_packages():
        if track or uri:
            raise SettingError(f"tracking needs {missing}, not installed here; pip install 'neuralzoo[experiments]'")
        return None
    uri = uri or default_uri()
    check_address(uri)
    return uri


def resume_uri(recorded: str | None, track: bool | None, named: str | None) -> str | None:
    """Return the tracking URI of a resumed run: the named one, or the one in its folder where that may be contacted.

    A folder may come from elsewhere, and resuming sends user, host and settings to its store: a server has to be
    named here, by option or environment. A SQLite file that is there already is on this machine.

    Raises: SettingError when the recorded store is not named; TrackingError for an invalid URI.
    """
    if named is not None or track is False or recorded is None:
        return resolve_uri(track, named) if named is not None or track else None
    default = default_uri()
    if without_secrets(default) == recorded:
        return default  # with its user and password, which are in no file
    check_address(recorded)
    if (file := sqlite_file(recorded)) is not None and missing_file(recorded) is None and file.is_file():
        return recorded
    raise SettingError(
        f"the run was tracked in {redacted(recorded)}, which neither --tracking-uri nor MLFLOW_TRACKING_URI names; "
        "resuming it needs one of them, or --no-track"
    )


def default_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the URI of `mlflow.db` in the working directory."""
    if named := os.environ.get("MLFLOW_TRACKING_URI"):
        return named
    try:
        return f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    except FileNotFoundError:
        raise TrackingError("the working directory was deleted; tracking needs one, or --tracking-uri") from None


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store, None for another kind of store."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]).absolute()


def missing_file(uri: str) -> Path | None:
    """Return the file of a SQLite store that is not there, None for a store that is, or of another kind.

    Raises: TrackingError when its folder can't be looked into.
    """
    file = sqlite_file(uri)
    try:
        return None if file is None or file.exists() else file
    except OSError as error:
        raise TrackingError(f"the store {redacted(uri)} can't be used: {error.strerror}") from None


def check_address(uri: str) -> None:
    """Check the form of a tracking URI.

    Raises: TrackingError when it is invalid.
    """
    if not SCHEME.fullmatch(uri) or uri.rstrip("/") in ("sqlite:", "http:", "https:"):
        raise TrackingError(f"the tracking URI is {redacted(uri)!r}; it needs to be like {KNOWN}")
    path = uri.removeprefix("sqlite:///")
    if path != uri and (found := READ_AS_URL.search(path)) is not None:
        raise TrackingError(
            f"the store {uri!r} has {found[0]!r} in its path, which SQLAlchemy does not take literally; "
            "tracking needs another folder, --tracking-uri, or --no-track"
        )


def ui_option(recorded: str) -> str:
    """Return the option that makes `neuralzoo ui` show a store, empty for the default one."""
    return "" if recorded == without_secrets(default_uri()) else f" --tracking-uri {recorded}"


def redacted(text: str) -> str:
    """Return a URI, or text with URIs in it, with stars for users, passwords and tokens."""
    return SECRET_OPTION.sub(r"\1=***", USER_INFO.sub("***@", text))


def without_secrets(uri: str) -> str:
    """Return a tracking URI as it is written to files: without user, password and options."""
    return USER_INFO.sub("", uri) if sqlite_file(uri) else USER_INFO.sub("", uri).partition("?")[0]
