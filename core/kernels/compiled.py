"""The inner loops compiled by numba, one pass over memory each: compiled once for each dtype, then from a cache."""

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from neuralzoo.core.kernels import plain
from neuralzoo.core.module import Array

# Sums may be taken in another order and products fused with them: rounding differs, NaN and infinity do not.
compiled: Any = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})

ROWS, LANES = 64, 16
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
def _add_rows(table: Any, rows: Any, values: Any) -> None:
    for i in range(rows.size):
        for d in range(table.shape[1]):
            table[rows[i], d] += values[i, d]


def add_rows(table: Array, rows: Array, values: Array) -> None:
    """Add values (..., D) to the rows of a table (V, D) that are named, to one that is named twice both of them."""
    if table.ndim != 2 or rows.min(initial=0) < 0 or rows.max(initial=0) >= len(table):
        return plain.add_rows(table, rows, values)  # which tells what does not fit
    whole = np.broadcast_to(values, (*rows.shape, table.shape[1]))
    return _add_rows(table, rows.reshape(-1), whole.reshape(rows.size, table.shape[1]))


@compiled
def _larger(new: Any, old: Any) -> Any:
    return new if (new > old) | (new != new) else old  # NaN goes on, as in NumPy; "or" would be a jump


@compiled
def row_max(x: Any, largest: Any) -> None:
    """Set the largest number of each row."""
    count, width = x.shape
    whole = width - width % LANES
    lanes = np.empty(LANES, x.dtype)
    for m in range(count):
        most = x[m, 0]
        if whole:
            for k in range(LANES):  # side by side, which the processor's vectors are made for
                lanes[k] = x[m, k]
            for first in range(LANES, whole, LANES):
                for k in range(LANES):
                    lanes[k] = _larger(x[m, first + k], lanes[k])
            for k in range(LANES):
                most = _larger(lanes[k], most)
        for k in range(whole, width):
            most = _larger(x[m, k], most)
        largest[m] = most


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
                    y[a, p, b] = _larger(new, old)


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
def max_squares(x: Any, y: Any, picks: Any) -> None:
    """Set y to the maxima of squares of two by two numbers, and `picks`, if not empty, to where they come from.

    The first of its parts gets the number of the place in reading order, the others are not used.
    """
    wanted = picks.size > 0
    zero, one, two, three = y.dtype.type(0), y.dtype.type(1), y.dtype.type(2), y.dtype.type(3)
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for k in range(y.shape[3]):
                    most, place = x[n, 2 * i, 2 * j, k], zero
                    new = x[n, 2 * i, 2 * j + 1, k]
                    place = one if new > most else place
                    most = _larger(new, most)
                    new = x[n, 2 * i + 1, 2 * j, k]
                    place = two if new > most else place
                    most = _larger(new, most)
                    new = x[n, 2 * i + 1, 2 * j + 1, k]
                    place = three if new > most else place
                    most = _larger(new, most)
                    y[n, i, j, k] = most
                    if wanted:
                        picks[0, n, i, j, k] = place


