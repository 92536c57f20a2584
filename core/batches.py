"""Data in mini-batches, and its order."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from neuralzoo.core.inputs import as_array
from neuralzoo.core.module import Array

Batch = tuple[Array, ...]


def inputs_of(batch: Batch) -> Any:
    """Return the inputs of a batch: all arrays but the last, the targets; a single one without its tuple."""
    return batch[0] if len(batch) == 2 else batch[:-1]


class Batches(Protocol):
    """Data in batches, epoch by epoch; the generator alone decides the order, so that a run can resume in mid-epoch."""

    def __len__(self) -> int:
        """Number of batches in an epoch."""

    def epoch(self, rng: np.random.Generator, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch from number `start` on."""


class ArrayBatches:
    """Arrays with one row for each example, split into batches; the last one may be smaller.

    Raises: ValueError when there are no examples, the arrays differ in length, a list is not made of numbers, or the
    size is not positive.
    """

    def __init__(self, arrays: Batch, size: int, *, shuffle: bool = False) -> None:
        arrays = tuple(a if isinstance(a, np.ndarray) else as_array("ArrayBatches", a) for a in arrays)
        lengths = {len(array) if array.ndim else 0 for array in arrays}
        if len(lengths) != 1 or lengths == {0}:
            raise ValueError(f"ArrayBatches got arrays of lengths {sorted(lengths)}; it needs one length of at least 1")
        if size < 1:
            raise ValueError(f"ArrayBatches got batch size {size}; it needs at least 1")
        self.arrays = arrays
        self.size = size
        self.shuffle = shuffle
        self.examples = lengths.pop()

    def __len__(self) -> int:
        return -(-self.examples // self.size)

    def epoch(self, rng: np.random.Generator, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch from number `start` on, in a new order if shuffled."""
        order = rng.permutation(self.examples) if self.shuffle else None
        for first in range(start * self.size, self.examples, self.size):
            rows = slice(first, first + self.size)
            yield tuple(array[rows] if order is None else array[order[rows]] for array in self.arrays)
