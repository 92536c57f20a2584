"""The inner loops in NumPy: few passes over memory that the processor's cache holds, in place."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neuralzoo.core.module import Array

SHORT = 48  # numbers of a row below which going through the columns is faster, measured
BLOCK = 32768  # numbers; four arrays of it are 512 kB in float32


def adam(
    w: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, epsilon: float, keep: float
) -> None:
    """Do a step of Adam on vectors, in place; g is used up.

    m = beta1 m + g          v = beta2 v + g²          w = keep w - rate m / (sqrt(v) + epsilon)
    """
    for first in range(0, w.size, BLOCK):
        part = slice(first, first + BLOCK)
        _adam(w[part], g[part], m[part], v[part], beta1, beta2, rate, epsilon, keep)


def _adam(
    w: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, epsilon: float, keep: float
) -> None:
    if keep != 1:
        w *= keep
    m *= beta1
    m += g
    g *= g
    v *= beta2
    v += g
    np.sqrt(v, out=g)
    g += epsilon
    np.divide(m, g, out=g)
    g *= rate
    w -= g


def add_rows(table: Array, rows: Array, values: Array) -> None:
    """Add values (..., D) to the rows of a table (V, D) that are named, to one that is named twice both of them."""
    np.add.at(table, rows, values)


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
    for block in _blocks(y):
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
    for block in _blocks(dy):
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


def _blocks(x: Array) -> Iterator[slice]:
    """Yield parts of the first axis, so many at once that they fit into the processor's cache."""
    step = max(1, BLOCK * len(x) // max(1, x.size))
    return (slice(first, first + step) for first in range(0, len(x), step))


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


def batch_norm(x: Array, gain: Array, bias: Array, epsilon: float, z: Array, y: Array) -> tuple[Array, Array]:
    """Set z to x of zero mean and unit variance, and y to gain z + bias; return the means and the variances.

    z is for `batch_norm_back`, which has a form that does without. Shapes: x, z and y are (N, P, D), the others (D,).
    """
    rows, z, y = (each.reshape(len(x), -1) for each in (x, z, y))  # that are long are fast; the statistics are tiled
    count, places = x.shape[0] * x.shape[1], x.shape[1]
    mean = _sums(rows, len(gain)) / count
    np.subtract(rows, np.tile(mean, places), out=z)
    variance = _sums(np.square(z, out=y), len(gain)) / count
    deviation, scale, shift = (np.tile(each, places) for each in (np.sqrt(variance + epsilon), gain, bias))
    for block in _blocks(z):
        z[block] /= deviation
        np.multiply(z[block], scale, out=y[block])
        y[block] += shift
    return mean, variance


def batch_norm_back(
    dy: Array, x: Array, mean: Array, deviation: Array, gain: Array, z: Array, dx: Array
) -> tuple[Array, Array]:
    """Set dx = gain / deviation (dy - mean of dy - z times the mean of dy z); return the sums of dy z and of dy.

    z is as it was set, or not set, before: it is there in this form, and (x - mean) / deviation in the other one.

    Shapes: dy, x, z and dx are (N, P, D), the others (D,).
    """
    scale = gain / deviation
    rows, z, dx = (each.reshape(len(dy), -1) for each in (dy, z, dx))
    count, places = dy.shape[0] * dy.shape[1], dy.shape[1]
    dbias = _sums(rows, len(scale))
    dgain = _sums(np.multiply(rows, z, out=dx), len(scale))
    slope, mean_dy, scale = (np.tile(each, places) for each in (dgain / -count, dbias / count, scale))
    for block in _blocks(dx):
        part = np.multiply(z[block], slope, out=dx[block])
        part += rows[block]
        part -= mean_dy
        part *= scale
    return dgain, dbias


def batch_norm_fixed(x: Array, mean: Array, deviation: Array, gain: Array, bias: Array, z: Array, y: Array) -> None:
    """Set z = (x - mean) / deviation and y = gain z + bias, for given statistics; z and y may be one array.

    Shapes: x, z and y are (N, P, D), the others (D,).
    """
    rows, z, y = (each.reshape(len(x), -1) for each in (x, z, y))
    mean, deviation, gain, bias = np.tile(np.stack([mean, deviation, gain, bias]), x.shape[1])
    for block in _blocks(z):
        part = np.subtract(rows[block], mean, out=z[block])
        part /= deviation
        part = np.multiply(part, gain, out=y[block])
        part += bias


def rectifier_back(dy: Array, y: Array, dx: Array) -> None:
    """Set dx to dy where y > 0, else to 0; all are of one shape."""
    np.greater(y, 0.0, out=dx, casting="unsafe")
    np.multiply(dx, dy, out=dx)


def gelu_inside(x: Array, scale: float, cubic: float, t: Array) -> None:
    """Set t = (scale + cubic x²) x; both are of one shape."""
    np.multiply(x, x, out=t)
    t *= cubic
    t += scale
    t *= x


def gelu_outside(x: Array, t: Array, y: Array) -> None:
    """Set y = x (1 + t) / 2; all are of one shape."""
    np.add(t, 1.0, out=y)
    y *= x
    y *= 0.5


def gelu_back(dy: Array, x: Array, t: Array, scale: float, cubic: float, dx: Array) -> None:
    """Set dx = dy ((1 + t) + x (1 - t²) (scale + 3 cubic x²)) / 2; all are of one shape."""
    np.multiply(x, x, out=dx)
    dx *= 3 * cubic
    dx += scale
    dx *= x
    rest = np.multiply(t, t)
    np.subtract(1.0, rest, out=rest)
    dx *= rest
    dx += t
    dx += 1.0
    dx *= dy
    dx *= 0.5


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


def _sums(rows: Array, features: int) -> Array:
    """Return the sum of each feature over rows that have it again and again."""
    sums: Array = (np.ones(len(rows), rows.dtype) @ rows).reshape(-1, features).sum(axis=0)
    return sums
