"""What can be said about plugins without importing them: their declarations are read as text.

A declaration is a call with plain values, `Architecture(name=..., summary=..., tasks=...)`, in the module that the
entry point names; where it is not, the package's own summary has to do.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuralzoo.registry.installed import Entry, Kind, offered

DECLARATIONS: dict[Kind, str] = {"architecture": "Architecture", "data": "Info", "figure": "Figure"}
LARGEST = 200_000
"""Bytes of a module that is still read."""


@dataclass(frozen=True)
class Glance:
    """A plugin as its package describes it; `reason` says why it can't be used, where that can be seen from outside."""

    entry: Entry
    summary: str = ""
    tasks: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    reason: str = ""


def glances(pattern: str = "*", *, kind: Kind = "architecture", also: Sequence[Entry] = ()) -> list[Glance]:
    """Return what can be said about every installed plugin whose name matches a glob, without importing one.

    `also` is built in without an entry point: nothing is said about it, but its names are taken.
    """
    return [_glance(entry, clash) for entry, clash in offered(pattern, kind, also)]


def _glance(entry: Entry, clash: str) -> Glance:
    if clash or entry.fault:
        return Glance(entry, entry.summary, reason=clash or entry.unusable(entry.fault))
    declared = _declared(entry)
    return Glance(
        entry,
        " ".join(str(declared.get("summary") or entry.summary).split()),
        tuple(sorted(map(str, declared.get("tasks", ())))),
        tuple(sorted(map(str, declared.get("inputs", ())))),
    )


def source_of(entry: Entry) -> Path | None:
    """Return the file that an entry point names, without importing it, or nothing where there is none."""
    root, *parts = entry.module.split(".")
    try:
        spec = find_spec(root)  # imports nothing: the name has no dot
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not parts:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    places = [Path(folder, *parts) for folder in spec.submodule_search_locations or ()]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return next((file for file in files if file.is_file()), None)


def _declared(entry: Entry) -> dict[str, Any]:
    """Return the plain values of a declaration by name."""
    file = source_of(entry)
    try:
        if file is None or entry.kind not in DECLARATIONS or file.stat().st_size > LARGEST:
            return {}
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _called(call) == DECLARATIONS[entry.kind]:
            values = dict(_plain(call))
            if values.get("name") == entry.name:
                return values
    return {}


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _plain(call: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in call.keywords:
        value = keyword.value
        if isinstance(value, ast.Call) and _called(value) in ("frozenset", "set", "tuple") and len(value.args) == 1:
            value = value.args[0]
        try:
            if keyword.arg is not None:
                yield keyword.arg, ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
