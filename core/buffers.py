"""Memory for passing results.

The system gives it page by page as it is first written to, which for an array of some megabytes takes longer than what
is computed there.

In training a `Workspace` lends the same arrays at each step. In evaluation `empty` hands large arrays out again that
nobody holds any more: none while anything refers to it or to a view of it, so that what came from here is a new array
to everybody, and lasts as long as it is held.
"""

import math
import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MANY = 32 * 1024  # numbers; the C library keeps smaller arrays that are given back
MOST = 256 * 1024 * 1024  # bytes that a thread keeps at most


class Workspace:
    """Lends arrays until the next `reset` takes all of them back: every training step works in the same memory."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._lent = 0

    def reset(self) -> None:
        """Take back every array."""
        self._lent = 0

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Lend an array whose values are not set."""
        if self._lent == len(self._arrays):
            self._arrays.append(np.empty(shape, dtype))
        array = self._arrays[self._lent]
        if array.shape != shape or array.dtype != dtype:
            array = self._arrays[self._lent] = np.empty(shape, dtype)
        self._lent += 1
        return array


class Kept(threading.local):
    """The memory of one thread, by size in bytes; a block is free when only its list refers to it."""

    def __init__(self) -> None:
        self.blocks: dict[int, list[Array]] = {}
        self.total = 0

    def block(self, size: int) -> Array:
        """Return a free block of so many bytes: one that is kept, or a new one that will be."""
        blocks = self.blocks.get(size, [])
        for i in range(len(blocks)):
            if sys.getrefcount(blocks[i]) == FREE:
                return blocks[i]
        if self.total + size > MOST:  # what is held lives on with its holders
            self.blocks, self.total, blocks = {}, 0, []
        self.total += size
        self.blocks[size] = [*blocks, np.empty(size, np.uint8)]
        return self.blocks[size][-1]


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return an array whose values are not set."""
    numbers = math.prod(shape)
    if numbers < MANY:
        return np.empty(shape, dtype)
    kind = np.dtype(dtype)
    size = numbers * kind.itemsize
    return np.empty(shape, kind) if size > MOST or kind.hasobject else np.ndarray(shape, kind, KEPT.block(size))


def _count_of_one() -> int:
    """Return what `sys.getrefcount` says of an array that only a list refers to: it differs between versions."""
    blocks = [np.empty(1, np.uint8)]
    return sys.getrefcount(blocks[0])


FREE = _count_of_one()
KEPT = Kept()
