"""Winograd F(2,3): convolution with kernels of three rows, two output rows at once, in four products instead of six.

Of rows d0 ... d3 of an image and the rows g0, g1, g2 of a kernel, where a product is a convolution along the width,

    u0 = d0 - d2        v0 = g0                        m_p = u_p v_p
    u1 = d1 + d2        v1 = (g0 + g1 + g2) / 2        y0 = m0 + m1 + m2  =  d0 g0 + d1 g1 + d2 g2
    u2 = d2 - d1        v2 = (g0 - g1 + g2) / 2        y1 = m1 - m2 - m3  =  d1 g0 + d2 g1 + d3 g2
    u3 = d1 - d3        v3 = g2

The gradient of the kernel, backwards through the same steps: dm from dy, dv_p = u_p.T dm_p, dg from dv.

Source: Lavin and Gray (2016), Fast Algorithms for Convolutional Neural Networks, https://arxiv.org/abs/1509.09308
"""

from collections.abc import Callable

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.blocks.conv.geometry import ConvGeometry, sliding_windows
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

MIN_CHANNELS_WINOGRAD = 16  # in and out, from which on fewer products outweigh more sums


def supports_f2_3(kernel: Array, geometry: ConvGeometry, groups: int) -> bool:
    """Whether `conv_f2_3` can compute this convolution, and is faster."""
    possible = geometry.kernel[0] == 3 and geometry.stride == geometry.dilation == (1, 1) and groups == 1
    return possible and min(kernel.shape[2:]) >= MIN_CHANNELS_WINOGRAD


def conv_f2_3(x: Array, kernel: Array, geometry: ConvGeometry, ctx: Context) -> tuple[Array, Callable[[Array], Array]]:
    """Return the cross-correlation of images and the kernel (3, kw, C, O), and the pullback to the kernel."""
    (n, height, width, channels), (_, kw, _, outputs) = x.shape, kernel.shape
    (top, bottom), (left, right) = geometry.padding
    height, width = top + height + bottom, left + width + right
    rows, columns = height - 2, width - kw + 1
    pairs = (rows + 1) // 2  # for an odd number of rows the last pair has one only
    dtype = np.result_type(x, kernel)
    u = ctx.empty((4, n, pairs, width, channels), x.dtype)
    kernels.winograd_input_transform(x, top, left, ctx.empty((n, height, width, channels), x.dtype), u)
    u = u.reshape(4, n * pairs, width, channels)
    windows = sliding_windows(u, kw, 1, columns)  # (4, W', N pairs, kw C)
    m = ctx.empty((4, n * pairs, columns, outputs), dtype)
    np.matmul(windows, _transform_kernel(kernel.astype(dtype, copy=False)), out=m.transpose(0, 2, 1, 3))
    m = m.reshape(4, n, pairs, columns * outputs)
    y = ctx.empty((n, rows, columns, outputs), dtype)
    kernels.winograd_output_transform(m, y.reshape(n, rows, -1))

    def pull(dy: Array) -> Array:
        dm = m  # which is not needed any more
        kernels.winograd_output_transform_backward(dy.reshape(n, rows, -1), dm)
        by_column = dm.reshape(4, n * pairs, columns, outputs).transpose(0, 2, 1, 3)
        dv = np.matmul(windows.transpose(0, 1, 3, 2), by_column).sum(axis=1).reshape(4, kw, channels, outputs)
        return np.stack([dv[0] + (dv[1] + dv[2]) / 2, (dv[1] - dv[2]) / 2, (dv[1] + dv[2]) / 2 + dv[3]])

    return y, pull


def _transform_kernel(kernel: Array) -> Array:
    """Return the transformed kernel v as matrices (4, 1, kw C, O)."""
    g0, g1, g2 = kernel.reshape(3, -1, kernel.shape[-1])
    half_sum = (g0 + g2) / 2
    return np.stack([g0, half_sum + g1 / 2, half_sum - g1 / 2, g2])[:, None]
