"""Batch normalisation: two passes over the input, one over the output."""

from functools import cache
from typing import Any

import numpy as np

from neuralzoo.core.kernels.numba_backend._jit import compiled
from neuralzoo.core.module import Array

PARTIAL_SUM_ROWS = 64  # added up in single precision; longer sums are taken in double precision
MAX_ROW_ELEMENTS = 1024  # two rows and their sums fit into the fastest cache


@compiled
def _tiled(values: Any, times: int) -> Any:
    """Return the values `times` times, one after the other."""
    tiled = np.empty(times * values.size, values.dtype)
    for i in range(tiled.size):
        tiled[i] = values[i % values.size]
    return tiled


@compiled
def _folded(values: Any, features: int) -> Any:
    """Return the sums over the tiles, feature by feature."""
    sums = np.zeros(features)
    for i in range(values.size):
        sums[i % features] += values[i]
    return sums


@compiled
def _products(x: Any, centre: Any, dy: Any) -> Any:
    """Return the sums of the columns of dy and of dy (x - centre), in double precision."""
    rows, columns = x.shape
    sums, products = np.zeros(columns), np.zeros(columns)
    part, product = np.zeros(columns, x.dtype), np.zeros(columns, x.dtype)
    for first in range(0, rows, PARTIAL_SUM_ROWS):  # long sums lose digits in single precision
        part[:] = 0
        product[:] = 0
        for m in range(first, min(first + PARTIAL_SUM_ROWS, rows)):
            for d in range(columns):
                part[d] += dy[m, d]
                product[d] += dy[m, d] * (x[m, d] - centre[d])
        sums += part
        products += product
    return sums, products


@compiled
def _moments(x: Any, centre: Any) -> Any:
    """Return the sums and the sums of squares of the columns of x - centre, in double precision."""
    rows, columns = x.shape
    sums, squares = np.zeros(columns), np.zeros(columns)
    part, square = np.zeros(columns, x.dtype), np.zeros(columns, x.dtype)
    for first in range(0, rows, PARTIAL_SUM_ROWS):
        part[:] = 0
        square[:] = 0
        for m in range(first, min(first + PARTIAL_SUM_ROWS, rows)):
            for d in range(columns):
                centred = x[m, d] - centre[d]
                part[d] += centred
                square[d] += centred * centred
        sums += part
        squares += square
    return sums, squares


@compiled
def _rescale(x: Any, centre: Any, scale: Any, shift: Any, times: int, y: Any) -> None:
    """Set y = (x - centre) scale + shift."""
    centre, scale, shift = _tiled(centre, times), _tiled(scale, times), _tiled(shift, times)
    for m in range(x.shape[0]):
        for d in range(x.shape[1]):
            y[m, d] = (x[m, d] - centre[d]) * scale[d] + shift[d]


@compiled
def _batch_norm(x: Any, gain: Any, bias: Any, epsilon: Any, times: int, y: Any) -> Any:
    count, features = x.shape[0] * times, gain.size
    head = x[:PARTIAL_SUM_ROWS]  # its mean is near that of all: squares of differences from it keep their digits
    offsets, _ = _moments(head, _tiled(head[0, :features], times))
    near = (head[0, :features] + _folded(offsets, features) / (len(head) * times)).astype(x.dtype)
    sums, squares = _moments(x, _tiled(near, times))
    mean = _folded(sums, features) / count
    variance = np.maximum(_folded(squares, features) / count - mean * mean, 0)
    centre = (near + mean).astype(x.dtype)
    scale = (gain / np.sqrt(variance + epsilon)).astype(x.dtype)
    _rescale(x, centre, scale, bias, times, y)
    return centre, variance.astype(x.dtype)


def batch_norm(x: Array, gain: Array, bias: Array, epsilon: float, z: Array, y: Array) -> tuple[Array, Array]:
    """Batch norm in training: set y to gain z + bias, with z = standardised x; return the means and the variances.

    z is not stored: the backward pass computes it again, which is quicker than to read it.
    """
    times = _times(x.shape[1], len(gain))
    x, y = (each.reshape(-1, times * len(gain)) for each in (x, y))
    mean, variance = _batch_norm(x, gain, bias, epsilon, times, y)
    return mean, variance


@cache
def _times(positions: int, features: int) -> int:
    """Return how many neighbouring positions make one row, a divisor of all: short rows cost time."""
    divisors = (times for times in range(1, positions + 1) if positions % times == 0)
    return max((times for times in divisors if times * features <= MAX_ROW_ELEMENTS), default=1)


@compiled
def _input_gradient(dy: Any, x: Any, centre: Any, scale: Any, slope: Any, offset: Any, dx: Any) -> None:
    """Set dx = scale (dy - slope (x - centre) - offset)."""
    for m in range(x.shape[0]):
        for d in range(x.shape[1]):
            dx[m, d] = scale[d] * (dy[m, d] - slope[d] * (x[m, d] - centre[d]) - offset[d])


@compiled
def _batch_norm_backward(dy: Any, x: Any, mean: Any, std: Any, gain: Any, times: int, dx: Any) -> Any:
    count, features = x.shape[0] * times, gain.size
    centre = _tiled(mean, times)
    sums, products = _products(x, centre, dy)
    dbias, dgain = _folded(sums, features), _folded(products, features) / std
    scale = _tiled(gain / std, times)
    slope = _tiled((dgain / (std * count)).astype(x.dtype), times)
    offset = _tiled((dbias / count).astype(x.dtype), times)
    _input_gradient(dy, x, centre, scale, slope, offset, dx)
    return dgain.astype(x.dtype), dbias.astype(x.dtype)


def batch_norm_backward(
    dy: Array, x: Array, mean: Array, std: Array, gain: Array, z: Array, dx: Array
) -> tuple[Array, Array]:
    """Batch norm gradient: set dx = gain / std (dy - mean(dy) - z mean(dy z)); return dgain and dbias.

    dgain = sum dy z          dbias = sum dy
    """
    times = _times(x.shape[1], len(gain))
    dy, x, dx = (each.reshape(-1, times * len(gain)) for each in (dy, x, dx))
    dgain, dbias = _batch_norm_backward(dy, x, mean, std, gain, times, dx)
    return dgain, dbias


def batch_norm_inference(x: Array, mean: Array, std: Array, gain: Array, bias: Array, z: Array, y: Array) -> None:
    """Batch norm with given statistics: set y = gain z + bias with z = (x - mean) / std, which is not stored."""
    times = _times(x.shape[1], len(gain))
    x, y = (each.reshape(-1, times * len(gain)) for each in (x, y))
    _rescale(x, mean, gain / std, bias, times, y)
