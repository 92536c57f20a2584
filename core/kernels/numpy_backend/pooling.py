"""Maxima of rows, of windows, and of squares."""

import numpy as np

from neuralzoo.core.kernels.numpy_backend.chunks import blocks
from neuralzoo.core.module import Array

SHORT = 48  # numbers of a row below which going through the columns is faster, measured


def row_max(x: Array, largest: Array) -> None:
    """Set the largest number of each row, NaN of a row that has one. Shapes: x (M, D), largest (M,)."""
    if x.shape[1] < SHORT:
        np.max(np.ascontiguousarray(x.T), axis=0, out=largest)
    else:
        largest[...] = x[np.arange(len(x)), x.argmax(axis=1)]  # `argmax` is quicker than `max` here


def max_windows(x: Array, window: int, stride: int, y: Array, picks: Array) -> None:
    """Set y to the maxima of windows along the middle axis, and `picks`, if not empty, to where they come from.

        m_0 = x_0          p_k = 1 if x_k > m_{k-1} else 0          m_k = max(m_{k-1}, x_k)          y = m_{window-1}

    with x_k the k-th numbers of all windows. Shapes: x (A, L, B), y (A, P, B), picks (window - 1, A, P, B), p_1 first.
    """
    end = stride * (y.shape[1] - 1) + 1
    y[...] = x[:, :end:stride]
    for k in range(1, window):
        x_k = x[:, k : k + end : stride]
        if picks.size:
            np.greater(x_k, y, out=picks[k - 1], casting="unsafe")
        np.maximum(x_k, y, out=y)


def max_windows_back(dy: Array, picks: Array, window: int, stride: int, dx: Array, work: Array) -> None:
    """Give dy to the first maximum of each window, from the last number on: dx_k = p_k dm_k, dm_{k-1} = dm_k - dx_k.

    Where windows overlap it is added to dx, else their dx is set. Shapes: `work`, which is used up, is (2, A, P, B).
    """
    end = stride * (dy.shape[1] - 1) + 1
    taken, left = work
    for k in range(window - 1, -1, -1):
        given = np.multiply(dy, picks[k - 1], out=taken) if k else dy
        if stride < window:
            dx[:, k : k + end : stride] += given
        else:
            dx[:, k : k + end : stride] = given
        dy = np.subtract(dy, taken, out=left) if k else dy


def max_squares(x: Array, y: Array, picks: Array) -> None:
    """Set y to the maxima of squares of two by two numbers, and `picks`, if not empty, to where they come from.

        a b     p_b = 1 if b > a else 0          p_d = 1 if d > c else 0          p_low = 1 if the second row's maximum
        c d     is larger than the first row's, else 0

    Shapes: x (N, 2 H or more, 2 W or more, C), y (N, H, W, C), picks (3, N, H, W, C).
    """
    for block in blocks(y):
        # Copies cost less than many operations on rows that are as short as there are channels.
        a, b, c, d = (quarter.copy() for quarter in _quarters(x[block], y.shape))
        if picks.size:
            np.greater(b, a, out=picks[0, block], casting="unsafe")
            np.greater(d, c, out=picks[1, block], casting="unsafe")
        np.maximum(a, b, out=a)
        np.maximum(c, d, out=c)
        if picks.size:
            np.greater(c, a, out=picks[2, block], casting="unsafe")
        np.maximum(a, c, out=y[block])


def max_squares_back(dy: Array, picks: Array, dx: Array) -> None:
    """Give dy to the first maximum of each square in reading order, and 0 to its other numbers; shapes as before."""
    for block in blocks(dy):
        a, b, c, d = _quarters(dx[block], dy.shape)
        low = dy[block] * picks[2, block]
        high = dy[block] - low
        right = high * picks[0, block]
        high -= right
        a[...], b[...] = high, right
        np.multiply(low, picks[1, block], out=right)
        low -= right
        c[...], d[...] = low, right


def _quarters(x: Array, shape: tuple[int, ...]) -> list[Array]:
    """Return views (N, H, W, C) of the numbers that squares have at the same place, in reading order."""
    height, width = 2 * shape[1], 2 * shape[2]
    return [x[:, i:height:2, j:width:2] for i in range(2) for j in range(2)]
