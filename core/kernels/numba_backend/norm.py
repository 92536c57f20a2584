"""Normalisation over a batch: two passes over what comes in, and one over what goes out."""

from functools import cache
from typing import Any

import numpy as np

from neuralzoo.core.kernels.numba_backend._jit import compiled
from neuralzoo.core.module import Array

ROWS = 64
WIDE = 1024  # numbers of a row, at most: two of them and their sums fit into the fastest cache


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
    some = x[:ROWS]  # a guess at the mean: squares of what lies near zero keep their digits
    guess, _ = _moments(some, _tiled(some[0, :features], times))
    near = (some[0, :features] + _folded(guess, features) / (len(some) * times)).astype(x.dtype)
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