@compiled
def max_squares_back(dy: Any, picks: Any, dx: Any) -> None:
    """Give dy to the first maximum of each square in reading order, and 0 to its other numbers."""
    zero = dx.dtype.type(0)
    for n in range(dy.shape[0]):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):  # a short loop for each place suits the processor's vectors
                for k in range(dy.shape[3]):
                    dx[n, 2 * i, 2 * j, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 0 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i, 2 * j + 1, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 1 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i + 1, 2 * j, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 2 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i + 1, 2 * j + 1, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 3 else zero


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
def _tiled(values: Any, times: int) -> Any:
    """Return the values as often as asked for, one after the other."""
    whole = np.empty(times * values.size, values.dtype)
    for i in range(whole.size):
        whole[i] = values[i % values.size]
    return whole


@compiled
def _folded(values: Any, features: int) -> Any:
    """Return the sums of values that belong to the same feature."""
    sums = np.zeros(features)
    for i in range(values.size):
        sums[i % features] += values[i]
    return sums


@compiled
def _products(x: Any, middle: Any, dy: Any) -> Any:
    """Return the sums of the columns of dy and of dy (x - middle), in double precision."""
    rows, columns = x.shape
    sums, products = np.zeros(columns), np.zeros(columns)
    part, product = np.zeros(columns, x.dtype), np.zeros(columns, x.dtype)
    for first in range(0, rows, ROWS):  # few at once: sums of many lose what single precision has no room for
        part[:] = 0
        product[:] = 0
        for m in range(first, min(first + ROWS, rows)):
            for d in range(columns):
                part[d] += dy[m, d]
                product[d] += dy[m, d] * (x[m, d] - middle[d])
        sums += part
        products += product
    return sums, products


@compiled
def _moments(x: Any, middle: Any) -> Any:
    """Return the sums and the sums of squares of the columns of x - middle, in double precision."""
    rows, columns = x.shape
    sums, squares = np.zeros(columns), np.zeros(columns)
    part, square = np.zeros(columns, x.dtype), np.zeros(columns, x.dtype)
    for first in range(0, rows, ROWS):
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
def _rescale(x: Any, middle: Any, scale: Any, shift: Any, times: int, y: Any) -> None:
    """Set y = (x - middle) scale + shift."""
    middle, scale, shift = _tiled(middle, times), _tiled(scale, times), _tiled(shift, times)
    for m in range(x.shape[0]):
        for d in range(x.shape[1]):
            y[m, d] = (x[m, d] - middle[d]) * scale[d] + shift[d]


@compiled
def _batch_norm(x: Any, gain: Any, bias: Any, epsilon: Any, times: int, y: Any) -> Any:
    count, features = x.shape[0] * times, gain.size
    near = x[0, :features].copy()  # squares of what lies near zero keep their digits
    sums, squares = _moments(x, _tiled(near, times))
    mean = _folded(sums, features) / count
    variance = np.maximum(_folded(squares, features) / count - mean * mean, 0)
    middle = (near + mean).astype(x.dtype)
    scale = (gain / np.sqrt(variance + epsilon)).astype(x.dtype)
    _rescale(x, middle, scale, bias, times, y)
    return middle, variance.astype(x.dtype)


def batch_norm(x: Array, gain: Array, bias: Array, epsilon: float, z: Array, y: Array) -> tuple[Array, Array]:
    """Set y to gain z + bias, with z = x of zero mean and unit variance; return the means and the variances.

    z is not stored: what goes back computes it again, which is quicker than to read it.
    """
    times = _times(x.shape[1], len(gain))
    x, y = (each.reshape(-1, times * len(gain)) for each in (x, y))
    mean, variance = _batch_norm(x, gain, bias, epsilon, times, y)
    return mean, variance


@cache
def _times(places: int, features: int) -> int:
    """Return how many neighbouring places to take together, a divisor of all: short rows cost time."""
    divisors = (times for times in range(1, places + 1) if places % times == 0)
    return max((times for times in divisors if times * features <= WIDE), default=1)


@compiled
def _centre(dy: Any, x: Any, middle: Any, scale: Any, slope: Any, offset: Any, dx: Any) -> None:
    """Set dx = scale (dy - slope (x - middle) - offset)."""
    for m in range(x.shape[0]):
        for d in range(x.shape[1]):
            dx[m, d] = scale[d] * (dy[m, d] - slope[d] * (x[m, d] - middle[d]) - offset[d])


@compiled
def _batch_norm_back(dy: Any, x: Any, mean: Any, deviation: Any, gain: Any, times: int, dx: Any) -> Any:
    count, features = x.shape[0] * times, gain.size
    middle = _tiled(mean, times)
    sums, products = _products(x, middle, dy)
    dbias, dgain = _folded(sums, features), _folded(products, features) / deviation
    scale = _tiled(gain / deviation, times)
    slope = _tiled((dgain / (deviation * count)).astype(x.dtype), times)
    offset = _tiled((dbias / count).astype(x.dtype), times)
    _centre(dy, x, middle, scale, slope, offset, dx)
    return dgain.astype(x.dtype), dbias.astype(x.dtype)


def batch_norm_back(
    dy: Array, x: Array, mean: Array, deviation: Array, gain: Array, z: Array, dx: Array
) -> tuple[Array, Array]:
    """Set dx = gain / deviation (dy - mean of dy - z times the mean of dy z); return the sums of dy z and of dy."""
    times = _times(x.shape[1], len(gain))
    dy, x, dx = (each.reshape(-1, times * len(gain)) for each in (dy, x, dx))
    dgain, dbias = _batch_norm_back(dy, x, mean, deviation, gain, times, dx)
    return dgain, dbias


def batch_norm_fixed(x: Array, mean: Array, deviation: Array, gain: Array, bias: Array, z: Array, y: Array) -> None:
    """Set y = gain z + bias with z = (x - mean) / deviation, which is not stored, for given statistics."""
    times = _times(x.shape[1], len(gain))
    x, y = (each.reshape(-1, times * len(gain)) for each in (x, y))
    _rescale(x, mean, gain / deviation, bias, times, y)


@compiled
def _rectifier_back(dy: Any, y: Any, dx: Any) -> None:
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > 0 else 0


def rectifier_back(dy: Array, y: Array, dx: Array) -> None:
    """Set dx to dy where y > 0, else to 0; all are of one shape."""
    _rectifier_back(dy.reshape(-1), y.reshape(-1), dx.reshape(-1))


@compiled
def _gelu_inside(x: Any, scale: Any, cubic: Any, t: Any) -> None:
    for i in range(x.size):
        t[i] = (scale + cubic * x[i] * x[i]) * x[i]


def gelu_inside(x: Array, scale: float, cubic: float, t: Array) -> None:
    """Set t = (scale + cubic x²) x."""
    number = t.dtype.type
    _gelu_inside(x.reshape(-1), number(scale), number(cubic), t.reshape(-1))


@compiled
def _gelu_outside(x: Any, t: Any, half: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = half * x[i] + half * x[i] * t[i]


def gelu_outside(x: Array, t: Array, y: Array) -> None:
    """Set y = x (1 + t) / 2."""
    _gelu_outside(x.reshape(-1), t.reshape(-1), y.dtype.type(0.5), y.reshape(-1))


@compiled
def _gelu_back(dy: Any, x: Any, t: Any, one: Any, scale: Any, cubic: Any, dx: Any) -> None:
    half = one / (one + one)
    for i in range(x.size):
        slope = x[i] * (one - t[i] * t[i]) * (scale + cubic * x[i] * x[i])
        dx[i] = half * dy[i] * (one + t[i] + slope)


def gelu_back(dy: Array, x: Array, t: Array, scale: float, cubic: float, dx: Array) -> None:
    """Set dx = dy ((1 + t) + x (1 - t²) (scale + 3 cubic x²)) / 2."""
    number = dx.dtype.type
    dy, x, t, flat = (each.reshape(-1) for each in (dy, x, t, dx))
    _gelu_back(dy, x, t, number(1), number(scale), number(3 * cubic), flat)


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
