"""The inner loops compiled by numba, few passes over memory: compiled once for each dtype, then from a cache.

A compiled function calls compiled ones of its own file only: the cache does not see changes in others.
"""

from neuralzoo.core.kernels.numba_backend.conv import add_windows, pair_planes, pair_sums, pair_sums_back
from neuralzoo.core.kernels.numba_backend.elementwise import (
    adam,
    add_rows,
    gelu_back,
    gelu_inside,
    gelu_outside,
    rectifier_back,
)
from neuralzoo.core.kernels.numba_backend.norm import batch_norm, batch_norm_back, batch_norm_fixed
from neuralzoo.core.kernels.numba_backend.pooling import (
    max_squares,
    max_squares_back,
    max_windows,
    max_windows_back,
    row_max,
)

__all__ = [
    "adam",
    "add_rows",
    "add_windows",
    "batch_norm",
    "batch_norm_back",
    "batch_norm_fixed",
    "gelu_back",
    "gelu_inside",
    "gelu_outside",
    "max_squares",
    "max_squares_back",
    "max_windows",
    "max_windows_back",
    "pair_planes",
    "pair_sums",
    "pair_sums_back",
    "rectifier_back",
    "row_max",
]
