"""Normalisation over a batch."""

import numpy as np

from neuralzoo.core.kernels.numpy_backend.chunks import blocks
from neuralzoo.core.module import Array


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
    for block in blocks(z):
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
    for block in blocks(dx):
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
    for block in blocks(z):
        part = np.subtract(rows[block], mean, out=z[block])
        part /= deviation
        part = np.multiply(part, gain, out=y[block])
        part += bias


def _sums(rows: Array, features: int) -> Array:
    """Return the sum of each feature over rows that have it again and again."""
    sums: Array = (np.ones(len(rows), rows.dtype) @ rows).reshape(-1, features).sum(axis=0)
    return sums
