"""Datasets: their metadata, their arrays, and the loader that returns one for the other."""

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import create_model

from neuralzoo.core.module import Array
from neuralzoo.core.task import TARGETLESS_TASKS, Task, TaskKind
from neuralzoo.registry.config import Settings, parse, to_toml_value
from neuralzoo.registry.errors import SettingError, nearest

Arrays = tuple[Array, ...]


class File(NamedTuple):
    """A file of a dataset: its path in a mirror or cache, its checksum, its URLs."""

    path: str
    sha256: str
    urls: tuple[str, ...] = ()


class Sizes(NamedTuple):
    """Numbers of examples."""

    train: int
    test: int
    validation: int = 0


@dataclass(frozen=True)
class DatasetInfo:
    """The metadata of a dataset, known without reading it; task and sizes hold for its default options."""

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

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("http://", "https://")):  # pages lead to it
            raise ValueError(
                f"dataset {self.name} got url={self.url!r:.80}; it needs to begin with http:// or https://"
            )

    def with_task(self, kind: TaskKind) -> Task:
        """Return the task for another kind.

        Raises: SettingError when the dataset does not support it.
        """
        return _with_task(self.name, self.task, kind)


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory: tuples of arrays with one row for each example, the inputs first, the targets last.

    Where the task has `variable_length`, sequences are padded at their end and come as (inputs, lengths, targets); a
    target of class is -1 in the padding. `validation` is None unless the source fixes one; `extra_test_sets` are by
    name. `original_labels` are the targets of train, test and validation that the inputs replaced for reconstruction:
    for figures and evaluators, not for learning.

    Shapes: images (N, H, W, C) float32 in [0, 1]; sequences (N, T, D) float32; tokens (N, T) int64; tabular (N, D)
    float32; targets of class (N,) int64, (N, k) for several classes, (N, T) for one at each step; multilabel (N, K)
    or (N, T, K) float32 of 0 and 1; continuous (N, D) float32.
    """

    name: str
    task: Task
    train: Arrays
    test: Arrays
    info: DatasetInfo
    validation: Arrays | None = None
    classes: tuple[str, ...] = ()
    extra_test_sets: Mapping[str, Arrays] = field(default_factory=dict)
    original_labels: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        info: DatasetInfo,
        train: Arrays,
        test: Arrays,
        *,
        validation: Arrays | None = None,
        extra_test_sets: Mapping[str, Arrays] | None = None,
        task: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the dataset that `info` describes; `task` are the fields of its task that the options changed."""
        changed = info.task.model_copy(update=dict(task or {}))
        return cls(info.name, changed, train, test, info, validation, info.classes, extra_test_sets or {})

    def with_task(self, kind: TaskKind) -> Self:
        """Return the same examples for another kind of task.

        In reconstruction the targets are the inputs, and those that they replace become `original_labels`. Generation
        needs no targets: they stay as they are.

        Raises: SettingError when the dataset does not support it.
        """
        task = _with_task(self.name, self.task, kind)
        if kind == self.task.kind or kind == "generation":
            return replace(self, task=task)
        parts = {"train": self.train, "test": self.test}
        if self.validation is not None:
            parts["validation"] = self.validation
        return replace(
            self,
            task=task,
            train=_inputs_as_targets(self.train),
            test=_inputs_as_targets(self.test),
            validation=None if self.validation is None else _inputs_as_targets(self.validation),
            extra_test_sets={name: _inputs_as_targets(part) for name, part in self.extra_test_sets.items()},
            original_labels={name: part[-1] for name, part in parts.items()},
        )


def _with_task(name: str, task: Task, kind: TaskKind) -> Task:
    if kind == task.kind:
        return task
    able = [task.kind, *(other for other in TARGETLESS_TASKS if other != task.kind and task.input != "tokens")]
    if kind not in able:
        raise SettingError(f"dataset {name} got the task {kind!r}; it supports {', '.join(able)}")
    return task.model_copy(update={"kind": kind, "target": "continuous", "outputs": math.prod(task.shape)})


