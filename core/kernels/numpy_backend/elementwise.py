"""Steps along vectors, in place, in blocks that the processor's cache holds."""

import numpy as np

from neuralzoo.core.kernels.numpy_backend.chunks import BLOCK
from neuralzoo.core.module import Array


def adam(
    w: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, epsilon: float, keep: float
) -> None:
    """Do a step of Adam on vectors, in place; g is used up.

    m = beta1 m + g          v = beta2 v + g²          w = keep w - rate m / (sqrt(v) + epsilon)
    """
    for first in range(0, w.size, BLOCK):
        part = slice(first, first + BLOCK)
        _adam(w[part], g[part], m[part], v[part], beta1, beta2, rate, epsilon, keep)


def _adam(
    w: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, epsilon: float, keep: float
) -> None:
    if keep != 1:
        w *= keep
    m *= beta1
    m += g
    g *= g
    v *= beta2
    v += g
    np.sqrt(v, out=g)
    g += epsilon
    np.divide(m, g, out=g)
    g *= rate
    w -= g


def add_rows(table: Array, rows: Array, values: Array) -> None:
    """Add values (..., D) to the rows of a table (V, D) that are named, to one that is named twice both of them."""
    np.add.at(table, rows, values)


def rectifier_back(dy: Array, y: Array, dx: Array) -> None:
    """Set dx to dy where y > 0, else to 0; all are of one shape."""
    np.greater(y, 0.0, out=dx, casting="unsafe")
    np.multiply(dx, dy, out=dx)


def gelu_inside(x: Array, scale: float, cubic: float, t: Array) -> None:
    """Set t = (scale + cubic x²) x; both are of one shape."""
    np.multiply(x, x, out=t)
    t *= cubic
    t += scale
    t *= x


def gelu_outside(x: Array, t: Array, y: Array) -> None:
    """Set y = x (1 + t) / 2; all are of one shape."""
    np.add(t, 1.0, out=y)
    y *= x
    y *= 0.5


def gelu_back(dy: Array, x: Array, t: Array, scale: float, cubic: float, dx: Array) -> None:
    """Set dx = dy ((1 + t) + x (1 - t²) (scale + 3 cubic x²)) / 2; all are of one shape."""
    np.multiply(x, x, out=dx)
    dx *= 3 * cubic
    dx += scale
    dx *= x
    rest = np.multiply(t, t)
    np.subtract(1.0, rest, out=rest)
    dx *= rest
    dx += t
    dx += 1.0
    dx *= dy
    dx *= 0.5
