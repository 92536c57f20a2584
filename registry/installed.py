"""Installed plugins, from package metadata alone: no plugin is imported here."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Literal

from neuralzoo.registry.errors import NameConflictError, UnknownNameError, nearest, shown

GROUP = "neuralzoo.plugins"
METADATA_KEYS = ("Name", "Version", "Summary")
NAME = re.compile(r"[a-z][a-z0-9_-]*")
OBJECT_REFERENCE = re.compile(r"[\w.]+\s*(:\s*[\w.]+\s*)?(\[.*\])?")

Kind = Literal["architecture", "dataset", "hook", "figure"]
"""What a plugin provides; an entry point's name begins with it and a dot, unless it is an architecture."""

NOUNS: dict[Kind, str] = {
    "architecture": "architecture",
    "dataset": "dataset",
    "hook": "trainer hook",
    "figure": "figure",
}
PREFIXES: dict[Kind, str] = {"dataset": "dataset.", "hook": "hook.", "figure": "figure."}
SHOWN_BY: dict[Kind, str] = {"architecture": "list", "dataset": "datasets", "hook": "doctor", "figure": "doctor"}


@dataclass(frozen=True)
class PluginEntry:
    """An installed plugin, as package metadata describes it."""

    name: str
    package: str
    version: str
    point: EntryPoint
    kind: Kind = "architecture"
    summary: str = ""
    """The package's summary in one line."""

    @property
    def distribution(self) -> str:
        """The package and version that provide it."""
        return f"{self.package} {self.version}"

    @property
    def full_name(self) -> str:
        """The name that is unique where two packages conflict: `package:name`."""
        return f"{normalized(self.package)}:{self.name}"

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with the library."""
        return normalized(self.package) == "neuralzoo"

    @property
    def root(self) -> str:
        """The top-level module of its package."""
        return self.module.partition(".")[0]

    @property
    def module(self) -> str:
        """The module of its entry point."""
        return re.split(r"[:\[]", self.point.value, maxsplit=1)[0].strip()

    def unusable(self, problem: str) -> str:
        """Return the sentence that says why it can't be used."""
        return f"{self.name!r} from {self.distribution} can't be used: {problem}"

    @property
    def problem(self) -> str:
        """Why a plugin with this entry point can't be used, or nothing."""
        if not OBJECT_REFERENCE.fullmatch(self.point.value.strip()):
            return f"its entry point is {self.point.value!r}; it needs to be a module, or module:object"
        if NAME.fullmatch(self.name):
            return ""
        kind, dot, _ = self.point.name.partition(".")
        newer = f"; a newer neuralzoo may know what {kind!r} is" if dot and NAME.fullmatch(kind) else ""
        return (
            f"the name of its entry point is {self.point.name!r}; it needs lower-case letters, digits, - and _, "
            f"behind {', '.join(PREFIXES.values())} if it is no architecture{newer}"
        )


def entries(kind: Kind = "architecture") -> dict[str, list[PluginEntry]]:
    """Return the installed plugins of a kind by name, more than one where packages conflict.

    Those that NEURALZOO_BLOCK lists, a comma-separated list of entry points' names or `package:name`, are skipped.
    """
    skipped = blocked()
    found: dict[str, list[PluginEntry]] = {}
    for entry in sorted(_installed(), key=lambda entry: (entry.name, entry.package)):
        point = entry.point.name
        if entry.kind == kind and skipped.isdisjoint({point, f"{normalized(entry.package)}:{point}"}):
            found.setdefault(entry.name, []).append(entry)
    return found


def names(pattern: str = "*", *, kind: Kind = "architecture") -> list[str]:
    """Return the names that match a glob, case-insensitively, from metadata alone."""
    return [name for name in entries(kind) if matches(name, pattern)]


def installed_plugins(
    pattern: str = "*", kind: Kind = "architecture", builtin: Sequence[PluginEntry] = ()
) -> Iterator[tuple[PluginEntry, str]]:
    """Yield every plugin whose name matches a glob, with the name conflict that it is part of as a sentence.

    `builtin` are built in without an entry point: they are not yielded, but their names are taken.
    """
    taken = {entry.name: [entry] for entry in builtin}
    for name, found in entries(kind).items():
        candidates = taken.get(name, []) + found
        if matches(name, pattern):
            yield from ((entry, conflict(candidates, entry)) for entry in found)


