"""The inner loops compiled by numba, one pass over memory each: compiled once for each dtype, then from a cache."""

from typing import Any

import numpy as np
from numba import njit

from neuralzoo.core.module import Array

# Sums may be taken in another order and products fused with them: rounding differs, NaN and infinity do not.
compiled: Any = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})

ROWS = 64


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
def _batch_norm(x: Any, gain: Any, bias: Any, epsilon: Any, z: Any, y: Any) -> Any:
    count, features = x.shape
    mean = np.zeros(features)
    part = np.zeros(features, x.dtype)  # few rows at once: sums of many lose what single precision has no room for
    for first in range(0, count, ROWS):
        part[:] = 0
        for m in range(first, min(first + ROWS, count)):
            for d in range(features):
                part[d] += x[m, d]
        mean += part
    mean /= count
    middle = mean.astype(x.dtype)
    variance = np.zeros(features)
    for first in range(0, count, ROWS):
        part[:] = 0
        for m in range(first, min(first + ROWS, count)):
            for d in range(features):
                z[m, d] = x[m, d] - middle[d]
                part[d] += z[m, d] * z[m, d]
        variance += part
    variance /= count
    scale = (1 / np.sqrt(variance + epsilon)).astype(x.dtype)
    for m in range(count):
        for d in range(features):
            z[m, d] *= scale[d]
            y[m, d] = z[m, d] * gain[d] + bias[d]
    return middle, variance.astype(x.dtype)


def batch_norm(x: Array, gain: Array, bias: Array, epsilon: float, z: Array, y: Array) -> tuple[Array, Array]:
    """Set z to x of zero mean and unit variance, and y to gain z + bias; return the means and the variances."""
    x, z, y = (each.reshape(-1, len(gain)) for each in (x, z, y))
    mean, variance = _batch_norm(x, gain, bias, epsilon, z, y)
    return mean, variance


@compiled
def _batch_norm_back(dy: Any, z: Any, scale: Any, dx: Any) -> Any:
    count, features = dy.shape
    dgain, dbias = np.zeros(features), np.zeros(features)
    product, part = np.zeros(features, dy.dtype), np.zeros(features, dy.dtype)
    for first in range(0, count, ROWS):
        product[:] = 0
        part[:] = 0
        for m in range(first, min(first + ROWS, count)):
            for d in range(features):
                part[d] += dy[m, d]
                product[d] += dy[m, d] * z[m, d]
        dgain += product
        dbias += part
    product[:] = dgain / count
    part[:] = dbias / count
    for m in range(count):
        for d in range(features):
            dx[m, d] = scale[d] * (dy[m, d] - part[d] - z[m, d] * product[d])
    return dgain.astype(dy.dtype), dbias.astype(dy.dtype)


def batch_norm_back(dy: Array, z: Array, scale: Array, dx: Array) -> tuple[Array, Array]:
    """Set dx = scale (dy - mean of dy - z times the mean of dy z); return the sums of dy z and of dy."""
    dy, z, dx = (each.reshape(-1, len(scale)) for each in (dy, z, dx))
    dgain, dbias = _batch_norm_back(dy, z, scale, dx)
    return dgain, dbias
