"""Sums and maxima of rows, several times faster than `sum(axis=-1)` and `max(axis=-1)` where rows are short."""

from functools import lru_cache
from typing import Any

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.module import Array

MAX_CACHED_ONES = 1024
DENORMAL_GUARD = 1e-23


def sum_last_axis(x: Array) -> Array:
    """Return the sums along the last axis, which stays with length 1, by a matrix product with ones."""
    sums: Array = x.reshape(-1, x.shape[-1]) @ ones(x.shape[-1], x.dtype)
    return sums.reshape(*x.shape[:-1], 1)


def sum_leading_axes(x: Array) -> Array:
    """Return the sums over all axes but the last, by a product with ones, up to ten times faster than `sum`."""
    rows = x.reshape(-1, x.shape[-1])
    sums: Array = ones(len(rows), x.dtype) @ rows
    return sums


def ones(count: int, dtype: np.dtype[Any]) -> Array:
    """Return `count` ones, from a cache if they are few; do not write to them."""
    return _cached_ones(count, dtype) if count <= MAX_CACHED_ONES else np.ones(count, dtype)


@lru_cache(maxsize=64)
def _cached_ones(count: int, dtype: np.dtype[Any]) -> Array:
    array = np.ones(count, dtype)
    array.flags.writeable = False
    return array


def max_last_axis(x: Array) -> Array:
    """Return the maxima along the last axis, which stays with length 1.

    Raises: ValueError when the last axis is empty.
    """
    if x.shape[-1] == 0:
        raise ValueError(f"max_last_axis got x of shape {x.shape}; it needs a last axis of at least 1")
    y = np.empty((*x.shape[:-1], 1), x.dtype)
    kernels.row_max(x.reshape(-1, x.shape[-1]), y.reshape(-1))
    return y


def flush_denormals(gradient: Array) -> None:
    """Set values smaller than about 1e-30 to 0 in place, before a vanishing gradient gets subnormal.

    Processors take a hundred times longer to compute with subnormal numbers, 1e-38 and less in float32.
    """
    gradient += DENORMAL_GUARD  # rounds to multiples of about 1e-30
    gradient -= DENORMAL_GUARD
