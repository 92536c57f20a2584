"""Sums and maxima of rows, several times faster than `sum(axis=-1)` and `max(axis=-1)` where rows are short."""

from functools import lru_cache
from typing import Any

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.module import Array

FEW = 1024


def row_sum(x: Array) -> Array:
    """Return the sums along the last axis, which stays with length 1: a matrix product with ones."""
    sums: Array = x.reshape(-1, x.shape[-1]) @ ones(x.shape[-1], x.dtype)
    return sums.reshape(*x.shape[:-1], 1)


def sum_of_rows(x: Array) -> Array:
    """Return the sum over all axes but the last: a product with ones, up to ten times faster than `sum`."""
    rows = x.reshape(-1, x.shape[-1])
    sums: Array = ones(len(rows), x.dtype) @ rows
    return sums


def ones(count: int, dtype: np.dtype[Any]) -> Array:
    """Return so many ones to multiply with; if they are few, the same that everybody has."""
    return _few(count, dtype) if count <= FEW else np.ones(count, dtype)


@lru_cache(maxsize=64)
def _few(count: int, dtype: np.dtype[Any]) -> Array:
    array = np.ones(count, dtype)
    array.flags.writeable = False
    return array


def row_max(x: Array) -> Array:
    """Return the maxima along the last axis, which stays with length 1.

    Raises: ValueError when there is nothing along it.
    """
    if x.shape[-1] == 0:
        raise ValueError(f"row_max got x of shape {x.shape}; it needs a last axis of at least 1")
    largest = np.empty((*x.shape[:-1], 1), x.dtype)
    kernels.row_max(x.reshape(-1, x.shape[-1]), largest.reshape(-1))
    return largest
