"""Layers of the discriminator: PacGAN packing, Fourier features, minibatch std and spectral normalisation."""

import math

import numpy as np

from neuralzoo.core.blocks.conv import Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array, Parameter

EPSILON = 1e-8


class Pack(Layer):
    """PacGAN packing: concatenates every m examples along the last axis, which makes a lack of diversity visible.

    An incomplete last pack is filled up with the first examples.

    Shapes: x is (N, ..., C), y is (N / m rounded up, ..., m C) for packs of m.
    Raises: ValueError when the number of examples per pack is not positive.
    Source: Lin, Khetan, Fanti and Oh (2018), PacGAN: the power of two samples in generative adversarial networks,
    https://arxiv.org/abs/1712.04086
    """

    def __init__(self, examples: int) -> None:
        if examples < 1:
            raise ValueError(f"Pack got examples={examples}; it needs at least 1")
        self.examples = examples

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the packs and their pullback."""
        n, *positions, channels = x.shape
        packs = -(-n // self.examples)
        rows = np.arange(packs * self.examples) % n
        parts = x[rows].reshape(packs, self.examples, *positions, channels)
        y = np.moveaxis(parts, 1, -2).reshape(packs, *positions, self.examples * channels)

        def pull(dy: Array) -> Array:
            parts = np.moveaxis(dy.reshape(packs, *positions, self.examples, channels), -2, 1)
            parts = parts.reshape(len(rows), *positions, channels)
            if len(rows) == n:
                return parts
            dx = np.zeros(x.shape, dy.dtype)
            np.add.at(dx, rows, parts)
            return dx

        return y, pull


class FourierFeatures(Layer):
    """Random Fourier features beside the inputs, which make high-frequency functions easier to learn.

        y = [x, sin(x B), cos(x B)]          dx = dy_x + (dy_sin cos(x B) - dy_cos sin(x B)) B.T

    B is drawn once, from a normal distribution of standard deviation `scale`, and is not trained.

    Shapes: x is (N, D), B is (D, features), y is (N, D + 2 features).
    Raises: ValueError when the number of features is not positive.
    Source: Tancik et al. (2020), Fourier features let networks learn high frequency functions in low dimensional
    domains, https://arxiv.org/abs/2006.10739
    """

    def __init__(self, inputs: int, features: int, scale: float, rng: np.random.Generator) -> None:
        if features < 1:
            raise ValueError(f"FourierFeatures got features={features}; it needs at least 1")
        self.frequencies = Parameter(scale * rng.standard_normal((inputs, features), np.float32), trainable=False)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the extended features and their pullback."""
        frequencies = self.frequencies.value
        angle = x @ frequencies
        sine, cosine = np.sin(angle), np.cos(angle)
        first = x.shape[1]
        second = first + sine.shape[1]

        def pull(dy: Array) -> Array:
            dangle = dy[:, first:second] * cosine - dy[:, second:] * sine
            dx: Array = dy[:, :first] + dangle @ frequencies.T
            return dx

        return np.concatenate([x, sine, cosine], axis=1), pull


class MinibatchStddev(Layer):
    """Minibatch standard deviation: appends its mean over the features to every example of the batch.

        s_j = sqrt(mean over n of (x_nj - mean_j)² + 1e-8)          y_n = [x_n, mean over j of s_j]
        dx_nj = dy_nj + (x_nj - mean_j) / (N D s_j) sum over m of dy_m,D+1

    Shapes: x is (N, D), y is (N, D + 1).
    Raises: ValueError when x does not have two axes.
    Source: Karras, Aila, Laine and Lehtinen (2018), Progressive growing of GANs, https://arxiv.org/abs/1710.10196
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the extended features and their pullback."""
        if x.ndim != 2:
            raise ValueError(f"MinibatchStddev got x of shape {x.shape}; it needs (N, D)")
        n, d = x.shape
        centred = x - x.mean(axis=0)
        std = np.sqrt(np.square(centred).mean(axis=0) + EPSILON)
        y = np.empty((n, d + 1), x.dtype)
        y[:, :d] = x
        y[:, d] = std.mean()

        def pull(dy: Array) -> Array:
            factor: Array = dy[:, d].sum() / (std * (n * d))
            dx: Array = centred * factor
            dx += dy[:, :d]
            return dx

        return y, pull


class SpectralNorm(Layer):
    """Spectral normalisation: a linear layer with its weight divided by its spectral norm, 1-Lipschitz.

        v = W.T u / |W.T u|          σ = |W.T u|          y = x W / σ + b
        dW = (x.T dy - <dy, y - b> u v.T) / σ          dx = dy W.T / σ          db = sum of the rows of dy

    σ is the largest singular value of W if u is the left singular vector. u is initialised to it, is not trained, and
    is updated by one `power_iteration` after each optimizer step.

    Shapes: those of the layer; a convolution's W is the matrix of (kernel, inputs) by outputs.
    Raises: ValueError when the layer has a bias, which would be divided as well.
    Source: Miyato, Kataoka, Koyama and Yoshida (2018), SpectralNorm normalization for generative adversarial networks,
    https://arxiv.org/abs/1802.05957
    """

    def __init__(self, layer: Dense | Conv2D, *, bias: bool = True) -> None:
        if layer.bias is not None:
            raise ValueError(
                f"SpectralNorm got a {type(layer).__name__} with a bias; it needs bias=False and adds its own"
            )
        self.layer = layer
        matrix = self._matrix
        self.u = Parameter(np.linalg.svd(matrix, full_matrices=False)[0][:, 0].copy(), trainable=False)
        self.bias = Parameter(np.zeros(matrix.shape[1], np.float32)) if bias else None

    @property
    def _matrix(self) -> Array:
        weight = self.layer.weight.value
        return weight.reshape(-1, weight.shape[-1])

    @property
    def norm(self) -> float:
        """The spectral norm of the weight as estimated from u."""
        return self._norm_and_v()[0]

    def _norm_and_v(self) -> tuple[float, Array]:
        product = self.u.value @ self._matrix
        norm = math.sqrt(float(product @ product)) + EPSILON
        return norm, product / norm

    def power_iteration(self) -> None:
        """Update u by one power iteration: u = W v / |W v|."""
        u = self._matrix @ self._norm_and_v()[1]
        self.u.value[...] = u / (math.sqrt(float(u @ u)) + EPSILON)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the outputs and their pullback."""
        norm, v = self._norm_and_v()
        u = self.u.value.copy()
        y, pull_layer = self.layer(x, ctx)
        y = y * (1 / norm)

        def pull(dy: Array) -> Array:
            if self.bias is not None:
                ctx.grads.add(self.bias, np.ones(dy.size // dy.shape[-1], dy.dtype) @ dy.reshape(-1, dy.shape[-1]))
            along = float(np.vdot(dy, y)) / norm
            ctx.grads.add(self.layer.weight, (np.outer(u, v) * -along).reshape(self.layer.weight.value.shape))
            return pull_layer(dy * (1 / norm))

        return y if self.bias is None else y + self.bias.value, pull
