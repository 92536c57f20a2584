"""What a data set is: what can be said about it unread, its arrays, and how one becomes the other."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import SettingError, Task

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


@dataclass(frozen=True)
class DataSet:
    """A data set in memory: tuples of arrays with one row for each example, the inputs first, the targets last.

    Sequences of different lengths are padded at their end and come as (inputs, lengths, targets); a target that is a
    token is -1 in the padding. `validation` is None unless the source fixes one; `tests` holds further test sets by
    name.

    Shapes: images (N, H, W, C) float32 in [0, 1]; sequences (N, T, D) float32; tokens (N, T) int64; rows (N, D)
    float32; labels (N,) int64; numbers to predict (N, D) float32.
    """

    name: str
    task: Task
    train: Arrays
    test: Arrays
    info: Info
    validation: Arrays | None = None
    classes: tuple[str, ...] = ()
    tests: Mapping[str, Arrays] = field(default_factory=dict)

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


Loader = Callable[..., DataSet]


@dataclass(frozen=True)
class Entry:
    """A data set by name: its description, and the function of (info, seed, **options) that makes it."""

    info: Info
    loader: Loader

    @property
    def options(self) -> dict[str, Any]:
        """The options of the loader with their defaults."""
        parameters = inspect.signature(self.loader).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    def load(self, seed: int, options: Mapping[str, Any]) -> DataSet:
        """Make the data set.

        Raises: SettingError when an option does not exist or has a value that is not allowed.
        """
        for key in options:
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                raise SettingError(f"data set {self.info.name} has no option {key!r}; it has {known}")
        return self.loader(self.info, seed, **options)


def at_least(name: str, value: int, minimum: int) -> None:
    """Refuse an option that is too small.

    Raises: SettingError when the value is below the minimum.
    """
    if value < minimum:
        raise SettingError(f"option {name} is {value}; it needs to be at least {minimum}")


def generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Return the generators of training and test: the size of one set does not change the other."""
    return np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
