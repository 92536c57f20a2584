"""What an autoencoder is made of: noise, a layer with the weights of another, an encoder and its mirror."""

import math
from itertools import pairwise

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.init import glorot_uniform, he_normal
from neuralzoo.core.blocks.shape import Flatten, Reshape
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient
from neuralzoo.core.module import Array, Parameter
from neuralzoo.plugins.autoencoder.config import AutoencoderConfig


class GaussianNoise(Layer):
    """Add normal noise in training: y = x + deviation ε, dx = dy; in evaluation y is x.

    Raises: ValueError when the deviation is not positive.
    """

    def __init__(self, deviation: float) -> None:
        if not deviation > 0:
            raise ValueError(f"GaussianNoise got deviation={deviation}; it needs a positive number")
        self.deviation = deviation

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return x with noise and the pullback that returns dy."""
        if not ctx.training:
            return x, lambda dy: dy
        y = ctx.random.standard_normal(x.shape, np.float32).astype(x.dtype, copy=False)
        y *= self.deviation
        y += x
        return y, lambda dy: dy


class MaskingNoise(Layer):
    """Set a share of all numbers to 0 in training: y = m x, dx = m dy, with m = 0 or 1; in evaluation y is x.

    The others are not scaled up as in dropout: the network shall see that numbers are missing.

    Raises: ValueError when the share is not in (0, 1).
    Source: Vincent et al. (2008), Extracting and composing robust features with denoising autoencoders,
    https://doi.org/10.1145/1390156.1390294
    """

    def __init__(self, share: float) -> None:
        if not 0 < share < 1:
            raise ValueError(f"MaskingNoise got share={share}; it needs a number in (0, 1)")
        self.share = share

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return what is left of x and its pullback."""
        if not ctx.training:
            return x, lambda dy: dy
        mask = (ctx.random.random(x.shape, np.float32) >= self.share).astype(x.dtype)
        return x * mask, lambda dy: dy * mask


NOISES: dict[str, type[GaussianNoise] | type[MaskingNoise]] = {"gaussian": GaussianNoise, "masking": MaskingNoise}


class Transposed(Layer):
    """A dense layer that uses the weight of another the other way round, with a bias of its own.

        y = x W.T + c          dW = dy.T x          dc = sum of the rows of dy          dx = dy W

    Shapes: W is (inputs, outputs) of the other; x is (N, outputs), y is (N, inputs).
    Raises: ValueError when the last axis of x is not the other's `outputs`.
    """

    def __init__(self, dense: Dense) -> None:
        self.weight = dense.weight
        self.bias = Parameter(np.zeros(len(dense.weight.value), np.float32))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the weighted sums and their pullback."""
        weight = self.weight.value
        if x.ndim != 2 or x.shape[1] != weight.shape[1]:
            raise ValueError(f"Transposed got x of shape {x.shape}; it needs {('N', weight.shape[1])}")
        y = np.matmul(x, weight.T, out=ctx.empty((len(x), len(weight)), np.result_type(x, weight)))
        y += self.bias.value

        def pull(dy: Array) -> Array:
            ctx.grads.add_product(self.weight, dy.T, x)
            ctx.grads.add(self.bias, np.ones(len(dy), dy.dtype) @ dy)
            if ctx.skips(x):
                return no_gradient(x)
            return np.matmul(dy, weight, out=ctx.empty(x.shape, y.dtype))

        return y, pull


def dense_halves(
    shape: tuple[int, ...], config: AutoencoderConfig, rng: np.random.Generator
) -> tuple[Layer, Dense, Layer]:
    """Return the layers up to the last hidden one, the layer of the code, and the decoder that mirrors both.

    Shapes: (N, *shape) to (N, hidden[-1]); to (N, code); to (N, *shape).
    """
    inputs = math.prod(shape)
    widths = [inputs, *config.hidden]
    encoding = [Dense(before, after, rng, init=he_normal) for before, after in pairwise(widths)]
    mean = Dense(widths[-1], config.code, rng)
    encoder: list[Layer] = [Flatten()]
    for dense in encoding:
        encoder += [dense, ACTIVATIONS[config.activation]()]
    decoder: list[Layer] = []
    for mirrored in (mean, *reversed(encoding)):
        after, before = mirrored.weight.value.shape
        init = glorot_uniform if after == inputs else he_normal
        decoder.append(Transposed(mirrored) if config.tied else Dense(before, after, rng, init=init))
        decoder.append(ACTIVATIONS[config.activation]())
    decoder[-1] = Reshape(*shape)  # the last layer has no non-linearity here: it is the output's
    return Sequential(*encoder), mean, Sequential(*decoder)
