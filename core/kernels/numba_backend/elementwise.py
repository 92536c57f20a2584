"""Steps along vectors, one pass each."""

from typing import Any

import numpy as np

from neuralzoo.core.kernels import numpy_backend as plain
from neuralzoo.core.kernels.numba_backend._jit import compiled
from neuralzoo.core.module import Array


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
