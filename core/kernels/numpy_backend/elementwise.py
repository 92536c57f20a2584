"""Element-wise kernels, scatter-add and Adam, in place, in blocks that the processor's cache holds."""

import numpy as np

from neuralzoo.core.kernels.numpy_backend.chunks import BLOCK_ELEMENTS
from neuralzoo.core.module import Array


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
    """Adam step on vectors, in place; g is overwritten.

    m = beta1 m + g          v = beta2 v + g²          w = decay_factor w - step_size m / (sqrt(v) + epsilon)
    """
    for first in range(0, w.size, BLOCK_ELEMENTS):
        part = slice(first, first + BLOCK_ELEMENTS)
        _adam(w[part], g[part], m[part], v[part], beta1, beta2, step_size, epsilon, decay_factor)


def _adam(
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
    if decay_factor != 1:
        w *= decay_factor
    m *= beta1
    m += g
    g *= g
    v *= beta2
    v += g
    np.sqrt(v, out=g)
    g += epsilon
    np.divide(m, g, out=g)
    g *= step_size
    w -= g


def scatter_add_rows(table: Array, rows: Array, values: Array) -> None:
    """Scatter-add: add values (..., D) to the given rows (...) of a table (V, D); those of repeated rows accumulate."""
    np.add.at(table, rows, values)


def relu_backward(dy: Array, y: Array, dx: Array) -> None:
    """ReLU gradient: set dx to dy where y > 0, else to 0; all are of one shape."""
    np.greater(y, 0.0, out=dx, casting="unsafe")
    np.multiply(dx, dy, out=dx)


def gelu_tanh_argument(x: Array, scale: float, cubic: float, t: Array) -> None:
    """Argument of the tanh of GELU: set t = (scale + cubic x²) x; both are of one shape."""
    np.multiply(x, x, out=t)
    t *= cubic
    t += scale
    t *= x


def gelu_from_tanh(x: Array, t: Array, y: Array) -> None:
    """GELU from its tanh t: set y = x (1 + t) / 2; all are of one shape."""
    np.add(t, 1.0, out=y)
    y *= x
    y *= 0.5


def gelu_backward(dy: Array, x: Array, t: Array, scale: float, cubic: float, dx: Array) -> None:
    """GELU gradient: set dx = dy ((1 + t) + x (1 - t²) (scale + 3 cubic x²)) / 2; all are of one shape."""
    np.multiply(x, x, out=dx)
    dx *= 3 * cubic
    dx += scale
    dx *= x
    dtanh = np.multiply(t, t)
    np.subtract(1.0, dtanh, out=dtanh)
    dx *= dtanh
    dx += t
    dx += 1.0
    dx *= dy
    dx *= 0.5
