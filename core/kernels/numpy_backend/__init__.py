"""NumPy backend: in place, in blocks of arrays that fit into the processor's cache."""

from neuralzoo.core.kernels.numpy_backend.conv import (
    col2im_add,
    pad,
    winograd_input_transform,
    winograd_output_transform,
    winograd_output_transform_backward,
)
from neuralzoo.core.kernels.numpy_backend.elementwise import (
    adam,
    gelu_backward,
    gelu_from_tanh,
    gelu_tanh_argument,
    relu_backward,
    scatter_add_rows,
)
from neuralzoo.core.kernels.numpy_backend.norm import batch_norm, batch_norm_backward, batch_norm_inference
from neuralzoo.core.kernels.numpy_backend.pooling import (
    max_pool_2x2,
    max_pool_2x2_backward,
    max_pool_axis,
    max_pool_axis_backward,
)
from neuralzoo.core.kernels.numpy_backend.reductions import row_max

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
    "pad",
    "relu_backward",
    "row_max",
    "scatter_add_rows",
    "winograd_input_transform",
    "winograd_output_transform",
    "winograd_output_transform_backward",
]
