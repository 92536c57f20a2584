"""Finding, listing, creating and refusing plugins.

Names come from package metadata alone; a plugin is imported when somebody asks for it, and its faults are its own.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import EntryPoint, distributions
from typing import Any, get_args

import numpy as np
import pluggy
from pydantic import ValidationError

from neuralzoo.core.module import Module
from neuralzoo.registry import hookspecs
from neuralzoo.registry.architecture import Architecture
from neuralzoo.registry.config import parse
from neuralzoo.registry.errors import BrokenPlugin, Clash, SettingError, UnknownName, ZooError, nearest
from neuralzoo.registry.explain import explain
from neuralzoo.registry.task import AXES, InputKind, Task, TaskKind

GROUP = "neuralzoo.plugins"
HOOK = "it needs a function architecture() marked with @hookimpl"


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

    @property
    def full_name(self) -> str:
        """The name that is clear where two packages clash: `package:name`."""
        return f"{_normalized(self.package)}:{self.name}"


@dataclass(frozen=True)
class Status:
    """What became of a plugin: its architecture, or the reason why there is none."""

    entry: Entry
    architecture: Architecture | None
    reason: str = ""


def entries() -> dict[str, list[Entry]]:
    """Return what is installed by name, more than one entry where packages clash.

    NEURALZOO_BLOCK, a list of `name` or `package:name` with commas between, is left out.
    """
    blocked = _blocked()
    found: dict[str, list[Entry]] = {}
    for entry in sorted(_installed(), key=lambda entry: (entry.name, entry.package)):
        if blocked.isdisjoint({entry.name, entry.full_name}):
            found.setdefault(entry.name, []).append(entry)
    return found


def names(pattern: str = "*") -> list[str]:
    """Return the names that match a glob, from metadata alone; capitals and small letters are the same to a glob."""
    return [name for name in entries() if fnmatchcase(name.lower(), pattern.lower())]


def get(name: str) -> Architecture:
    """Return the architecture of this name; `package:name` says which one where two packages clash.

    Raises: UnknownName, Clash or BrokenPlugin, each with what to do.
    """
    return _load(_find(name))


def matching(pattern: str = "*", *, task: TaskKind | None = None, input: InputKind | None = None) -> list[Architecture]:
    """Return the architectures whose name matches a glob and that can do a task and read an input.

    Only plugins whose name matches are imported. Those that can't be used are left out; `statuses` has them with
    their reasons.

    Raises: SettingError when there is no such kind of task or input.
    """
    for key, got, kinds in (("task", task, get_args(TaskKind)), ("input", input, get_args(InputKind))):
        if got is not None and got not in kinds:
            known = ", ".join(kinds)
            raise SettingError(f"matching got {key}={got!r}; it needs to be one of {known}{nearest(str(got), kinds)}")
    architectures = [status.architecture for status in statuses(pattern) if status.architecture is not None]
    return [
        architecture
        for architecture in architectures
        if (task is None or task in architecture.tasks) and (input is None or input in architecture.inputs)
    ]


def statuses(pattern: str = "*") -> list[Status]:
    """Return every installed plugin whose name matches a glob, loaded or with the reason why it is not.

    Raises: BrokenPlugin or Clash for the first that is not loaded, where NEURALZOO_STRICT is 1.
    """
    found: list[Status] = []
    known = entries()
    for name in names(pattern):
        for entry in (candidates := known[name]):
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
    chosen = architecture.example if task is None else task
    if not isinstance(chosen, Task):
        raise SettingError(f"create got task={task!r}; it needs to be a Task, or inputs= and outputs=")
    sizes: dict[str, Any] = chosen.model_dump()
    if outputs is not None:
        sizes["outputs"] = outputs
    if inputs is not None:
        sizes["shape"] = inputs
        axes = len(inputs) if isinstance(inputs, tuple | list) else 0
        fitting = [kind for kind in sorted(architecture.inputs) if len(AXES[kind]) == axes]
        if task is None and fitting and chosen.input not in fitting:
            sizes["input"] = fitting[0]  # three axes are an image also where the example is a table
    return build(architecture, settings, parse(Task, sizes, f"the task of {name}"), seed)


def build(architecture: Architecture, settings: dict[str, Any], task: Task, seed: int) -> Module:
    """Build a network for a task from validated settings.

    Raises: SettingError when a setting is wrong, or the architecture can't do the task; BrokenPlugin when its code
    fails.
    """
    if reason := architecture.refusal(task):
        raise SettingError(reason)
    config = architecture.configure(settings)
    try:
        return architecture.build(config, task, np.random.default_rng([seed, 0]))
    except (ValueError, MemoryError) as error:
        raise SettingError(f"{architecture.name} can't be built: {error}") from error
    except ZooError:  # of another architecture, which this one asked for by name
        raise
    except Exception as error:
        name = f"{architecture.name!r} from {_origin(architecture)}"
        raise BrokenPlugin(f"{name} can't be used: its build failed with {_reason(error)}") from error


def _installed() -> Iterator[Entry]:
    """Yield what packages declare; one whose metadata is damaged is skipped, for it may have nothing to do with us.

    Of two copies of a package the first on the path counts, as in an import.
    """
    seen: set[str] = set()
    for distribution in distributions():
        try:
            if GROUP not in (distribution.read_text("entry_points.txt") or ""):
                continue
            package, version = distribution.metadata["Name"], distribution.version
            points = list(distribution.entry_points.select(group=GROUP))
        except Exception:  # whatever a damaged file makes the standard library raise
            continue
        if package and _normalized(package) not in seen:
            seen.add(_normalized(package))
            yield from (Entry(point.name, package, version or "?", point) for point in points)


def _blocked() -> set[str]:
    return {name.strip() for name in os.environ.get("NEURALZOO_BLOCK", "").split(",")} - {""}


def _normalized(package: str) -> str:
    """Return a package's name as installers compare it: My_Net and my-net are the same."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _find(name: str) -> Entry:
    package, _, short = name.rpartition(":")
    known = entries()
    offered = known.get(short, [])
    candidates = [entry for entry in offered if not package or _normalized(entry.package) == _normalized(package)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise Clash(_clash(short, candidates))
    if offered:
        raise UnknownName(f"no package {package!r} offers {short!r}; it comes from {_and(offered)}")
    if not _blocked().isdisjoint({name, short}):
        raise UnknownName(f"{name!r} is left out by NEURALZOO_BLOCK={os.environ['NEURALZOO_BLOCK']}")
    raise UnknownName(f"no architecture is named {name!r}{nearest(short, known)} (`neuralzoo list` shows all)")


def _clash(name: str, candidates: list[Entry]) -> str:
    full = " or ".join(entry.full_name for entry in candidates)
    return f"{name!r} is offered by {_and(candidates)}; name the one you mean: {full}, or uninstall one"


def _and(candidates: list[Entry]) -> str:
    return " and ".join(entry.origin for entry in candidates)


def _origin(architecture: Architecture) -> str:
    """Return the packages that an architecture may come from, or its module where it is not installed."""
    module = architecture.config.__module__
    root = module.partition(".")[0]
    candidates = [e for e in entries().get(architecture.name, []) if e.point.module.partition(".")[0] == root]
    return _and(candidates) or f"module {module}"


@cache
def _load_point(point: EntryPoint) -> Architecture:
    manager = pluggy.PluginManager("neuralzoo")  # its own, so that a fault can't reach another plugin
    manager.add_hookspecs(hookspecs)
    plugin = point.load()
    manager.register(plugin, point.name)
    manager.check_pending()
    results = manager.hook.architecture()
    if len(results) != 1:
        raise BrokenPlugin(f"{point.value} has no hook; {HOOK}")
    found = results[0]
    if not isinstance(found, Architecture):
        raise BrokenPlugin(f"the hook of {point.value} returned {found!r:.80}; it needs to return an Architecture")
    if found.name != point.name:
        raise BrokenPlugin(f"its architecture is named {found.name!r}; it needs the entry point's name {point.name!r}")
    return found


def _load(entry: Entry) -> Architecture:
    try:
        with redirect_stdout(sys.stderr):  # what a plugin prints must not get between the lines of `list --json`
            return _load_point(entry.point)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # some libraries raise errors of their own that are no Exception
        raise BrokenPlugin(f"{entry.name!r} from {entry.origin} can't be used: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Say in one line what a plugin did wrong."""
    if isinstance(error, SystemExit):
        return f"importing it ended the program (exit {error.code}); it needs to be importable"
    if isinstance(error, BrokenPlugin):  # in our own words
        return str(error)
    if isinstance(error, ValidationError):
        owner = f"its {error.title}"
        model = Architecture if error.title == "Architecture" else None
        return explain(error, owner, model).removeprefix(f"{owner}: ")
    text = " ".join(str(error).split()) or "no message"
    if isinstance(error, ImportError) and (error.name or "").startswith("neuralzoo."):
        text += "; it may have been written for another version of neuralzoo"
    if isinstance(error, pluggy.PluginValidationError):
        text += f"; {HOOK}"
    return f"{type(error).__name__}: {text}"
