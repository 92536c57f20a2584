"""Buffers for temporaries: a workspace in training, a buffer pool in evaluation.

The operating system maps fresh memory page by page at the first write, which for an array of some megabytes takes
longer than the computation. In training a `Workspace` lends the same arrays at each step. In evaluation `empty` takes
large arrays from a buffer pool, which reuses a buffer only when no array and no view refers to it any more: to callers
the result is a new array.
"""

import math
import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MIN_POOLED = 32 * 1024  # elements; the C library keeps smaller arrays that are freed
MAX_POOLED_BYTES = 256 * 1024 * 1024  # of a thread


class Workspace:
    """Lends arrays until the next `reset`: every training step reuses the same memory."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._lent = 0

    def reset(self) -> None:
        """Take back every array."""
        self._lent = 0

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Lend an uninitialized array."""
        if self._lent == len(self._arrays):
            self._arrays.append(np.empty(shape, dtype))
        array = self._arrays[self._lent]
        if array.shape != shape or array.dtype != dtype:
            array = self._arrays[self._lent] = np.empty(shape, dtype)
        self._lent += 1
        return array


class _BufferPool(threading.local):
    """Buffers of one thread, by size in bytes; one is free when only its list refers to it."""

    def __init__(self) -> None:
        self.buffers: dict[int, list[Array]] = {}
        self.total = 0

    def buffer(self, size: int) -> Array:
        """Return a free buffer of `size` bytes: a pooled one, or a new one that joins the pool."""
        buffers = self.buffers.get(size, [])
        for i in range(len(buffers)):
            if sys.getrefcount(buffers[i]) == FREE_REFCOUNT:
                return buffers[i]
        if self.total + size > MAX_POOLED_BYTES:  # buffers in use live on with the arrays that refer to them
            self.buffers, self.total, buffers = {}, 0, []
        self.total += size
        self.buffers[size] = [*buffers, np.empty(size, np.uint8)]
        return self.buffers[size][-1]


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return an uninitialized array."""
    elements = math.prod(shape)
    if elements < MIN_POOLED:
        return np.empty(shape, dtype)
    kind = np.dtype(dtype)
    size = elements * kind.itemsize
    return (
        np.empty(shape, kind)
        if size > MAX_POOLED_BYTES or kind.hasobject
        else np.ndarray(shape, kind, POOL.buffer(size))
    )


def _refcount_of_free() -> int:
    """Return `sys.getrefcount` of an array that only a list refers to: it differs between Python versions."""
    buffers = [np.empty(1, np.uint8)]
    return sys.getrefcount(buffers[0])


FREE_REFCOUNT = _refcount_of_free()
POOL = _BufferPool()
