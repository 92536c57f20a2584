"""What a convolution does before and after its matrix products, one pass each."""

from typing import Any

import numpy as np

from neuralzoo.core.kernels import numpy_backend as plain
from neuralzoo.core.kernels.numba_backend._jit import compiled
from neuralzoo.core.module import Array


@compiled
def _add_windows(product: Any, first: int, down: int, across: int, image: Any) -> None:
    n, rows, columns, width = product.shape
    for m in range(n):
        for r in range(rows):
            for j in range(columns):
                for k in range(width):
                    image[m, first + r * down, j * across + k] += product[m, r, j, k]


def add_windows(product: Array, first: int, down: int, across: int, dilation: int, image: Array) -> None:
    """Add windows of a row each to images where they lie: every `down` rows, every `across` columns."""
    if dilation > 1 or not image.flags.c_contiguous:  # windows that do not lie in one piece
        return plain.add_windows(product, first, down, across, dilation, image)
    n, height, _, channels = image.shape
    whole = product.reshape(*product.shape[:3], -1)
    return _add_windows(whole, first, down, across * channels, image.reshape(n, height, -1))


@compiled
def _pair_planes(x: Any, top: int, left: int, u: Any) -> None:
    (_, height, width), pairs = x.shape, u.shape[2]
    nothing = np.zeros(width, x.dtype)
    for n in range(x.shape[0]):
        for p in range(pairs):
            r = 2 * p - top
            d0 = x[n, r] if 0 <= r < height else nothing
            d1 = x[n, r + 1] if 0 <= r + 1 < height else nothing
            d2 = x[n, r + 2] if 0 <= r + 2 < height else nothing
            d3 = x[n, r + 3] if 0 <= r + 3 < height else nothing
            for plane in range(4):
                u[plane, n, p, :left] = 0
                u[plane, n, p, left + width :] = 0
            u0, u1, u2, u3 = u[0, n, p, left:], u[1, n, p, left:], u[2, n, p, left:], u[3, n, p, left:]
            for k in range(width):
                u0[k] = d0[k] - d2[k]
                u1[k] = d1[k] + d2[k]
                u2[k] = d2[k] - d1[k]
                u3[k] = d1[k] - d3[k]


def pair_planes(x: Array, top: int, left: int, padded: Array, u: Array) -> None:
    """Set u to the sums and differences of rows that two neighbouring rows of results are made of.

    Nothing is stored in `padded`: rows and columns beyond the image are known to be 0.
    """
    n, height, _, channels = x.shape
    _pair_planes(x.reshape(n, height, -1), top, left * channels, u.reshape(*u.shape[:3], -1))


@compiled
def pair_sums(m: Any, y: Any) -> None:
    """Set two rows of results at once: y_0 = m_0 + m_1 + m_2, y_1 = m_1 - m_2 - m_3."""
    whole = y.shape[1] // 2
    for n in range(y.shape[0]):
        for p in range(m.shape[2]):
            for k in range(y.shape[2]):
                y[n, 2 * p, k] = m[0, n, p, k] + m[1, n, p, k] + m[2, n, p, k]
            if p < whole:
                for k in range(y.shape[2]):
                    y[n, 2 * p + 1, k] = m[1, n, p, k] - m[2, n, p, k] - m[3, n, p, k]


@compiled
def pair_sums_back(dy: Any, dm: Any) -> None:
    """Set dm, the gradient of `pair_sums`, from dy."""
    whole = dy.shape[1] // 2
    for n in range(dy.shape[0]):
        for p in range(dm.shape[2]):
            if p < whole:
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
