"""What a data set is: what can be said about it unread, its arrays, and how one becomes the other."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import create_model

from neuralzoo.core.module import Array
from neuralzoo.core.task import Task, TaskKind
from neuralzoo.registry.config import Settings, parse, spelled
from neuralzoo.registry.errors import SettingError, nearest

Arrays = tuple[Array, ...]


class File(NamedTuple):
    """A file that a data set is read from: its place in a mirror or cache, its check sum, where to get it."""

    path: str
    sha256: str
    addresses: tuple[str, ...] = ()


class Sizes(NamedTuple):
    """Numbers of examples."""

    train: int
    test: int
    validation: int = 0


@dataclass(frozen=True)
class Info:
    """Everything that can be said about a data set without reading it; task and sizes hold for its default options."""

    name: str
    summary: str
    task: Task
    sizes: Sizes
    kind: Literal["embedded", "download", "generated"]
    licence: str
    citation: str
    url: str
    classes: tuple[str, ...] = ()
    files: tuple[File, ...] = ()

    def asked_for(self, kind: TaskKind) -> Task:
        """Return the task when something else is asked for than what the data set was made for.

        Raises: SettingError when its examples do not serve that.
        """
        return _asked_for(self.name, self.task, kind)


@dataclass(frozen=True)
class DataSet:
    """A data set in memory: tuples of arrays with one row for each example, the inputs first, the targets last.

    Sequences of different lengths are padded at their end and come as (inputs, lengths, targets), which the task says
    with `lengths`; a target that is a class is -1 in the padding. `validation` is None unless the source fixes one;
    `tests` holds further test sets by name. `labels` holds the targets of train, test and validation that examples to
    be reconstructed had before: nothing learns from them, pictures and probes may look.

    Shapes: images (N, H, W, C) float32 in [0, 1]; sequences (N, T, D) float32; tokens (N, T) int64; rows (N, D)
    float32; labels (N,) int64, (N, k) where the answer is several classes, (N, T) where there is one for each step;
    marks (N, T, K) float32 of 0 and 1; numbers to predict (N, D) float32.
    """

    name: str
    task: Task
    train: Arrays
    test: Arrays
    info: Info
    validation: Arrays | None = None
    classes: tuple[str, ...] = ()
    tests: Mapping[str, Arrays] = field(default_factory=dict)
    labels: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        info: Info,
        train: Arrays,
        test: Arrays,
        *,
        validation: Arrays | None = None,
        tests: Mapping[str, Arrays] | None = None,
        task: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the data set that `info` describes; `task` is what the options changed in its task."""
        changed = info.task.model_copy(update=dict(task or {}))
        return cls(info.name, changed, train, test, info, validation, info.classes, tests or {})

    def asked_for(self, kind: TaskKind) -> Self:
        """Return the same examples for another kind of task.

        In reconstruction the targets are the inputs, and those that they replace become `labels`. In generation nobody
        needs targets: they stay what they are.

        Raises: SettingError when the examples do not serve that.
        """
        task = _asked_for(self.name, self.task, kind)
        if kind == self.task.kind or kind == "generation":
            return replace(self, task=task)
        parts = {"train": self.train, "test": self.test}
        if self.validation is not None:
            parts["validation"] = self.validation
        return replace(
            self,
            task=task,
            train=_copied_to_targets(self.train),
            test=_copied_to_targets(self.test),
            validation=None if self.validation is None else _copied_to_targets(self.validation),
            tests={name: _copied_to_targets(part) for name, part in self.tests.items()},
            labels={name: part[-1] for name, part in parts.items()},
        )


COPIES: tuple[TaskKind, ...] = ("reconstruction", "generation")


def _asked_for(name: str, task: Task, kind: TaskKind) -> Task:
    if kind == task.kind:
        return task
    able = [task.kind, *(other for other in COPIES if other != task.kind and task.input != "tokens")]
    if kind not in able:
        raise SettingError(f"data set {name} got the task {kind!r}; it serves {', '.join(able)}")
    return task.model_copy(update={"kind": kind, "answer": "numbers", "outputs": math.prod(task.shape)})


def _copied_to_targets(part: Arrays) -> Arrays:
    return *part[:-1], part[0]


Loader = Callable[..., DataSet]


@dataclass(frozen=True)
class Entry:
    """A data set by name: its description, and the function of (info, seed, **options) that makes it."""

    info: Info
    loader: Loader

    @property
    def options(self) -> dict[str, Any]:
        """The options of the loader with their defaults."""
        return {p.name: p.default for p in self._parameters}

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        parameters = inspect.signature(self.loader, eval_str=True).parameters.values()
        return [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]

    def load(self, seed: int, options: Mapping[str, Any]) -> DataSet:
        """Make the data set.

        Raises: SettingError when an option does not exist or has a value that is not allowed.
        """
        for key in options:
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                hint = nearest(key, self.options)
                raise SettingError(f"data set {self.info.name} has no option {key!r}{hint} (it has {known})")
        fields: Any = {p.name: (p.annotation, p.default) for p in self._parameters}
        model = create_model("Options", __base__=Settings, **fields)
        chosen = parse(model, options, f"data set {self.info.name}")
        return self.loader(self.info, seed, **{key: getattr(chosen, key) for key in options})


def fault(entry: Entry) -> str:
    """Say in one sentence why a declaration can't be used, or nothing."""
    if not isinstance(entry.info, Info) or not callable(entry.loader):
        got = f"Entry(info={type(entry.info).__name__}, loader={type(entry.loader).__name__})"
        return f"its data set is {got}; it needs an Info and a function of (info, seed, **options)"
    bare = [name for name, default in entry.options.items() if default is inspect.Parameter.empty]
    if bare:
        return f"its loader has options without a default: {', '.join(bare)}; each needs one"
    try:
        spelled(entry.options)
    except ValueError as error:
        return f"its loader has an option that can't be written down: {error}"
    return ""


def trouble(data: Any) -> str:
    """Say what is wrong with what a loader made, or nothing."""
    if not isinstance(data, DataSet):
        return f"{data!r:.80}; it needs to return a DataSet"
    parts = {"train": data.train, "test": data.test, **data.tests}
    if data.validation is not None:
        parts["validation"] = data.validation
    for name, part in parts.items():
        rows = [np.shape(array)[:1] for array in part]
        if len(part) != 2 + data.task.lengths or len(set(rows)) != 1 or rows[0] in ((), (0,)):
            needed = "inputs, lengths and targets" if data.task.lengths else "inputs and targets"
            told = ", ".join(str(np.shape(array)) for array in part)
            return f"a {name} part of arrays of shape {told}; it needs {needed} with a row for each example"
        shape, task = np.shape(part[0])[1:], data.task
        if shape != task.shape and not (task.lengths and shape[1:] == task.shape[1:]):
            return f"{name} examples of shape {shape}; its task needs {task.shape}"
    return ""


def at_least(name: str, value: int, minimum: int) -> None:
    """Refuse an option that is too small.

    Raises: SettingError when the value is below the minimum.
    """
    if value < minimum:
        raise SettingError(f"option {name} is {value}; it needs to be at least {minimum}")


def generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Return the generators of training and test: the size of one set does not change the other."""
    return np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