def matches(name: str, pattern: str) -> bool:
    """Return whether a name matches a glob, case-insensitively.

    Raises: UnknownNameError when the pattern is no text.
    """
    if not isinstance(pattern, str):
        raise UnknownNameError(f"names got the pattern {shown(pattern)}; it needs text, such as 'c*'")
    return fnmatchcase(name.lower(), pattern.lower())


def find(name: str, kind: Kind = "architecture", builtin: Sequence[PluginEntry] = ()) -> PluginEntry:
    """Return the plugin of a name, among the installed ones and those built in without an entry point (`builtin`).

    The name of a built-in one means that one, whatever else is installed: `package:name` means another package's.

    Raises: UnknownNameError or NameConflictError, each with what to do.
    """
    if not isinstance(name, str):
        raise UnknownNameError(f"{shown(name)} names no {NOUNS[kind]}; it needs text, such as 'fnn'")
    known = entries(kind)
    for entry in builtin:
        known[entry.name] = [entry, *known.get(entry.name, [])]
    package, _, short = ("", "", name) if name in known else name.rpartition(":")
    found = known.get(short, [])
    candidates = [entry for entry in found if not package or normalized(entry.package) == normalized(package)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        own = [entry for entry in candidates if entry.is_built_in]
        if own:
            return own[0]
        raise NameConflictError(conflict(candidates, candidates[0]))
    if found:
        raise UnknownNameError(f"no package {package!r} provides {short!r}; it comes from {join_distributions(found)}")
    prefix = PREFIXES.get(kind, "")
    if not blocked().isdisjoint({f"{prefix}{short}", f"{normalized(package)}:{prefix}{short}"}):
        raise UnknownNameError(f"{name!r} is skipped by NEURALZOO_BLOCK={os.environ['NEURALZOO_BLOCK']}")
    listing = f"(`neuralzoo {SHOWN_BY[kind]}` shows all)"
    raise UnknownNameError(f"no {NOUNS[kind]} is named {shown(name)}{nearest(short, known)} {listing}")


def conflict(candidates: Sequence[PluginEntry], entry: PluginEntry) -> str:
    """Return the sentence that says why a name does not mean this one of its candidates, or nothing if it does."""
    if len(candidates) == 1 or entry.is_built_in:
        return ""
    if any(other.is_built_in for other in candidates):
        return f"{entry.name!r} is a built-in name; that of {entry.distribution} needs its full name {entry.full_name}"
    full = " or ".join(entry.full_name for entry in candidates)
    name = candidates[0].name
    return f"{name!r} is provided by {join_distributions(candidates)}; name the one you mean: {full}, or uninstall one"


def join_distributions(candidates: Sequence[PluginEntry]) -> str:
    """Return the packages and versions of several plugins as text."""
    return " and ".join(entry.distribution for entry in candidates)


def blocked() -> set[str]:
    """Return the names in NEURALZOO_BLOCK."""
    return {name.strip() for name in os.environ.get("NEURALZOO_BLOCK", "").split(",")} - {""}


def normalized(package: str) -> str:
    """Return a package's name as installers compare it: My_Net and my-net are the same."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _installed() -> Iterator[PluginEntry]:
    """Yield what packages declare; one whose metadata is damaged is skipped, for it may not be a plugin.

    Of two copies of a package the first on the path counts, as in an import.
    """
    seen: set[str] = set()
    for distribution in distributions():
        try:
            found = list(_declared(distribution))
        except Exception:  # whatever a damaged file makes the standard library raise
            continue
        if found and (package := normalized(found[0].package)) not in seen:
            seen.add(package)
            yield from found


def _declared(distribution: Distribution) -> Iterator[PluginEntry]:
    if GROUP not in (distribution.read_text("entry_points.txt") or ""):
        return
    metadata = distribution.metadata  # parsed anew at each access
    package, version, summary = (_printable(metadata[key] or "") if key in metadata else "" for key in METADATA_KEYS)
    for point in distribution.entry_points.select(group=GROUP) if package else ():
        kind, name = _kind_and_name(point.name)
        yield PluginEntry(_printable(name), package, version or "?", point, kind, summary)


def _kind_and_name(point: str) -> tuple[Kind, str]:
    for kind, prefix in PREFIXES.items():
        if point.startswith(prefix):
            return kind, point.removeprefix(prefix)
    return "architecture", point


def _printable(text: str) -> str:
    """Return text in one line, without control characters that would move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))
