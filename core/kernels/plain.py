"""The inner loops in NumPy: few passes over memory that the processor's cache holds, in place."""

import numpy as np

from neuralzoo.core.module import Array

BLOCK = 32768  # numbers; four arrays of it are 512 kB in float32


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
