"""What can go wrong between a name and an architecture, each in one sentence."""

import difflib
from collections.abc import Iterable


class ZooError(Exception):
    """A mistake that its user can mend: the message names the thing, what it got and what it needs."""


class UnknownName(ZooError, LookupError):
    """There is nothing of this name."""


class Clash(ZooError, LookupError):
    """Two packages offer the same name."""


class BrokenPlugin(ZooError, ImportError):
    """A plugin is installed but can't be used."""


class DataError(ZooError):
    """The bytes of a data set are missing or are not the right ones."""


class SettingError(ZooError, ValueError):
    """A setting does not exist or has a value that is not allowed."""


class Terminated(SystemExit):
    """SIGTERM, as an exception that no plugin is asked about; `sys.exit` in a plugin is a fault of the plugin."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean ...?' for the known names that look like this one, or nothing."""
    close = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.55)
    return f"; did you mean {' or '.join(close)}?" if close else ""
