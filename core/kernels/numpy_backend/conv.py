"""What a convolution does before and after its matrix products."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neuralzoo.core.module import Array


def pad(x: Array, top: int, left: int, padded: Array) -> None:
    """Set images with zeros around them: so many above and on the left, the others below and on the right.

    Shapes: x (N, H, W, C), padded (N, H' >= top + H, W' >= left + W, C).
    """
    bottom, right = top + x.shape[1], left + x.shape[2]
    padded[:, :top], padded[:, bottom:] = 0, 0
    padded[:, :, :left], padded[:, :, right:] = 0, 0
    padded[:, top:bottom, left:right] = x


def add_windows(product: Array, first: int, down: int, across: int, dilation: int, image: Array) -> None:
    """Add windows of a row each to images where they lie: every `down` rows from the first on, every `across` columns.

    They are added in as few parts as do not meet. Shapes: product (N, H', W', kw, C), image (N, H, W, C).
    """
    rows = image[:, first : first + (product.shape[1] - 1) * down + 1 : down]
    columns, kw = product.shape[2:4]
    if dilation == 1 and columns <= -(-kw // across):
        for j in range(columns):
            rows[:, :, j * across : j * across + kw] += product[:, :, j]
        return
    block = across if dilation == 1 else 1
    n, h, w, c = rows.strides
    for b in range(0, kw, block):
        part = product[:, :, :, b : b + block]
        home = as_strided(rows[:, :, b * dilation :], part.shape, (n, h, across * w, w, c))
        home += part


def pair_planes(x: Array, top: int, left: int, padded: Array, u: Array) -> None:
    """Set u to the sums and differences of rows that two neighbouring rows of results are made of.

        u_0 = d_0 - d_2          u_1 = d_1 + d_2          u_2 = d_2 - d_1          u_3 = d_1 - d_3

    with d_0 ... d_3 four rows of `padded`, which is set to the image with zeros around it, so many above and on the
    left; the next pair's are two rows further on. Of an odd number of rows of results the last pair has no d_3, and
    no result that would need u_3. Shapes: x (N, H, W, C), padded (N, 2 P + 2 or 2 P + 1, W', C), u (4, N, P, W', C).
    """
    pad(x, top, left, padded)
    pairs, whole = u.shape[2], (padded.shape[1] - 2) // 2
    d0, d1, d2 = (padded[:, i : i + 2 * pairs - 1 : 2] for i in range(3))
    np.subtract(d0, d2, out=u[0])
    np.add(d1, d2, out=u[1])
    np.subtract(d2, d1, out=u[2])
    np.subtract(d1[:, :whole], padded[:, 3 : 2 + 2 * whole : 2], out=u[3, :, :whole])
    u[3, :, whole:] = d1[:, whole:]


def pair_sums(m: Array, y: Array) -> None:
    """Set two rows of results at once: y_0 = m_0 + m_1 + m_2, y_1 = m_1 - m_2 - m_3.

    Shapes: m (4, N, P, K), y (N, 2 P or 2 P - 1, K).
    """
    even, odd = y[:, ::2], y[:, 1::2]
    whole = odd.shape[1]
    np.add(m[0], m[1], out=even)
    even += m[2]
    np.subtract(m[1, :, :whole], m[2, :, :whole], out=odd)
    odd -= m[3, :, :whole]


def pair_sums_back(dy: Array, dm: Array) -> None:
    """Set dm, the gradient of `pair_sums`, from dy; shapes as there."""
    even, odd = dy[:, ::2], dy[:, 1::2]
    whole = odd.shape[1]
    dm[:3] = even
    dm[1, :, :whole] += odd
    dm[2, :, :whole] -= odd
    np.negative(odd, out=dm[3, :, :whole])
    dm[3, :, whole:] = 0
