"""Summaries of plugins without importing them: their declarations are read as text.

A declaration is a call with literal values, `Architecture(name=..., summary=..., tasks=...)`, in the module of the
entry point; where there is none, the package's own summary stands in.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuralzoo.registry.installed import Kind, PluginEntry, installed_plugins

DECLARATIONS: dict[Kind, str] = {"architecture": "Architecture", "dataset": "DatasetInfo", "figure": "Figure"}
MAX_SOURCE_BYTES = 200_000
"""The largest module that is read."""


@dataclass(frozen=True)
class PluginSummary:
    """A plugin as its package describes it; `problem` says why it can't be used, where metadata show that."""

    entry: PluginEntry
    summary: str = ""
    tasks: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    problem: str = ""


def summaries(
    pattern: str = "*", *, kind: Kind = "architecture", builtin: Sequence[PluginEntry] = ()
) -> list[PluginSummary]:
    """Return the summary of every installed plugin whose name matches a glob, without importing one.

    `builtin` are built in without an entry point: they get no summary, but their names are taken.
    """
    return [_summary(entry, conflict) for entry, conflict in installed_plugins(pattern, kind, builtin)]


def _summary(entry: PluginEntry, conflict: str) -> PluginSummary:
    if conflict or entry.problem:
        return PluginSummary(entry, entry.summary, problem=conflict or entry.unusable(entry.problem))
    declared = _declared(entry)
    return PluginSummary(
        entry,
        " ".join(str(declared.get("summary") or entry.summary).split()),
        tuple(sorted(map(str, declared.get("tasks", ())))),
        tuple(sorted(map(str, declared.get("inputs", ())))),
    )


def source_of(entry: PluginEntry) -> Path | None:
    """Return the file of an entry point, without importing it, or nothing where there is none."""
    root, *parts = entry.module.split(".")
    try:
        spec = find_spec(root)  # imports nothing: the name has no dot
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not parts:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    paths = [Path(folder, *parts) for folder in spec.submodule_search_locations or ()]
    files = [file for path in paths for file in (path / "__init__.py", path.with_suffix(".py"))]
    return next((file for file in files if file.is_file()), None)


def _declared(entry: PluginEntry) -> dict[str, Any]:
    """Return the literal values of a declaration by name."""
    file = source_of(entry)
    try:
        if file is None or entry.kind not in DECLARATIONS or file.stat().st_size > MAX_SOURCE_BYTES:
            return {}
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _called(call) == DECLARATIONS[entry.kind]:
            values = dict(_literals(call))
            if values.get("name") == entry.name:
                return values
    return {}


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _literals(call: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in call.keywords:
        value = keyword.value
        if isinstance(value, ast.Call) and _called(value) in ("frozenset", "set", "tuple") and len(value.args) == 1:
            value = value.args[0]
        try:
            if keyword.arg is not None:
                yield keyword.arg, ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
