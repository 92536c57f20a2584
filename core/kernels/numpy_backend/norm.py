"""Batch normalisation."""

import numpy as np

from neuralzoo.core.kernels.numpy_backend.chunks import blocks
from neuralzoo.core.module import Array


def batch_norm(x: Array, gain: Array, bias: Array, epsilon: float, z: Array, y: Array) -> tuple[Array, Array]:
    """Batch norm in training: set z to standardised x and y to gain z + bias; return the means and the variances.

    z is kept for `batch_norm_backward`, whose numba backend does without.

    Shapes: x, z and y are (N, P, D), the others (D,).
    """
    rows, z, y = (each.reshape(len(x), -1) for each in (x, z, y))  # long ones are fast; the statistics are tiled
    count, positions = x.shape[0] * x.shape[1], x.shape[1]
    mean = _sums(rows, len(gain)) / count
    np.subtract(rows, np.tile(mean, positions), out=z)
    variance = _sums(np.square(z, out=y), len(gain)) / count
    std, scale, shift = (np.tile(each, positions) for each in (np.sqrt(variance + epsilon), gain, bias))
    for block in blocks(z):
        z[block] /= std
        np.multiply(z[block], scale, out=y[block])
        y[block] += shift
    return mean, variance


def batch_norm_backward(
    dy: Array, x: Array, mean: Array, std: Array, gain: Array, z: Array, dx: Array
) -> tuple[Array, Array]:
    """Batch norm gradient: set dx = gain / std (dy - mean(dy) - z mean(dy z)); return dgain and dbias.

    dgain = sum dy z          dbias = sum dy

    z is what `batch_norm` set here; the numba backend computes it again, as (x - mean) / std.

    Shapes: dy, x, z and dx are (N, P, D), the others (D,).
    """
    scale = gain / std
    rows, z, dx = (each.reshape(len(dy), -1) for each in (dy, z, dx))
    count, positions = dy.shape[0] * dy.shape[1], dy.shape[1]
    dbias = _sums(rows, len(scale))
    dgain = _sums(np.multiply(rows, z, out=dx), len(scale))
    slope, mean_dy, scale = (np.tile(each, positions) for each in (dgain / -count, dbias / count, scale))
    for block in blocks(dx):
        part = np.multiply(z[block], slope, out=dx[block])
        part += rows[block]
        part -= mean_dy
        part *= scale
    return dgain, dbias


def batch_norm_inference(x: Array, mean: Array, std: Array, gain: Array, bias: Array, z: Array, y: Array) -> None:
    """Batch norm with given statistics: set z = (x - mean) / std and y = gain z + bias; z and y may be one array.

    Shapes: x, z and y are (N, P, D), the others (D,).
    """
    rows, z, y = (each.reshape(len(x), -1) for each in (x, z, y))
    mean, std, gain, bias = np.tile(np.stack([mean, std, gain, bias]), x.shape[1])
    for block in blocks(z):
        part = np.subtract(rows[block], mean, out=z[block])
        part /= std
        part = np.multiply(part, gain, out=y[block])
        part += bias


def _sums(rows: Array, features: int) -> Array:
    """Return the sum of each feature over rows in which the features repeat, position by position."""
    sums: Array = (np.ones(len(rows), rows.dtype) @ rows).reshape(-1, features).sum(axis=0)
    return sums
