"""Finding, listing and creating plugins.

Names come from package metadata alone; a plugin is imported on first use, and its errors are isolated.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, get_args

import numpy as np

from neuralzoo.core.capacity import BoundedGenerator
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.core.task import AXES, InputKind, Task, TaskKind
from neuralzoo.registry.architecture import Architecture, Figure, OptimizerFactory
from neuralzoo.registry.config import Config, parse
from neuralzoo.registry.errors import (
    NameConflictError,
    PluginError,
    SettingError,
    Terminated,
    ZooError,
    nearest,
    shown,
)
from neuralzoo.registry.hookspecs import HookFactory
from neuralzoo.registry.installed import Kind, PluginEntry, entries, find, installed_plugins, join_distributions
from neuralzoo.registry.loading import load, problem
from neuralzoo.registry.trial import fatal_problems

LEARNER_METHODS = ("prepare", "learn", "evaluate", "evaluate_all", "num_examples")


@dataclass(frozen=True)
class PluginStatus:
    """An imported plugin: what it provides, or the problem why it can't be used."""

    entry: PluginEntry
    provided: Any = None
    problem: str = ""

    @property
    def architecture(self) -> Architecture | None:
        """The architecture that it provides."""
        return self.provided if isinstance(self.provided, Architecture) else None

    @property
    def state(self) -> Literal["ready", "unusable"]:
        """Whether it can be used, in a word."""
        return "unusable" if self.problem else "ready"


def get(name: str) -> Architecture:
    """Return the architecture of this name; `package:name` picks one where two packages conflict.

    Raises: UnknownNameError, NameConflictError or PluginError, each with what to do.
    """
    found: Architecture = load(find(name))
    return found


def trainer_hook(name: str) -> tuple[PluginEntry, HookFactory]:
    """Return the factory of the trainer hook of this name, and its entry.

    Raises: UnknownNameError, NameConflictError or PluginError, each with what to do.
    """
    entry = find(name, "hook")
    return entry, load(entry)


def figure(name: str) -> Figure:
    """Return the figure of this name.

    Raises: UnknownNameError, NameConflictError or PluginError, each with what to do.
    """
    found: Figure = load(find(name, "figure"))
    return found


def matching(pattern: str = "*", *, task: TaskKind | None = None, input: InputKind | None = None) -> list[Architecture]:
    """Return the architectures whose name matches a glob and that support a task and an input.

    Only plugins whose name matches are imported. Those that can't be used are skipped; `statuses` has them with
    their problems.

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
    pattern: str = "*", *, kind: Kind = "architecture", builtin: Sequence[PluginEntry] = (), strict: bool | None = None
) -> list[PluginStatus]:
    """Import every plugin whose name matches a glob, and return their statuses; `summaries` imports none.

    Those of other packages are imported in a child process first, which one that hangs or exits can't take along.
    `builtin` are built in without an entry point: they get no status, but their names are taken.

    Raises: PluginError or NameConflictError for the first that can't be used, if `strict`; the default is whether
    NEURALZOO_STRICT is 1.
    """
    strict = os.environ.get("NEURALZOO_STRICT") == "1" if strict is None else strict
    found = list(installed_plugins(pattern, kind, builtin))
    fatal = fatal_problems([entry for entry, conflict in found if not conflict])
    return [_status(entry, conflict, fatal.get(entry, ""), strict) for entry, conflict in found]


def _status(entry: PluginEntry, conflict: str, fatal: str, strict: bool) -> PluginStatus:
    try:
        if fatal:
            raise PluginError(entry.unusable(fatal))
        if conflict:
            raise NameConflictError(conflict)
        return PluginStatus(entry, load(entry))
    except ZooError as error:
        if strict:
            raise
        return PluginStatus(entry, None, str(error))


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

    `inputs` is the shape of one example and `outputs` the number of classes or of dimensions of a target; by default
    those of the architecture's example task. `settings` are those of its Config.

    Raises: UnknownNameError, NameConflictError, PluginError; SettingError when a setting is wrong or the network can't
    be built with it.
    """
    architecture = get(name)
    chosen = architecture.example if task is None else task
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SettingError(f"create got seed={shown(seed)}; it needs a whole number of at least 0")
    if not isinstance(chosen, Task):
        raise SettingError(f"create got task={task!r}; it needs to be a Task, or inputs= and outputs=")
    sizes: dict[str, Any] = chosen.model_dump()
    if outputs is not None:
        sizes["outputs"] = outputs
    if inputs is not None:
        sizes["shape"] = inputs
        if task is None and isinstance(inputs, tuple | list):
            sizes["input"] = kind = _kind_of(inputs, architecture)
            sizes["variable_length"] &= kind in ("sequence", "tokens")
            sizes["vocab_size"] = chosen.vocab_size if kind == "tokens" else None
    return build(architecture, settings, parse(Task, sizes, f"the task of {name}"), seed)


