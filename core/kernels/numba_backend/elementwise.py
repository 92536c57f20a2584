"""Element-wise kernels, scatter-add and Adam, one pass each."""

from typing import Any

import numpy as np

from neuralzoo.core.kernels import numpy_backend
from neuralzoo.core.kernels.numba_backend._jit import compiled
from neuralzoo.core.module import Array


@compiled
def _adam(w: Any, g: Any, m: Any, v: Any, settings: Any) -> None:
    beta1, beta2, step_size, epsilon, decay_factor = settings
    for i in range(w.size):
        m_i = m[i] * beta1 + g[i]
        v_i = v[i] * beta2 + g[i] * g[i]
        m[i] = m_i
        v[i] = v_i
        w[i] = w[i] * decay_factor - step_size * m_i / (np.sqrt(v_i) + epsilon)


def adam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    beta1: float,
    beta2: float,
    step_size: float,
    epsilon: float,
    decay_factor: float,
) -> None:
    """Adam step on vectors, in place."""
    scalar = w.dtype.type  # double precision would take twice as long
    _adam(w, g, m, v, tuple(map(scalar, (beta1, beta2, step_size, epsilon, decay_factor))))


@compiled
def _scatter_add_rows(table: Any, rows: Any, values: Any) -> None:
    for i in range(rows.size):
        for d in range(table.shape[1]):
            table[rows[i], d] += values[i, d]


def scatter_add_rows(table: Array, rows: Array, values: Array) -> None:
    """Scatter-add: add values (..., D) to the given rows (...) of a table (V, D); those of repeated rows accumulate."""
    if table.ndim != 2 or rows.min(initial=0) < 0 or rows.max(initial=0) >= len(table):
        return numpy_backend.scatter_add_rows(table, rows, values)  # it raises the IndexError
    values = np.broadcast_to(values, (*rows.shape, table.shape[1]))
    return _scatter_add_rows(table, rows.reshape(-1), values.reshape(rows.size, table.shape[1]))


@compiled
def _relu_backward(dy: Any, y: Any, dx: Any) -> None:
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > 0 else 0


def relu_backward(dy: Array, y: Array, dx: Array) -> None:
    """ReLU gradient: set dx to dy where y > 0, else to 0; all are of one shape."""
    _relu_backward(dy.reshape(-1), y.reshape(-1), dx.reshape(-1))


@compiled
def _gelu_tanh_argument(x: Any, scale: Any, cubic: Any, t: Any) -> None:
    for i in range(x.size):
        t[i] = (scale + cubic * x[i] * x[i]) * x[i]


def gelu_tanh_argument(x: Array, scale: float, cubic: float, t: Array) -> None:
    """Argument of the tanh of GELU: set t = (scale + cubic x²) x."""
    scalar = t.dtype.type
    _gelu_tanh_argument(x.reshape(-1), scalar(scale), scalar(cubic), t.reshape(-1))


@compiled
def _gelu_from_tanh(x: Any, t: Any, half: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = half * x[i] + half * x[i] * t[i]


def gelu_from_tanh(x: Array, t: Array, y: Array) -> None:
    """GELU from its tanh t: set y = x (1 + t) / 2."""
    _gelu_from_tanh(x.reshape(-1), t.reshape(-1), y.dtype.type(0.5), y.reshape(-1))


@compiled
def _gelu_backward(dy: Any, x: Any, t: Any, one: Any, scale: Any, cubic: Any, dx: Any) -> None:
    half = one / (one + one)
    for i in range(x.size):
        slope = x[i] * (one - t[i] * t[i]) * (scale + cubic * x[i] * x[i])
        dx[i] = half * dy[i] * (one + t[i] + slope)


def gelu_backward(dy: Array, x: Array, t: Array, scale: float, cubic: float, dx: Array) -> None:
    """GELU gradient: set dx = dy ((1 + t) + x (1 - t²) (scale + 3 cubic x²)) / 2."""
    scalar = dx.dtype.type
    dy, x, t, flat = (each.reshape(-1) for each in (dy, x, t, dx))
    _gelu_backward(dy, x, t, scalar(1), scalar(scale), scalar(3 * cubic), flat)
