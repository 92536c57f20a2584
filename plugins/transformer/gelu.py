"""The activation of a transformer, in PyTorch's exact form; the form that GPT-2 uses is in the core."""

import math

import numpy as np

from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array

P = 0.3275911
A = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
"""Numbers of formula 7.1.26 for the error function, whose error is below 1.5e-7."""


class ExactGELU(Layer):
    """Weigh each number by the chance that a standard normal number is smaller.

        y = x P          P = (1 + erf(x / sqrt(2))) / 2
        dx = dy (P + x exp(-x² / 2) / sqrt(2 pi))

    In float64 the error function is the standard library's, which takes long; in other dtypes it is a polynomial
    whose error is below 1.5e-7.

    Source: Hendrycks and Gimpel (2016), Gaussian Error Linear Units, https://arxiv.org/abs/1606.08415; the polynomial:
    Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 7.1.26
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the weighed numbers and their pullback."""
        density = np.multiply(x, x, out=ctx.empty(x.shape, x.dtype))
        density *= -0.5
        np.exp(density, out=density)
        chance = _chance(x, density, ctx)
        y = np.multiply(x, chance, out=ctx.empty(x.shape, x.dtype))

        def pull(dy: Array) -> Array:
            dx = np.multiply(x, density, out=ctx.empty(x.shape, x.dtype))
            dx *= 1 / math.sqrt(2 * math.pi)
            dx += chance
            dx *= dy
            return dx

        return y, pull


def _chance(x: Array, density: Array, ctx: Context) -> Array:
    """Return the chance that a standard normal number is below x, given exp(-x² / 2)."""
    if x.dtype == np.float64:
        erf = np.frompyfunc(math.erf, 1, 1)(x / math.sqrt(2))
        return np.asarray(erf, np.float64) * 0.5 + 0.5
    t = np.abs(x, out=ctx.empty(x.shape, x.dtype))
    t *= P / math.sqrt(2)
    t += 1.0
    np.divide(1.0, t, out=t)
    tail = np.multiply(t, 0.5 * A[4], out=ctx.empty(x.shape, x.dtype))
    for a in reversed(A[:4]):
        tail += 0.5 * a
        tail *= t
    tail *= density  # the chance beyond |x|
    np.subtract(0.5, tail, out=tail)
    np.copysign(tail, x, out=tail)
    tail += 0.5
    return tail
