"""What a discriminator is made of besides dense layers: the known remedies against collapse."""

import math

import numpy as np

from neuralzoo.core.blocks.conv.layers import Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array, Parameter

EPSILON = 1e-8


class Pack(Layer):
    """Join every few examples to one, along the last axis, to be judged together: equal ones give themselves away.

    Examples that do not fill the last pack are filled up with the first ones.

    Shapes: x is (N, ..., C), y is (N / m rounded up, ..., m C) for packs of m.
    Raises: ValueError when the number of examples is not positive.
    Source: Lin, Khetan, Fanti and Oh (2018), PacGAN: the power of two samples in generative adversarial networks,
    https://arxiv.org/abs/1712.04086
    """

    def __init__(self, examples: int) -> None:
        if examples < 1:
            raise ValueError(f"Pack got examples={examples}; it needs at least 1")
        self.examples = examples

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the packs and their pullback."""
        n, *places, channels = x.shape
        packs = -(-n // self.examples)
        rows = np.arange(packs * self.examples) % n
        parts = x[rows].reshape(packs, self.examples, *places, channels)
        y = np.moveaxis(parts, 1, -2).reshape(packs, *places, self.examples * channels)

        def pull(dy: Array) -> Array:
            parts = np.moveaxis(dy.reshape(packs, *places, self.examples, channels), -2, 1)
            parts = parts.reshape(len(rows), *places, channels)
            if len(rows) == n:
                return parts
            dx = np.zeros(x.shape, dy.dtype)
            np.add.at(dx, rows, parts)
            return dx

        return y, pull


class Waves(Layer):
    """Show numbers as waves, too, so that the layers above see what changes fast, which they learn last otherwise.

        y = [x, sin(x B), cos(x B)]          dx = dy_x + (dy_sin cos(x B) - dy_cos sin(x B)) B.T

    B is drawn once, from a normal distribution of deviation `number`, and is not trained.

    Shapes: x is (N, D), B is (D, waves), y is (N, D + 2 waves).
    Raises: ValueError when the number of waves is not positive.
    Source: Tancik et al. (2020), Fourier features let networks learn high frequency functions in low dimensional
    domains, https://arxiv.org/abs/2006.10739
    """

    def __init__(self, inputs: int, waves: int, number: float, rng: np.random.Generator) -> None:
        if waves < 1:
            raise ValueError(f"Waves got waves={waves}; it needs at least 1")
        self.turns = Parameter(number * rng.standard_normal((inputs, waves), np.float32), trainable=False)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the longer rows and their pullback."""
        turns = self.turns.value
        angle = x @ turns
        sine, cosine = np.sin(angle), np.cos(angle)
        first = x.shape[1]
        second = first + sine.shape[1]

        def pull(dy: Array) -> Array:
            dangle = dy[:, first:second] * cosine - dy[:, second:] * sine
            dx: Array = dy[:, :first] + dangle @ turns.T
            return dx

        return np.concatenate([x, sine, cosine], axis=1), pull


class MinibatchDeviation(Layer):
    """Give every example one more number, how much the examples of its batch differ on average.

        s_j = sqrt(mean over n of (x_nj - mean_j)² + 1e-8)          y_n = [x_n, mean over j of s_j]
        dx_nj = dy_nj + (x_nj - mean_j) / (N D s_j) sum over m of dy_m,D+1

    Shapes: x is (N, D), y is (N, D + 1).
    Raises: ValueError when x has not two axes.
    Source: Karras, Aila, Laine and Lehtinen (2018), Progressive growing of GANs, https://arxiv.org/abs/1710.10196
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the longer rows and their pullback."""
        if x.ndim != 2:
            raise ValueError(f"MinibatchDeviation got x of shape {x.shape}; it needs (N, D)")
        n, d = x.shape
        centred = x - x.mean(axis=0)
        deviation = np.sqrt(np.square(centred).mean(axis=0) + EPSILON)
        y = np.empty((n, d + 1), x.dtype)
        y[:, :d] = x
        y[:, d] = deviation.mean()

        def pull(dy: Array) -> Array:
            share: Array = dy[:, d].sum() / (deviation * (n * d))
            dx: Array = centred * share
            dx += dy[:, :d]
            return dx

        return y, pull


class Spectral(Layer):
    """A linear layer that makes no difference between two inputs longer: its weight is divided by its spectral norm.

        v = W.T u / |W.T u|          σ = |W.T u|          y = x W / σ + b
        dW = (x.T dy - <dy, y - b> u v.T) / σ          dx = dy W.T / σ          db = sum of the rows of dy

    σ is the largest singular value of W if u is its left singular vector. u starts as that and is no weight: after
    each step of the optimizer one step of the power method, `iterate`, lets it follow.

    Shapes: those of the layer; of kernels W is (kernel, inputs) by outputs.
    Raises: ValueError when the layer has a bias, which would be divided, too.
    Source: Miyato, Kataoka, Koyama and Yoshida (2018), Spectral normalization for generative adversarial networks,
    https://arxiv.org/abs/1802.05957
    """

    def __init__(self, layer: Dense | Conv2D, *, bias: bool = True) -> None:
        if layer.bias is not None:
            raise ValueError(f"Spectral got a {type(layer).__name__} with a bias; it needs bias=False and has its own")
        self.layer = layer
        matrix = self._matrix
        self.direction = Parameter(np.linalg.svd(matrix, full_matrices=False)[0][:, 0].copy(), trainable=False)
        self.bias = Parameter(np.zeros(matrix.shape[1], np.float32)) if bias else None

    @property
    def _matrix(self) -> Array:
        weight = self.layer.weight.value
        return weight.reshape(-1, weight.shape[-1])

    @property
    def norm(self) -> float:
        """The spectral norm of the weight as far as u knows it."""
        return self._singular()[0]

    def _singular(self) -> tuple[float, Array]:
        ahead = self.direction.value @ self._matrix
        norm = math.sqrt(float(ahead @ ahead)) + EPSILON
        return norm, ahead / norm

    def iterate(self) -> None:
        """Do one step of the power method: u = W v / |W v|."""
        u = self._matrix @ self._singular()[1]
        self.direction.value[...] = u / (math.sqrt(float(u @ u)) + EPSILON)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the weighted sums and their pullback."""
        norm, v = self._singular()
        u = self.direction.value.copy()
        y, pull_layer = self.layer(x, ctx)
        y = y * (1 / norm)

        def pull(dy: Array) -> Array:
            if self.bias is not None:
                ctx.grads.add(self.bias, np.ones(dy.size // dy.shape[-1], dy.dtype) @ dy.reshape(-1, dy.shape[-1]))
            along = float(np.vdot(dy, y)) / norm
            ctx.grads.add(self.layer.weight, (np.outer(u, v) * -along).reshape(self.layer.weight.value.shape))
            return pull_layer(dy * (1 / norm))

        return y if self.bias is None else y + self.bias.value, pull
