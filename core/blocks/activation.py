"""Activation functions: of each element, and of each row, of an array.

They are written for speed: few passes over memory, results written into place, no masks and no `where` (with a random
mask they take ten times as long as arithmetic).
"""

import math

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.blocks.reductions import max_last_axis, sum_last_axis
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array

ERF_P = 0.3275911
ERF_A = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
"""Coefficients of formula 7.1.26 of Abramowitz and Stegun for the error function, whose error is below 1.5e-7."""


class Identity(Layer):
    """Identity: y = x, dx = dy."""

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return x and the pullback that returns dy."""
        return x, lambda dy: dy


class ReLU(Layer):
    """ReLU, rectified linear unit: y = max(x, 0), dx = dy where x > 0, else 0.

    Source: Nair and Hinton (2010), Rectified Linear Units Improve Restricted Boltzmann Machines,
    https://icml.cc/Conferences/2010/papers/432.pdf
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return max(x, 0) and its pullback."""
        y = np.clip(x, 0.0, math.inf, out=_like(x, ctx))  # three times as fast as maximum(x, 0)

        def pull(dy: Array) -> Array:
            dx = _like(dy, ctx)
            kernels.relu_backward(dy, y, dx)
            return dx

        return y, pull


class LeakyReLU(Layer):
    """Leaky ReLU: y = max(x, slope x), dx = dy where x > 0, else slope dy.

    Raises: ValueError when the slope is not in [0, 1).
    Source: Maas, Hannun and Ng (2013), Rectifier Nonlinearities Improve Neural Network Acoustic Models,
    https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf
    """

    def __init__(self, slope: float = 0.01) -> None:
        if not 0 <= slope < 1:
            raise ValueError(f"LeakyReLU got slope={slope}; it needs a number in [0, 1)")
        self.slope = slope

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return max(x, slope x) and its pullback."""
        y = np.multiply(x, self.slope, out=_like(x, ctx))
        np.maximum(x, y, out=y)

        def pull(dy: Array) -> Array:
            dx = np.greater(y, 0.0, out=_like(dy, ctx), casting="unsafe")
            dx *= 1.0 - self.slope
            dx += self.slope
            return np.multiply(dx, dy, out=dx)

        return y, pull


class ELU(Layer):
    """ELU, exponential linear unit: y = x where x > 0, else exp(x) - 1.

        dx = dy (1 + min(y, 0))

    Source: Clevert, Unterthiner and Hochreiter (2015), Fast and Accurate Deep Network Learning by Exponential Linear
    Units, https://arxiv.org/abs/1511.07289 (with alpha = 1)
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return ELU of x and its pullback."""
        y = np.clip(x, -math.inf, 0.0, out=_like(x, ctx))
        np.expm1(y, out=y)
        y += np.clip(x, 0.0, math.inf)

        def pull(dy: Array) -> Array:
            dx = np.clip(y, -math.inf, 0.0, out=_like(dy, ctx))
            dx += 1.0
            return np.multiply(dx, dy, out=dx)

        return y, pull


class Sigmoid(Layer):
    """Logistic sigmoid, into (0, 1): y = 1 / (1 + exp(-x)), dx = dy y (1 - y)."""

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the sigmoid of x and its pullback."""
        y = sigmoid(x, out=_like(x, ctx))

        def pull(dy: Array) -> Array:
            dx = np.subtract(1.0, y, out=_like(dy, ctx))
            dx *= y
            return np.multiply(dx, dy, out=dx)

        return y, pull


class Tanh(Layer):
    """Hyperbolic tangent, into (-1, 1): y = tanh(x), dx = dy (1 - y²)."""

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the hyperbolic tangent of x and its pullback."""
        y = np.tanh(x, out=_like(x, ctx))

        def pull(dy: Array) -> Array:
            dx = np.multiply(y, y, out=_like(dy, ctx))
            np.subtract(1.0, dx, out=dx)
            return np.multiply(dx, dy, out=dx)

        return y, pull


class GELU(Layer):
    """GELU (tanh approximation): x times about the standard normal distribution function of x, as in GPT-2.

        t = tanh(sqrt(2 / pi) (x + 0.044715 x³))          y = x (1 + t) / 2
        dx = dy ((1 + t) + x (1 - t²) sqrt(2 / pi) (1 + 0.134145 x²)) / 2

    Source: Hendrycks and Gimpel (2016), Gaussian Error Linear Units, https://arxiv.org/abs/1606.08415
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return GELU of x and its pullback."""
        scale = math.sqrt(2 / math.pi)
        cubic = 0.044715 * scale
        t, y = _like(x, ctx), _like(x, ctx)
        kernels.gelu_tanh_argument(x, scale, cubic, t)
        np.tanh(t, out=t)
        kernels.gelu_from_tanh(x, t, y)

        def pull(dy: Array) -> Array:
            dx = _like(dy, ctx)
            kernels.gelu_backward(dy, x, t, scale, cubic, dx)
            return dx

        return y, pull


