"""Block-Toeplitz kernels: a convolution of few channels at a block of neighbouring positions at once.

The `block` positions share one stretch of the image. Their weights side by side, shifted by a stride each and 0
elsewhere, are a kernel with `block` times as many outputs and `block` times the stride:

    B[a, j stride + b dilation, c, j] = W[a, b, c]

The product does more multiplications, those with 0 too, but far fewer values are copied, and processors multiply
wide matrices many times faster than narrow ones.
"""

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neuralzoo.core.blocks.conv.geometry import ConvGeometry
from neuralzoo.core.module import Array

FEW_CHANNELS = 12  # below which copies of short rows and narrow matrices cost more than products with 0
TARGET_COLUMNS = 80  # of the expanded kernel as a matrix


def choose_block_width(kernel: Array, columns: int, groups: int) -> int:
    """Return how many of the `columns` output positions of a row make a block, a divisor; 1 where it would not pay."""
    channels, outputs = kernel.shape[2:]
    if channels >= FEW_CHANNELS or kernel.shape[1] == 1 or groups > 1:
        return 1
    divisors = (block for block in range(1, columns + 1) if columns % block == 0)
    return min(divisors, key=lambda block: abs(block - TARGET_COLUMNS / outputs))


def expand_kernel(kernel: Array, geometry: ConvGeometry, block: int) -> tuple[Array, ConvGeometry]:
    """Return the kernel B (kh, width, C, block O) and its geometry."""
    kh, _, channels, outputs = kernel.shape
    stride, dilation = geometry.stride[1], geometry.dilation[1]
    width = (block - 1) * stride + geometry.effective_kernel[1]
    expanded = np.zeros((kh, width, channels, block, outputs), kernel.dtype)
    _band(expanded, kernel, stride, dilation)[...] = kernel[..., None, :]
    return expanded.reshape(kh, width, channels, block * outputs), replace(
        geometry, kernel=(kh, width), stride=(geometry.stride[0], block * stride), dilation=(geometry.dilation[0], 1)
    )


def fold_kernel_grad(dexpanded: Array, kernel: Array, geometry: ConvGeometry, block: int) -> Array:
    """Return dL/d kernel from dL/dB, the pullback of `expand_kernel`."""
    kh, width, channels, _ = dexpanded.shape
    dexpanded = dexpanded.reshape(kh, width, channels, block, kernel.shape[3])
    dkernel: Array = _band(dexpanded, kernel, geometry.stride[1], geometry.dilation[1]).sum(axis=3)
    return dkernel


def _band(expanded: Array, kernel: Array, stride: int, dilation: int) -> Array:
    """Return a view (kh, kw, C, block, O) of the band of B that is not 0."""
    kh, kw, channels, outputs = kernel.shape
    height, width, channel, position, output = expanded.strides
    shape = (kh, kw, channels, expanded.shape[3], outputs)
    return as_strided(expanded, shape, (height, dilation * width, channel, position + stride * width, output))
