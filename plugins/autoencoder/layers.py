"""What an autoencoder is made of: noise, a layer with the weights of another, an encoder and its mirror."""

import math
from itertools import pairwise

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.conv.layers import Conv2D
from neuralzoo.core.blocks.conv.transposed import ConvTranspose2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.init import glorot_uniform, he_normal, normal
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


def conv_halves(
    shape: tuple[int, ...], config: AutoencoderConfig, rng: np.random.Generator
) -> tuple[Layer, Dense, Layer]:
    """Return the same three parts with convolutions around the dense layers, where the config has channels.

    Each convolution of the encoder moves by two pixels, which halves height and width; the transposed one that mirrors
    it in the decoder doubles them, and has the size of the image back, be it odd or even.

    Shapes: (N, *shape) to (N, hidden[-1]); to (N, code); to (N, *shape); shape is (H, W, C) if there are channels.
    Raises: ValueError when there are channels and the examples are no images, or too small ones.
    """
    if config.channels and len(shape) != 3:
        raise ValueError(
            f"Autoencoder got channels={list(config.channels)} for examples of shape {shape}; it needs images (H, W, C)"
        )
    kernel, padding = config.kernel, (config.kernel - 1) // 2
    encoder: list[Layer] = []
    decoder: list[Layer] = []
    for outputs in config.channels:
        height, width, inputs = shape
        down = Conv2D(inputs, outputs, kernel, rng, stride=2, padding=padding)
        half = down.output_shape((height, width))
        rest = (height - (2 * half[0] - 2 + kernel - 2 * padding), width - (2 * half[1] - 2 + kernel - 2 * padding))
        start = normal(math.sqrt(8 / (outputs * kernel**2)))  # he_normal's: a quarter of a kernel feeds one pixel
        up = ConvTranspose2D(outputs, inputs, kernel, rng, stride=2, padding=padding, output_padding=rest, init=start)
        encoder += [down, ACTIVATIONS[config.activation]()]
        decoder = [ACTIVATIONS[config.activation](), up, *decoder]
        shape = (*half, outputs)
    inner, mean, outer = dense_halves(shape, config, rng)
    return Sequential(*encoder, *inner.layers), mean, Sequential(*outer.layers, *decoder)


def dense_halves(
    shape: tuple[int, ...], config: AutoencoderConfig, rng: np.random.Generator
) -> tuple[Sequential, Dense, Sequential]:
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
        init = glorot_uniform if after == inputs and not config.channels else he_normal
        decoder.append(Transposed(mirrored) if config.tied else Dense(before, after, rng, init=init))
        decoder.append(ACTIVATIONS[config.activation]())
    decoder[-1] = Reshape(*shape)  # the last layer has no non-linearity here: it is the output's, or comes after it
    return Sequential(*encoder), mean, Sequential(*decoder)