def _kind_of(inputs: Sequence[int], architecture: Architecture) -> InputKind:
    """Return the kind of examples of a shape: that of the example task, or the only other one that it can be.

    Raises: SettingError when there is none, or when two axes may also be an image without its channels.
    """
    example = architecture.example.input
    if len(AXES[example]) == len(inputs):
        return example
    known: list[InputKind] = sorted(architecture.inputs - {"tokens"})  # a shape gives no vocabulary
    fitting = [kind for kind in known if len(AXES[kind]) == len(inputs)]
    if fitting and not (example == "image" and len(inputs) == 2):
        return fitting[0]  # three axes are an image also where the example is a table
    needed = [f"({', '.join(AXES[kind])}) for {kind} inputs" for kind in known if kind not in fitting]
    by_task = [*fitting, *({"tokens"} & architecture.inputs)]
    needed += [f"task=Task(input={kind!r}, ...)" for kind in by_task]
    raise SettingError(f"{architecture.name} got inputs={tuple(inputs)}; it needs {' or '.join(needed)}")


def build(architecture: Architecture, settings: dict[str, Any], task: Task, seed: int) -> Module:
    """Build a network for a task from validated settings.

    Raises: SettingError when a setting is wrong, or the architecture does not support the task; PluginError when its
    code fails.
    """
    if unsupported := architecture.unsupported(task):
        raise SettingError(unsupported)
    config = architecture.configure(settings)
    try:
        module = architecture.build(config, task, BoundedGenerator(np.random.PCG64([seed, 0])))
    except (ValueError, MemoryError) as error:
        raise SettingError(f"{architecture.name} can't be built: {error}") from error
    except (ZooError, Terminated):  # the first of another architecture, which this one named
        raise
    except (Exception, SystemExit) as error:
        raise _plugin_error(error, architecture, "build") from error
    if task.input == "tokens" and isinstance(module, Module):
        module.reads_tokens = True
    return module


def learner(
    architecture: Architecture, module: Module, config: Config, task: Task, optimizer_factory: OptimizerFactory
) -> Learner:
    """Return the learner of a network; what it raises later names the architecture and its package.

    Raises: SettingError when a setting does not suit the task; PluginError when the architecture's code fails.
    """
    try:
        made = architecture.learner(module, config, task, optimizer_factory)
    except (ZooError, Terminated):
        raise
    except ValueError as error:
        raise SettingError(f"{architecture.name} can't be trained: {error}") from error
    except (Exception, SystemExit) as error:
        raise _plugin_error(error, architecture, "learner") from error
    if not isinstance(made, Learner):
        raise PluginError(
            f"{architecture.name!r} from {_source(architecture)} can't be used: its learner returned "
            f"{type(made).__name__}; it needs to return a Learner"
        )
    for name in LEARNER_METHODS:
        setattr(made, name, _isolated(getattr(made, name), architecture))
    return made


def _isolated(method: Callable[..., Any], architecture: Architecture) -> Callable[..., Any]:
    """Return a learner's method whose errors are a SettingError, of a ValueError, or else a PluginError."""

    @wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return method(*arguments, **named)
        except (ZooError, Terminated, DivergenceError, MemoryError):
            raise
        except ValueError as error:  # it refuses what it got
            text = " ".join(str(error).split()) or "no message"
            raise SettingError(
                f"{architecture.name!r} from {_source(architecture)} can't be trained: {text}"
            ) from error
        except (Exception, SystemExit) as error:
            raise _plugin_error(error, architecture, method.__name__) from error

    return call


def _plugin_error(error: BaseException, architecture: Architecture, what: str) -> PluginError:
    """Return the error of an architecture whose own code failed, with its package."""
    candidates = _entries_of(architecture)
    cause = problem(error, candidates[0] if len(candidates) == 1 else None)
    return PluginError(
        f"{architecture.name!r} from {_source(architecture)} can't be used: its {what} failed with {cause}"
    )


def _source(architecture: Architecture) -> str:
    """Return the package of an architecture, or its module where no package offers it."""
    return join_distributions(_entries_of(architecture)) or f"module {architecture.config.__module__}"


def _entries_of(architecture: Architecture) -> list[PluginEntry]:
    root = architecture.config.__module__.partition(".")[0]
    return [e for e in entries().get(architecture.name, []) if e.root == root]
