"""Convolution: padding, col2im, and the transforms of Winograd F(2,3) around its matrix products."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neuralzoo.core.module import Array


def pad(x: Array, top: int, left: int, padded: Array) -> None:
    """Zero padding: set `padded` to images with `top` rows above and `left` columns before, the others after.

    Shapes: x (N, H, W, C), padded (N, H' >= top + H, W' >= left + W, C).
    """
    bottom, right = top + x.shape[1], left + x.shape[2]
    padded[:, :top], padded[:, bottom:] = 0, 0
    padded[:, :, :left], padded[:, :, right:] = 0, 0
    padded[:, top:bottom, left:right] = x


def col2im_add(
    columns: Array, first_row: int, row_stride: int, column_stride: int, dilation: int, image: Array
) -> None:
    """col2im of one row of a kernel: add windows, a row each, to the positions of images that they cover.

    They are added in as few parts as do not overlap. Shapes: columns (N, H', W', kw, C), image (N, H, W, C).
    """
    rows = image[:, first_row : first_row + (columns.shape[1] - 1) * row_stride + 1 : row_stride]
    width, kw = columns.shape[2:4]
    if dilation == 1 and width <= -(-kw // column_stride):
        for j in range(width):
            rows[:, :, j * column_stride : j * column_stride + kw] += columns[:, :, j]
        return
    block = column_stride if dilation == 1 else 1
    n, h, w, c = rows.strides
    for b in range(0, kw, block):
        part = columns[:, :, :, b : b + block]
        covered = as_strided(rows[:, :, b * dilation :], part.shape, (n, h, column_stride * w, w, c))
        covered += part


def winograd_input_transform(x: Array, top: int, left: int, padded: Array, u: Array) -> None:
    """Input transform of Winograd F(2,3) along the height, for pairs of output rows.

        u_0 = d_0 - d_2          u_1 = d_1 + d_2          u_2 = d_2 - d_1          u_3 = d_1 - d_3

    with d_0 ... d_3 four rows of `padded`, which is set to the image with `top` rows and `left` columns of zeros before
    it; those of the next pair are two rows further on. For an odd number of output rows the last pair has no d_3, and
    no output that needs u_3. Shapes: x (N, H, W, C), padded (N, 2 P + 2 or 2 P + 1, W', C), u (4, N, P, W', C).
    """
    pad(x, top, left, padded)
    pairs, complete = u.shape[2], (padded.shape[1] - 2) // 2
    d0, d1, d2 = (padded[:, i : i + 2 * pairs - 1 : 2] for i in range(3))
    np.subtract(d0, d2, out=u[0])
    np.add(d1, d2, out=u[1])
    np.subtract(d2, d1, out=u[2])
    np.subtract(d1[:, :complete], padded[:, 3 : 2 + 2 * complete : 2], out=u[3, :, :complete])
    u[3, :, complete:] = d1[:, complete:]


def winograd_output_transform(m: Array, y: Array) -> None:
    """Output transform of Winograd F(2,3), two output rows at once: y_0 = m_0 + m_1 + m_2, y_1 = m_1 - m_2 - m_3.

    Shapes: m (4, N, P, K), y (N, 2 P or 2 P - 1, K).
    """
    even, odd = y[:, ::2], y[:, 1::2]
    complete = odd.shape[1]
    np.add(m[0], m[1], out=even)
    even += m[2]
    np.subtract(m[1, :, :complete], m[2, :, :complete], out=odd)
    odd -= m[3, :, :complete]


def winograd_output_transform_backward(dy: Array, dm: Array) -> None:
    """Gradient of `winograd_output_transform`: set dm from dy; shapes as there."""
    even, odd = dy[:, ::2], dy[:, 1::2]
    complete = odd.shape[1]
    dm[:3] = even
    dm[1, :, :complete] += odd
    dm[2, :, :complete] -= odd
    np.negative(odd, out=dm[3, :, :complete])
    dm[3, :, complete:] = 0
