"""Memory for passing results: large arrays that nobody holds any more are handed out again.

The system gives memory page by page as it is first written to, which for an array of some megabytes takes longer than
what is computed there. Here no array is handed out while anything refers to it or to a view of it: what came from
here is a new array to everybody, and lasts as long as it is held.
"""

import math
import sys
import threading

import numpy as np
import numpy.typing as npt

from neuralzoo.core.module import Array

MANY = 32 * 1024  # numbers; the C library keeps smaller arrays that are given back
MOST = 256 * 1024 * 1024  # bytes that a thread keeps at most


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
