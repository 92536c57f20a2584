"""Max pooling along one axis, and over 2x2 windows of images."""

import numpy as np

from neuralzoo.core.kernels.numpy_backend.chunks import blocks
from neuralzoo.core.module import Array


def max_pool_axis(x: Array, window: int, stride: int, y: Array, switches: Array) -> None:
    """Max pooling along the middle axis: set y to window maxima, and `switches`, unless empty, to their positions.

        m_0 = x_0          p_k = 1 if x_k > m_{k-1} else 0          m_k = max(m_{k-1}, x_k)          y = m_{window-1}

    with x_k the k-th elements of all windows. Shapes: x (A, L, B), y (A, P, B), switches (window - 1, A, P, B), p_1
    first.
    """
    end = stride * (y.shape[1] - 1) + 1
    y[...] = x[:, :end:stride]
    for k in range(1, window):
        x_k = x[:, k : k + end : stride]
        if switches.size:
            np.greater(x_k, y, out=switches[k - 1], casting="unsafe")
        np.maximum(x_k, y, out=y)


def max_pool_axis_backward(dy: Array, switches: Array, window: int, stride: int, dx: Array, scratch: Array) -> None:
    """Give dy to the first maximum of each window, last element first: dx_k = p_k dm_k, dm_{k-1} = dm_k - dx_k.

    Where windows overlap it is added to dx, else their dx is set. Shapes: `scratch`, which is overwritten, is
    (2, A, P, B).
    """
    end = stride * (dy.shape[1] - 1) + 1
    dx_k, dm = scratch
    for k in range(window - 1, -1, -1):
        given = np.multiply(dy, switches[k - 1], out=dx_k) if k else dy
        if stride < window:
            dx[:, k : k + end : stride] += given
        else:
            dx[:, k : k + end : stride] = given
        dy = np.subtract(dy, dx_k, out=dm) if k else dy


def max_pool_2x2(x: Array, y: Array, switches: Array) -> None:
    """Max pooling over 2x2 windows: set y to window maxima, and `switches`, unless empty, to their positions.

        a b     p_b = 1 if b > a else 0          p_d = 1 if d > c else 0          p_low = 1 if the second row's maximum
        c d     is larger than the first row's, else 0

    Shapes: x (N, 2 H or more, 2 W or more, C), y (N, H, W, C), switches (3, N, H, W, C).
    """
    for block in blocks(y):
        # Copies cost less than many operations on rows that are as short as there are channels.
        a, b, c, d = (quarter.copy() for quarter in _quarters(x[block], y.shape))
        if switches.size:
            np.greater(b, a, out=switches[0, block], casting="unsafe")
            np.greater(d, c, out=switches[1, block], casting="unsafe")
        np.maximum(a, b, out=a)
        np.maximum(c, d, out=c)
        if switches.size:
            np.greater(c, a, out=switches[2, block], casting="unsafe")
        np.maximum(a, c, out=y[block])


def max_pool_2x2_backward(dy: Array, switches: Array, dx: Array) -> None:
    """Give dy to the first maximum of each 2x2 window in reading order, 0 to its other elements; shapes as above."""
    for block in blocks(dy):
        a, b, c, d = _quarters(dx[block], dy.shape)
        low = dy[block] * switches[2, block]
        high = dy[block] - low
        right = high * switches[0, block]
        high -= right
        a[...], b[...] = high, right
        np.multiply(low, switches[1, block], out=right)
        low -= right
        c[...], d[...] = low, right


def _quarters(x: Array, shape: tuple[int, ...]) -> list[Array]:
    """Return four views (N, H, W, C): the elements at each position of all 2x2 windows, in reading order."""
    height, width = 2 * shape[1], 2 * shape[2]
    return [x[:, i:height:2, j:width:2] for i in range(2) for j in range(2)]
