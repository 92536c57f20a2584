"""The inner loops in NumPy: few passes over memory that the processor's cache holds, in place."""

from neuralzoo.core.kernels.numpy_backend.conv import add_windows, pad, pair_planes, pair_sums, pair_sums_back
from neuralzoo.core.kernels.numpy_backend.elementwise import (
    adam,
    add_rows,
    gelu_back,
    gelu_inside,
    gelu_outside,
    rectifier_back,
)
from neuralzoo.core.kernels.numpy_backend.norm import batch_norm, batch_norm_back, batch_norm_fixed
from neuralzoo.core.kernels.numpy_backend.pooling import (
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
    "pad",
    "pair_planes",
    "pair_sums",
    "pair_sums_back",
    "rectifier_back",
    "row_max",
]
