"""Finding, listing, creating and refusing plugins.

Names come from package metadata alone; a plugin is imported when somebody asks for it, and its faults are its own.
"""

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import numpy as np
import pluggy

from neuralzoo.core.module import Module
from neuralzoo.registry import hookspecs
from neuralzoo.registry.architecture import Architecture
from neuralzoo.registry.errors import BrokenPlugin, Clash, SettingError, UnknownName, ZooError, nearest
from neuralzoo.registry.task import InputKind, Task, TaskKind

GROUP = "neuralzoo.plugins"


@dataclass(frozen=True)
class Entry:
    """A plugin as package metadata shows it, before anything is imported."""

    name: str
    package: str
    version: str
    point: EntryPoint

    @property
    def origin(self) -> str:
        """The package and version that bring it."""
        return f"{self.package} {self.version}"


@dataclass(frozen=True)
class Status:
    """What became of a plugin: its architecture, or the reason why there is none."""

    entry: Entry
    architecture: Architecture | None
    reason: str = ""


def entries() -> dict[str, list[Entry]]:
    """Return what is installed by name, more than one entry where packages clash; NEURALZOO_BLOCK is left out."""
    blocked = {name.strip() for name in os.environ.get("NEURALZOO_BLOCK", "").split(",")}
    found: dict[str, list[Entry]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if point.name not in blocked:
            package, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "?")
            found.setdefault(point.name, []).append(Entry(point.name, package, version, point))
    return found


def names(pattern: str = "*") -> list[str]:
    """Return the names that match a glob, from metadata alone."""
    return [name for name in entries() if fnmatchcase(name, pattern)]


def get(name: str) -> Architecture:
    """Return the architecture of this name; `package:name` says which one where two packages clash.

    Raises: UnknownName, Clash or BrokenPlugin, each with what to do.
    """
    return _load(_find(name))


def matching(pattern: str = "*", *, task: TaskKind | None = None, input: InputKind | None = None) -> list[Architecture]:
    """Return the architectures whose name matches a glob and that can do a task and read an input.

    Plugins that can't be used are left out; `statuses` has them with their reasons.
    """
    architectures = [status.architecture for status in statuses() if status.architecture is not None]
    return [
        architecture
        for architecture in architectures
        if fnmatchcase(architecture.name, pattern)
        and (task is None or task in architecture.tasks)
        and (input is None or input in architecture.inputs)
    ]


def statuses() -> list[Status]:
    """Return every installed plugin, loaded or with the reason why it is not."""
    found: list[Status] = []
    for name, candidates in entries().items():
        for entry in candidates:
            try:
                if len(candidates) > 1:
                    raise Clash(_clash(name, candidates))
                found.append(Status(entry, _load(entry)))
            except ZooError as error:
                if os.environ.get("NEURALZOO_STRICT") == "1":
                    raise
                found.append(Status(entry, None, str(error)))
    return found


def create(
    name: str,
    *,
    inputs: tuple[int, ...] | None = None,
    outputs: int | None = None,
    task: Task | None = None,
    seed: int = 0,
    **settings: Any,
) -> Module:
    """Build a network by its architecture's name.

    `inputs` is the shape of one example and `outputs` the number of classes or numbers in an answer; without them
    the architecture's example task decides. `settings` are those of its Config.

    Raises: UnknownName, Clash, BrokenPlugin; SettingError when a setting is wrong or the network can't be built so.
    """
    architecture = get(name)
    chosen = task or architecture.example
    if inputs is not None:
        chosen = chosen.model_copy(update={"shape": tuple(inputs)})
    if outputs is not None:
        chosen = chosen.model_copy(update={"outputs": outputs})
    return build(architecture, settings, chosen, seed)


def build(architecture: Architecture, settings: dict[str, Any], task: Task, seed: int) -> Module:
    """Build a network for a task from validated settings.

    Raises: SettingError when a setting is wrong, or the architecture can't do the task.
    """
    if task.kind not in architecture.tasks:
        able = ", ".join(sorted(architecture.tasks))
        raise SettingError(f"{architecture.name} got the task {task.kind!r}; it can do {able}")
    if task.input not in architecture.inputs:
        able = ", ".join(sorted(architecture.inputs))
        raise SettingError(f"{architecture.name} got {task.input} inputs; it can read {able}")
    config = architecture.configure(settings)
    try:
        return architecture.build(config, task, np.random.default_rng([seed, 0]))
    except ValueError as error:
        raise SettingError(f"{architecture.name} can't be built: {error}") from error


def _find(name: str) -> Entry:
    package, _, short = name.rpartition(":")
    known = entries()
    candidates = [e for e in known.get(short, []) if not package or e.package == package]
    if not candidates:
        raise UnknownName(f"no architecture is named {name!r}{nearest(short, known)} (`neuralzoo list` shows all)")
    if len(candidates) > 1:
        raise Clash(_clash(short, candidates))
    return candidates[0]


def _clash(name: str, candidates: list[Entry]) -> str:
    packages = " and ".join(entry.origin for entry in candidates)
    full = " or ".join(f"{entry.package}:{name}" for entry in candidates)
    return f"{name!r} is offered by {packages}; name the one you mean: {full}, or uninstall one"


@cache
def _load_point(point: EntryPoint) -> Architecture:
    manager = pluggy.PluginManager("neuralzoo")  # its own, so that a fault can't reach another plugin
    manager.add_hookspecs(hookspecs)
    plugin = point.load()
    manager.register(plugin, point.name)
    manager.check_pending()
    results = manager.hook.architecture()
    if len(results) != 1 or not isinstance(results[0], Architecture):
        raise TypeError(
            f"{point.value} gave {results!r}; it needs one hook `architecture` that returns an Architecture"
        )
    if results[0].name != point.name:
        raise ValueError(
            f"its architecture is named {results[0].name!r}; it needs the entry point's name {point.name!r}"
        )
    architecture: Architecture = results[0]
    return architecture


def _load(entry: Entry) -> Architecture:
    try:
        return _load_point(entry.point)
    except (Exception, SystemExit) as error:
        if isinstance(error, ZooError) and not isinstance(error, SettingError):
            raise
        raise BrokenPlugin(f"{entry.name!r} from {entry.origin} can't be used: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Say in one line what a plugin did wrong."""
    if isinstance(error, SystemExit):
        return f"importing it ended the program (exit {error.code}); it needs to be importable"
    if hasattr(error, "errors") and callable(error.errors):  # pydantic
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}"
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"
