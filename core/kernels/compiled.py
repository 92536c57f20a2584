"""The inner loops compiled by numba, one pass over memory each: compiled once for each dtype, then from a cache."""

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from neuralzoo.core.module import Array

# Sums may be taken in another order and products fused with them: rounding differs, NaN and infinity do not.
compiled: Any = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})

ROWS = 64
WIDE = 1024  # numbers of a row, at most: two of them and their sums fit into the fastest cache


@compiled
def _adam(w: Any, g: Any, m: Any, v: Any, settings: Any) -> None:
    beta1, beta2, rate, epsilon, keep = settings
    for i in range(w.size):
        m_i = m[i] * beta1 + g[i]
        v_i = v[i] * beta2 + g[i] * g[i]
        m[i] = m_i
        v[i] = v_i
        w[i] = w[i] * keep - rate * m_i / (np.sqrt(v_i) + epsilon)


def adam(
    w: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, epsilon: float, keep: float
) -> None:
    """Do a step of Adam on vectors, in place."""
    number = w.dtype.type  # what is computed in double precision would take twice as long
    _adam(w, g, m, v, tuple(map(number, (beta1, beta2, rate, epsilon, keep))))


@compiled
def max_windows(x: Any, window: int, stride: int, y: Any, picks: Any) -> None:
    """Set y to the maxima of windows along the middle axis, and `picks`, if not empty, to where they come from."""
    wanted = picks.size > 0
    for a in range(y.shape[0]):
        for p in range(y.shape[1]):
            for b in range(y.shape[2]):
                y[a, p, b] = x[a, p * stride, b]
            for k in range(1, window):
                for b in range(y.shape[2]):
                    new, old = x[a, p * stride + k, b], y[a, p, b]
                    if wanted:
                        picks[k - 1, a, p, b] = new > old
                    y[a, p, b] = new if new > old or new != new else old  # NaN goes on, as in NumPy


@compiled
def max_windows_back(dy: Any, picks: Any, window: int, stride: int, dx: Any, work: Any) -> None:
    """Give dy to the first maximum of each window."""
    overlap = stride < window
    for a in range(dy.shape[0]):
        for p in range(dy.shape[1]):
            first = p * stride
            if window == 2 and not overlap:  # of nearly all windows: short enough for the processor's vectors
                for b in range(dy.shape[2]):
                    taken = dy[a, p, b] * picks[0, a, p, b]
                    dx[a, first, b] = dy[a, p, b] - taken
                    dx[a, first + 1, b] = taken
                continue
            for b in range(dy.shape[2]):
                left = dy[a, p, b]
                for k in range(window - 1, 0, -1):
                    taken = left * picks[k - 1, a, p, b]
                    left -= taken
                    dx[a, first + k, b] = taken + dx[a, first + k, b] if overlap else taken
                dx[a, first, b] = left + dx[a, first, b] if overlap else left


@compiled
def _moments(x: Any, middle: Any) -> Any:
    """Return the sums and sums of squares of the columns of x - middle, in double precision."""
    rows, columns = x.shape
    sums, squares = np.zeros(columns), np.zeros(columns)
    part, square = np.zeros(columns, x.dtype), np.zeros(columns, x.dtype)
    for first in range(0, rows, ROWS):  # few at once: sums of many lose what single precision has no room for
        part[:] = 0
        square[:] = 0
        for m in range(first, min(first + ROWS, rows)):
            for d in range(columns):
                number = x[m, d] - middle[d]
                part[d] += number
                square[d] += number * number
        sums += part
        squares += square
    return sums, squares


@compiled
def _rescale(x: Any, scale: Any, shift: Any, y: Any) -> None:
    for m in range(x.shape[0]):
        for d in range(x.shape[1]):
            y[m, d] = x[m, d] * scale[d] + shift[d]


@compiled
def _standardise(x: Any, mean: Any, scale: Any, gain: Any, bias: Any, z: Any, y: Any) -> None:
    for m in range(x.shape[0]):
        for d in range(x.shape[1]):
            number = (x[m, d] - mean[d]) * scale[d]
            z[m, d] = number
            y[m, d] = number * gain[d] + bias[d]


