"""Convolution: col2im and the transforms of Winograd F(2,3) around its matrix products, one pass each."""

from typing import Any

import numpy as np

from neuralzoo.core.kernels import numpy_backend
from neuralzoo.core.kernels.numba_backend._jit import compiled
from neuralzoo.core.module import Array


@compiled
def _col2im_add(columns: Any, first_row: int, row_stride: int, column_stride: int, image: Any) -> None:
    n, height, width, window = columns.shape
    for m in range(n):
        for r in range(height):
            for j in range(width):
                for k in range(window):
                    image[m, first_row + r * row_stride, j * column_stride + k] += columns[m, r, j, k]


def col2im_add(
    columns: Array, first_row: int, row_stride: int, column_stride: int, dilation: int, image: Array
) -> None:
    """col2im of one row of a kernel: add windows, a row each, to the positions of images that they cover."""
    if dilation > 1 or not image.flags.c_contiguous:  # windows that are not contiguous
        return numpy_backend.col2im_add(columns, first_row, row_stride, column_stride, dilation, image)
    n, height, _, channels = image.shape
    flat = columns.reshape(*columns.shape[:3], -1)
    return _col2im_add(flat, first_row, row_stride, column_stride * channels, image.reshape(n, height, -1))


@compiled
def _winograd_input_transform(x: Any, top: int, left: int, u: Any) -> None:
    (_, height, width), pairs = x.shape, u.shape[2]
    zeros = np.zeros(width, x.dtype)
    for n in range(x.shape[0]):
        for p in range(pairs):
            r = 2 * p - top
            d0 = x[n, r] if 0 <= r < height else zeros
            d1 = x[n, r + 1] if 0 <= r + 1 < height else zeros
            d2 = x[n, r + 2] if 0 <= r + 2 < height else zeros
            d3 = x[n, r + 3] if 0 <= r + 3 < height else zeros
            for plane in range(4):
                u[plane, n, p, :left] = 0
                u[plane, n, p, left + width :] = 0
            u0, u1, u2, u3 = u[0, n, p, left:], u[1, n, p, left:], u[2, n, p, left:], u[3, n, p, left:]
            for k in range(width):
                u0[k] = d0[k] - d2[k]
                u1[k] = d1[k] + d2[k]
                u2[k] = d2[k] - d1[k]
                u3[k] = d1[k] - d3[k]


def winograd_input_transform(x: Array, top: int, left: int, padded: Array, u: Array) -> None:
    """Input transform of Winograd F(2,3) along the height, for pairs of output rows.

    `padded` is not written: rows and columns beyond the image are known to be 0.
    """
    n, height, _, channels = x.shape
    _winograd_input_transform(x.reshape(n, height, -1), top, left * channels, u.reshape(*u.shape[:3], -1))


@compiled
def winograd_output_transform(m: Any, y: Any) -> None:
    """Output transform of Winograd F(2,3), two output rows at once: y_0 = m_0 + m_1 + m_2, y_1 = m_1 - m_2 - m_3."""
    complete = y.shape[1] // 2
    for n in range(y.shape[0]):
        for p in range(m.shape[2]):
            for k in range(y.shape[2]):
                y[n, 2 * p, k] = m[0, n, p, k] + m[1, n, p, k] + m[2, n, p, k]
            if p < complete:
                for k in range(y.shape[2]):
                    y[n, 2 * p + 1, k] = m[1, n, p, k] - m[2, n, p, k] - m[3, n, p, k]


@compiled
def winograd_output_transform_backward(dy: Any, dm: Any) -> None:
    """Gradient of `winograd_output_transform`: set dm from dy."""
    complete = dy.shape[1] // 2
    for n in range(dy.shape[0]):
        for p in range(dm.shape[2]):
            if p < complete:
                for k in range(dy.shape[2]):
                    even, odd = dy[n, 2 * p, k], dy[n, 2 * p + 1, k]
                    dm[0, n, p, k] = even
                    dm[1, n, p, k] = even + odd
                    dm[2, n, p, k] = even - odd
                    dm[3, n, p, k] = -odd
            else:
                for k in range(dy.shape[2]):
                    dm[0, n, p, k] = dm[1, n, p, k] = dm[2, n, p, k] = dy[n, 2 * p, k]
                    dm[3, n, p, k] = 0
