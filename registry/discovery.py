"""Finding, listing, creating and refusing plugins.

Names come from package metadata alone; a plugin is imported when somebody asks for it, and its faults are its own.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Module
from neuralzoo.core.task import AXES, InputKind, Task, TaskKind
from neuralzoo.registry.architecture import Architecture, Figure, MakeOptimizer
from neuralzoo.registry.config import Config, parse
from neuralzoo.registry.errors import BrokenPlugin, Clash, SettingError, ZooError, nearest
from neuralzoo.registry.hookspecs import MakeHook
from neuralzoo.registry.installed import Entry, Kind, entries, find, offered, together
from neuralzoo.registry.loading import load, reason


@dataclass(frozen=True)
class Status:
    """What became of a plugin that was imported: what it brings, or the reason why it can't be used."""

    entry: Entry
    brought: Any = None
    reason: str = ""

    @property
    def architecture(self) -> Architecture | None:
        """The architecture that it brings."""
        return self.brought if isinstance(self.brought, Architecture) else None

    @property
    def state(self) -> Literal["ready", "unusable"]:
        """Whether it can be used, in a word."""
        return "unusable" if self.reason else "ready"


def get(name: str) -> Architecture:
    """Return the architecture of this name; `package:name` says which one where two packages clash.

    Raises: UnknownName, Clash or BrokenPlugin, each with what to do.
    """
    found: Architecture = load(find(name))
    return found


def trainer_hook(name: str) -> tuple[Entry, MakeHook]:
    """Return what makes the trainer hook of this name, and where it comes from.

    Raises: UnknownName, Clash or BrokenPlugin, each with what to do.
    """
    entry = find(name, "hook")
    return entry, load(entry)


def figure(name: str) -> Figure:
    """Return the figure of this name.

    Raises: UnknownName, Clash or BrokenPlugin, each with what to do.
    """
    found: Figure = load(find(name, "figure"))
    return found


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


def statuses(
    pattern: str = "*", *, kind: Kind = "architecture", also: Sequence[Entry] = (), strict: bool | None = None
) -> list[Status]:
    """Return what becomes of every plugin whose name matches a glob when it is imported; `glances` imports none.

    `also` is built in without an entry point: nothing is said about it, but its names are taken.

    Raises: BrokenPlugin or Clash for the first that can't be used, if `strict`, which without a word is whether
    NEURALZOO_STRICT is 1.
    """
    strict = os.environ.get("NEURALZOO_STRICT") == "1" if strict is None else strict
    return [_status(entry, clash, strict) for entry, clash in offered(pattern, kind, also)]


def _status(entry: Entry, clash: str, strict: bool) -> Status:
    try:
        if clash:
            raise Clash(clash)
        return Status(entry, load(entry))
    except ZooError as error:
        if strict:
            raise
        return Status(entry, None, str(error))


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
            sizes["lengths"] &= fitting[0] in ("sequence", "tokens")
            sizes["vocabulary"] = None
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
    except (Exception, SystemExit) as error:
        raise _can_not(error, architecture, "build") from error


def learner(
    architecture: Architecture, module: Module, config: Config, task: Task, make_optimizer: MakeOptimizer
) -> Learner:
    """Return what trains a network.

    Raises: SettingError when a setting does not suit the task; BrokenPlugin when the architecture's code fails.
    """
    try:
        return architecture.learner(module, config, task, make_optimizer)
    except ZooError:
        raise
    except ValueError as error:
        raise SettingError(f"{architecture.name} can't be trained: {error}") from error
    except (Exception, SystemExit) as error:
        raise _can_not(error, architecture, "learner") from error


def _can_not(error: BaseException, architecture: Architecture, what: str) -> BrokenPlugin:
    """Return the error of an architecture whose own code failed, with the package that it comes from."""
    module = architecture.config.__module__
    root = module.partition(".")[0]
    candidates = [e for e in entries().get(architecture.name, []) if e.root == root]
    told = reason(error, candidates[0] if len(candidates) == 1 else None)
    origin = together(candidates) or f"module {module}"
    return BrokenPlugin(f"{architecture.name!r} from {origin} can't be used: its {what} failed with {told}")