def batch_norm(x: Array, gain: Array, bias: Array, epsilon: float, z: Array, y: Array) -> tuple[Array, Array]:
    """Set z to x of zero mean and unit variance, and y to gain z + bias; return the means and the variances."""
    count, times = x.size // len(gain), _times(x.shape[1], len(gain))
    rows, z, y = (each.reshape(-1, times * len(gain)) for each in (x, z, y))
    near = rows[0, : len(gain)].copy()  # squares of what lies near zero keep their digits
    sums, squares = (each.reshape(times, -1).sum(axis=0) for each in _moments(rows, np.tile(near, times)))
    mean = sums / count
    middle = (near + mean).astype(x.dtype)
    variance = np.maximum(squares / count - mean * mean, 0)
    scale = (1 / np.sqrt(variance + epsilon)).astype(x.dtype)
    _standardise(rows, *np.tile(np.stack([middle, scale, gain, bias]), times), z, y)
    return middle, variance.astype(x.dtype)


@cache
def _times(places: int, features: int) -> int:
    """Return how many neighbouring places to take together, a divisor of all: short rows cost time."""
    divisors = (times for times in range(1, places + 1) if places % times == 0)
    return max((times for times in divisors if times * features <= WIDE), default=1)


@compiled
def _products(dy: Any, z: Any) -> Any:
    rows, columns = dy.shape
    sums, products = np.zeros(columns), np.zeros(columns)
    part, product = np.zeros(columns, dy.dtype), np.zeros(columns, dy.dtype)
    for first in range(0, rows, ROWS):
        part[:] = 0
        product[:] = 0
        for m in range(first, min(first + ROWS, rows)):
            for d in range(columns):
                part[d] += dy[m, d]
                product[d] += dy[m, d] * z[m, d]
        sums += part
        products += product
    return sums, products


@compiled
def _centre(dy: Any, z: Any, mean: Any, product: Any, scale: Any, dx: Any) -> None:
    for m in range(dy.shape[0]):
        for d in range(dy.shape[1]):
            dx[m, d] = scale[d] * (dy[m, d] - mean[d] - z[m, d] * product[d])


def batch_norm_back(dy: Array, z: Array, scale: Array, dx: Array) -> tuple[Array, Array]:
    """Set dx = scale (dy - mean of dy - z times the mean of dy z); return the sums of dy z and of dy."""
    count, times = dy.size // len(scale), _times(dy.shape[1], len(scale))
    dy, z, dx = (each.reshape(-1, times * len(scale)) for each in (dy, z, dx))
    dbias, dgain = (each.reshape(times, -1).sum(axis=0) for each in _products(dy, z))
    means = np.stack([dbias / count, dgain / count, scale]).astype(dy.dtype)
    _centre(dy, z, *np.tile(means, times), dx)
    return dgain.astype(dy.dtype), dbias.astype(dy.dtype)


def batch_norm_fixed(
    x: Array, mean: Array, deviation: Array, gain: Array, bias: Array, z: Array, y: Array
) -> None:
    """Set z = (x - mean) / deviation and y = gain z + bias, for given statistics; z and y may be one array."""
    times = _times(x.shape[1], len(gain))
    rows = x.reshape(-1, times * len(gain))
    scale = gain / deviation
    if z is y:
        _rescale(rows, *np.tile(np.stack([scale, bias - mean * scale]), times), y.reshape(rows.shape))
    else:
        settings = np.tile(np.stack([mean, 1 / deviation, gain, bias]), times)
        _standardise(rows, *settings, z.reshape(rows.shape), y.reshape(rows.shape))


@compiled
def _rectifier_back(dy: Any, y: Any, dx: Any) -> None:
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > 0 else 0


def rectifier_back(dy: Array, y: Array, dx: Array) -> None:
    """Set dx to dy where y > 0, else to 0; all are of one shape."""
    _rectifier_back(dy.reshape(-1), y.reshape(-1), dx.reshape(-1))


@compiled
def pair_planes(x: Any, u: Any) -> None:
    """Set u to the sums and differences of rows that two neighbouring rows of results are made of."""
    whole = (x.shape[1] - 2) // 2
    for n in range(x.shape[0]):
        for p in range(u.shape[2]):
            r = 2 * p
            for k in range(x.shape[2]):
                d1, d2 = x[n, r + 1, k], x[n, r + 2, k]
                u[0, n, p, k] = x[n, r, k] - d2
                u[1, n, p, k] = d1 + d2
                u[2, n, p, k] = d2 - d1
                u[3, n, p, k] = d1
            if p < whole:
                for k in range(x.shape[2]):
                    u[3, n, p, k] -= x[n, r + 3, k]


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
