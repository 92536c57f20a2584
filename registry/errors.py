"""Errors of the registry, each with a message of one sentence."""

import difflib
from collections.abc import Iterable


class ZooError(Exception):
    """A user's error: the message names the object, what it got and what it needs."""


class UnknownNameError(ZooError, LookupError):
    """Nothing has this name."""


class NameConflictError(ZooError, LookupError):
    """Two packages provide the same name."""


class PluginError(ZooError, ImportError):
    """A plugin is installed but can't be used."""


class DataError(ZooError):
    """The files of a dataset are missing or have the wrong checksum."""


class SettingError(ZooError, ValueError):
    """A setting does not exist or has a value that is not allowed."""


class Terminated(SystemExit):
    """A signal that ends the program, as an exception; unlike `sys.exit` in a plugin it is no error of the plugin."""


def shown(value: object) -> str:
    """Return a value as it stands in an error: not more than a line of it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean ...?' for the known names that look like this one, or nothing."""
    close = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.55)
    return f"; did you mean {' or '.join(close)}?" if close else ""