def _inputs_as_targets(part: Arrays) -> Arrays:
    return *part[:-1], part[0]


Loader = Callable[..., Dataset]


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset by name: its metadata, and its loader, a function of (info, seed, **options)."""

    info: DatasetInfo
    loader: Loader

    @property
    def options(self) -> dict[str, Any]:
        """The options of the loader with their defaults."""
        return {p.name: p.default for p in self._parameters}

    @property
    def options_model(self) -> type[Settings]:
        """The options of the loader as settings."""
        fields: Any = {p.name: (p.annotation, p.default) for p in self._parameters}
        return create_model("Options", __base__=Settings, **fields)

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        parameters = inspect.signature(self.loader, eval_str=True).parameters.values()
        return [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]

    def load(self, seed: int, options: Mapping[str, Any]) -> Dataset:
        """Load the dataset.

        Raises: SettingError when an option does not exist or has a value that is not allowed.
        """
        for key in options:
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                hint = nearest(key, self.options)
                raise SettingError(f"dataset {self.info.name} has no option {key!r}{hint} (it has {known})")
        chosen = parse(self.options_model, options, f"dataset {self.info.name}")
        return self.loader(self.info, seed, **{key: getattr(chosen, key) for key in options})


def entry_problem(entry: DatasetEntry) -> str:
    """Return in one sentence why an entry can't be used, or nothing."""
    if not isinstance(entry.info, DatasetInfo) or not callable(entry.loader):
        got = f"DatasetEntry(info={type(entry.info).__name__}, loader={type(entry.loader).__name__})"
        return f"its dataset is {got}; it needs a DatasetInfo and a function of (info, seed, **options)"
    bare = [name for name, default in entry.options.items() if default is inspect.Parameter.empty]
    if bare:
        return f"its loader has options without a default: {', '.join(bare)}; each needs one"
    try:
        to_toml_value(entry.options)
    except ValueError as error:
        return f"its loader has an option that can't be saved: {error}"
    return ""


def dataset_problem(data: Any) -> str:
    """Return what is wrong with the result of a loader, or nothing."""
    if not isinstance(data, Dataset):
        return f"{data!r:.80}; it needs to return a Dataset"
    parts = {"train": data.train, "test": data.test, **data.extra_test_sets}
    if data.validation is not None:
        parts["validation"] = data.validation
    for name, part in parts.items():
        rows = [np.shape(array)[:1] for array in part]
        if len(part) != 2 + data.task.variable_length or len(set(rows)) != 1 or rows[0] in ((), (0,)):
            needed = "inputs, lengths and targets" if data.task.variable_length else "inputs and targets"
            shapes = ", ".join(str(np.shape(array)) for array in part)
            return f"a {name} part of arrays of shape {shapes}; it needs {needed} with a row for each example"
        shape, task = np.shape(part[0])[1:], data.task
        if shape != task.shape and not (task.variable_length and shape[1:] == task.shape[1:]):
            return f"{name} examples of shape {shape}; its task needs {task.shape}"
    return ""


def digest(data: Dataset) -> str:
    """Return a hash of the content of a dataset: task, and dtype, shape and values of every array.

    It is the same in every process and on every machine.
    """
    found = hashlib.blake2b(data.task.model_dump_json().encode(), digest_size=16)
    parts = {"train": data.train, "validation": data.validation or (), "test": data.test, **data.extra_test_sets}
    parts |= {f"original {name}": (labels,) for name, labels in data.original_labels.items()}
    for name, arrays in parts.items():
        for array in arrays:
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            found.update(f"{name} {little.dtype.str} {array.shape}".encode())
            found.update(
                little.data if little.dtype.hasobject is False and little.size else repr(array.tolist()).encode()
            )
    return found.hexdigest()


def require_min(name: str, value: int, minimum: int) -> None:
    """Check that an option is large enough.

    Raises: SettingError when the value is below the minimum.
    """
    if value < minimum:
        raise SettingError(f"option {name} is {value}; it needs to be at least {minimum}")


def split_rngs(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Return the generators of training and test: the size of one set does not change the other."""
    return np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
