"""Numba backend: one pass over memory per kernel, compiled once for each dtype and then loaded from a cache.

A compiled function calls compiled ones of its own file only: the cache does not see changes in others.
"""

from neuralzoo.core.kernels.numba_backend.conv import (
    col2im_add,
    winograd_input_transform,
    winograd_output_transform,
    winograd_output_transform_backward,
)
from neuralzoo.core.kernels.numba_backend.elementwise import (
    adam,
    gelu_backward,
    gelu_from_tanh,
    gelu_tanh_argument,
    relu_backward,
    scatter_add_rows,
)
from neuralzoo.core.kernels.numba_backend.norm import batch_norm, batch_norm_backward, batch_norm_inference
from neuralzoo.core.kernels.numba_backend.pooling import (
    max_pool_2x2,
    max_pool_2x2_backward,
    max_pool_axis,
    max_pool_axis_backward,
)
from neuralzoo.core.kernels.numba_backend.reductions import row_max

__all__ = [
    "adam",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_inference",
    "col2im_add",
    "gelu_backward",
    "gelu_from_tanh",
    "gelu_tanh_argument",
    "max_pool_2x2",
    "max_pool_2x2_backward",
    "max_pool_axis",
    "max_pool_axis_backward",
    "relu_backward",
    "row_max",
    "scatter_add_rows",
    "winograd_input_transform",
    "winograd_output_transform",
    "winograd_output_transform_backward",
]