class ExactGELU(Layer):
    """GELU (exact): x times the standard normal distribution function of x, PyTorch's default.

        y = x P          P = (1 + erf(x / sqrt(2))) / 2
        dx = dy (P + x exp(-x² / 2) / sqrt(2 pi))

    In float64 the error function is the standard library's, which is slow; in other dtypes it is a polynomial whose
    error is below 1.5e-7.

    Source: Hendrycks and Gimpel (2016), Gaussian Error Linear Units, https://arxiv.org/abs/1606.08415; the polynomial:
    Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 7.1.26
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return GELU of x and its pullback."""
        density = np.multiply(x, x, out=_like(x, ctx))
        density *= -0.5
        np.exp(density, out=density)
        probability = _normal_cdf(x, density, ctx)
        y = np.multiply(x, probability, out=_like(x, ctx))

        def pull(dy: Array) -> Array:
            dx = np.multiply(x, density, out=_like(x, ctx))
            dx *= 1 / math.sqrt(2 * math.pi)
            dx += probability
            dx *= dy
            return dx

        return y, pull


class SiLU(Layer):
    """SiLU, or swish, x times its sigmoid: s = 1 / (1 + exp(-x)), y = x s, dx = dy (s + y (1 - s)).

    Source: Elfwing, Uchibe and Doya (2017), Sigmoid-Weighted Linear Units, https://arxiv.org/abs/1702.03118
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return SiLU of x and its pullback."""
        s = sigmoid(x, out=_like(x, ctx))
        y = np.multiply(x, s, out=_like(x, ctx))

        def pull(dy: Array) -> Array:
            dx = np.subtract(1.0, s, out=_like(dy, ctx))
            dx *= y
            dx += s
            return np.multiply(dx, dy, out=dx)

        return y, pull


class Softplus(Layer):
    """Softplus, a smooth ReLU: y = log(1 + exp(x)), dx = dy (1 - exp(-y)).

    Computed as max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return softplus of x and its pullback."""
        y = softplus(x, out=_like(x, ctx))

        def pull(dy: Array) -> Array:
            dx = np.negative(y, out=_like(dy, ctx))
            np.expm1(dx, out=dx)
            np.negative(dx, out=dx)
            return np.multiply(dx, dy, out=dx)

        return y, pull


class Softmax(Layer):
    """Softmax over the last axis: probabilities that add up to 1.

        y_k = exp(x_k) / sum_j exp(x_j)          dx = y (dy - sum_j dy_j y_j)

    Shapes: x and y are (..., K).
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the probabilities and their pullback."""
        y = np.subtract(x, max_last_axis(x), out=_like(x, ctx))
        np.exp(y, out=y)
        y /= sum_last_axis(y)

        def pull(dy: Array) -> Array:
            dx = np.multiply(dy, y, out=_like(dy, ctx))
            np.subtract(dy, sum_last_axis(dx), out=dx)
            return np.multiply(dx, y, out=dx)

        return y, pull


class LogSoftmax(Layer):
    """Log-softmax over the last axis: logarithms of probabilities.

        y_k = x_k - log(sum_j exp(x_j))          dx = dy - exp(y) sum_j dy_j

    Shapes: x and y are (..., K).
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the log-probabilities and their pullback."""
        y = np.subtract(x, max_last_axis(x), out=_like(x, ctx))
        y -= np.log(sum_last_axis(np.exp(y)))

        def pull(dy: Array) -> Array:
            dx = np.exp(y, out=_like(dy, ctx))
            dx *= sum_last_axis(dy)
            return np.subtract(dy, dx, out=dx)

        return y, pull


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """Return 1 / (1 + exp(-x)) as (1 + tanh(x / 2)) / 2, which does not overflow and takes half the time.

    Its error is absolute, about 1e-7 in float32: for x below -16 it returns 0.
    """
    y = np.multiply(x, 0.5, out=out)
    y = np.tanh(y, out=y)
    y += 1.0
    y *= 0.5
    return y


def softplus(x: Array, out: Array | None = None) -> Array:
    """Return log(1 + exp(x)) without overflow."""
    y = np.abs(x, out=out)
    np.negative(y, out=y)
    np.exp(y, out=y)
    np.log1p(y, out=y)
    y += np.clip(x, 0.0, math.inf)
    return y


def _normal_cdf(x: Array, density: Array, ctx: Context) -> Array:
    """Return the standard normal distribution function of x, given exp(-x² / 2)."""
    if x.dtype == np.float64:
        erf = np.frompyfunc(math.erf, 1, 1)(x / math.sqrt(2))
        return np.asarray(erf, np.float64) * 0.5 + 0.5
    t = np.abs(x, out=_like(x, ctx))
    t *= ERF_P / math.sqrt(2)
    t += 1.0
    np.divide(1.0, t, out=t)
    tail = np.multiply(t, 0.5 * ERF_A[4], out=_like(x, ctx))
    for a in reversed(ERF_A[:4]):
        tail += 0.5 * a
        tail *= t
    tail *= density  # the probability beyond |x|
    np.subtract(0.5, tail, out=tail)
    np.copysign(tail, x, out=tail)
    tail += 0.5
    return tail


def _like(x: Array, ctx: Context) -> Array:
    return ctx.empty(x.shape, x.dtype)


ACTIVATIONS: dict[str, type[Layer]] = {
    "identity": Identity,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
}
