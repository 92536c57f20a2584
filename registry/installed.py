"""What is installed, from package metadata alone: nothing here imports a plugin."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Literal

from neuralzoo.registry.errors import Clash, UnknownName, nearest

GROUP = "neuralzoo.plugins"
KEYS = ("Name", "Version", "Summary")
NAME = re.compile(r"[a-z][a-z0-9_-]*")
OBJECT = re.compile(r"[\w.]+\s*(:\s*[\w.]+\s*)?(\[.*\])?")

Kind = Literal["architecture", "data", "hook", "figure"]
"""What a plugin brings; an entry point's name begins with it and a dot, unless it is an architecture."""

NOUNS: dict[Kind, str] = {
    "architecture": "architecture",
    "data": "data set",
    "hook": "trainer hook",
    "figure": "figure",
}
PREFIXES: dict[Kind, str] = {"data": "data.", "hook": "hook.", "figure": "figure."}
SHOWN_BY: dict[Kind, str] = {"architecture": "list", "data": "datasets", "hook": "doctor", "figure": "doctor"}


@dataclass(frozen=True)
class Entry:
    """A plugin as package metadata shows it, before anything is imported."""

    name: str
    package: str
    version: str
    point: EntryPoint
    kind: Kind = "architecture"
    summary: str = ""
    """What the package says about itself in one line."""

    @property
    def origin(self) -> str:
        """The package and version that bring it."""
        return f"{self.package} {self.version}"

    @property
    def full_name(self) -> str:
        """The name that is clear where two packages clash: `package:name`."""
        return f"{normalized(self.package)}:{self.name}"

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with the library."""
        return normalized(self.package) == "neuralzoo"

    @property
    def root(self) -> str:
        """The module that the others of the package are in."""
        return self.module.partition(".")[0]

    @property
    def module(self) -> str:
        """The module that it names."""
        return re.split(r"[:\[]", self.point.value, maxsplit=1)[0].strip()

    def unusable(self, reason: str) -> str:
        """Say that it can't be used, and why."""
        return f"{self.name!r} from {self.origin} can't be used: {reason}"

    @property
    def fault(self) -> str:
        """Why a plugin with this entry point can't be used, or nothing."""
        if not OBJECT.fullmatch(self.point.value.strip()):
            return f"its entry point is {self.point.value!r}; it needs to be a module, or module:object"
        if NAME.fullmatch(self.name):
            return ""
        kind, dot, _ = self.point.name.partition(".")
        newer = f"; a newer neuralzoo may know what {kind!r} is" if dot and NAME.fullmatch(kind) else ""
        return (
            f"the name of its entry point is {self.point.name!r}; it needs small letters, digits, - and _, "
            f"behind {', '.join(PREFIXES.values())} if it is no architecture{newer}"
        )


def entries(kind: Kind = "architecture") -> dict[str, list[Entry]]:
    """Return what is installed of a kind by name, more than one entry where packages clash.

    NEURALZOO_BLOCK, a list of entry points' names or `package:name` with commas between, is left out.
    """
    left_out = blocked()
    found: dict[str, list[Entry]] = {}
    for entry in sorted(_installed(), key=lambda entry: (entry.name, entry.package)):
        point = entry.point.name
        if entry.kind == kind and left_out.isdisjoint({point, f"{normalized(entry.package)}:{point}"}):
            found.setdefault(entry.name, []).append(entry)
    return found


def names(pattern: str = "*", *, kind: Kind = "architecture") -> list[str]:
    """Return the names that match a glob, from metadata alone; capitals and small letters are the same to a glob."""
    return [name for name in entries(kind) if matches(name, pattern)]


def offered(pattern: str = "*", kind: Kind = "architecture", also: Sequence[Entry] = ()) -> Iterator[tuple[Entry, str]]:
    """Yield every plugin whose name matches a glob, with the clash that it is part of, in words.

    `also` is built in without an entry point: it is not yielded, but its names are taken.
    """
    taken = {entry.name: [entry] for entry in also}
    for name, found in entries(kind).items():
        rivals = taken.get(name, []) + found
        if matches(name, pattern):
            yield from ((entry, clash(rivals) if len(rivals) > 1 else "") for entry in found)


def matches(name: str, pattern: str) -> bool:
    """Whether a name matches a glob; capitals and small letters are the same to it."""
    return fnmatchcase(name.lower(), pattern.lower())


def find(name: str, kind: Kind = "architecture", also: Sequence[Entry] = ()) -> Entry:
    """Return what a name stands for, among what is installed and what is built in without an entry point (`also`).

    Raises: UnknownName or Clash, each with what to do.
    """
    known = entries(kind)
    for entry in also:
        known[entry.name] = [entry, *known.get(entry.name, [])]
    package, _, short = ("", "", name) if name in known else name.rpartition(":")
    found = known.get(short, [])
    candidates = [entry for entry in found if not package or normalized(entry.package) == normalized(package)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise Clash(clash(candidates))
    if found:
        raise UnknownName(f"no package {package!r} offers {short!r}; it comes from {together(found)}")
    prefix = PREFIXES.get(kind, "")
    if not blocked().isdisjoint({f"{prefix}{short}", f"{normalized(package)}:{prefix}{short}"}):
        raise UnknownName(f"{name!r} is left out by NEURALZOO_BLOCK={os.environ['NEURALZOO_BLOCK']}")
    shown = f"(`neuralzoo {SHOWN_BY[kind]}` shows all)"
    raise UnknownName(f"no {NOUNS[kind]} is named {name!r}{nearest(short, known)} {shown}")


def clash(candidates: Sequence[Entry]) -> str:
    """Say in one sentence that several packages offer one name, and how to choose."""
    full = " or ".join(entry.full_name for entry in candidates)
    name = candidates[0].name
    return f"{name!r} is offered by {together(candidates)}; name the one you mean: {full}, or uninstall one"


def together(candidates: Sequence[Entry]) -> str:
    """Return the packages and versions of several plugins as text."""
    return " and ".join(entry.origin for entry in candidates)


def blocked() -> set[str]:
    """Return what NEURALZOO_BLOCK names."""
    return {name.strip() for name in os.environ.get("NEURALZOO_BLOCK", "").split(",")} - {""}


def normalized(package: str) -> str:
    """Return a package's name as installers compare it: My_Net and my-net are the same."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _installed() -> Iterator[Entry]:
    """Yield what packages declare; one whose metadata is damaged is skipped, for it may have nothing to do with us.

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


def _declared(distribution: Distribution) -> Iterator[Entry]:
    if GROUP not in (distribution.read_text("entry_points.txt") or ""):
        return
    told = distribution.metadata  # parsed anew each time it is asked for
    package, version, summary = (_printable(told[key] or "") if key in told else "" for key in KEYS)
    for point in distribution.entry_points.select(group=GROUP) if package else ():
        kind, name = _kind_and_name(point.name)
        yield Entry(_printable(name), package, version or "?", point, kind, summary)


def _kind_and_name(point: str) -> tuple[Kind, str]:
    for kind, prefix in PREFIXES.items():
        if point.startswith(prefix):
            return kind, point.removeprefix(prefix)
    return "architecture", point


def _printable(text: str) -> str:
    """Return text without signs that move the cursor of whoever prints it, in one line."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))
