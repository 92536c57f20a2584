"""Layers of an autoencoder: input noise, tied dense layers, and the encoder with its mirrored decoder."""

import math
from itertools import pairwise

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.conv import Conv2D, ConvTranspose2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.init import glorot_uniform, he_normal, normal
from neuralzoo.core.blocks.shape import Flatten, Reshape
from neuralzoo.core.layer import Context, Layer, Pullback, zero_grad_like
from neuralzoo.core.module import Array, Parameter
from neuralzoo.core.ranges import require_positive
from neuralzoo.plugins.autoencoder.config import AutoencoderConfig


class GaussianNoise(Layer):
    """Gaussian noise: y = x + σ ε with ε ~ N(0, 1) in training, dx = dy; in evaluation y is x.

    Raises: ValueError when the standard deviation σ is not positive.
    """

    def __init__(self, std: float) -> None:
        require_positive("GaussianNoise", std=std)
        self.std = std

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the noisy inputs and their pullback."""
        if not ctx.training:
            return x, lambda dy: dy
        y = ctx.random.standard_normal(x.shape, np.float32).astype(x.dtype, copy=False)
        y *= self.std
        y += x
        return y, lambda dy: dy


class MaskingNoise(Layer):
    """Masking noise: a random fraction of the inputs is 0 in training, y = m x, dx = m dy; in evaluation y is x.

    Unlike dropout it does not rescale the inputs that are kept.

    Raises: ValueError when the fraction is not in (0, 1).
    Source: Vincent et al. (2008), Extracting and composing robust features with denoising autoencoders,
    https://doi.org/10.1145/1390156.1390294
    """

    def __init__(self, fraction: float) -> None:
        if not 0 < fraction < 1:
            raise ValueError(f"MaskingNoise got fraction={fraction}; it needs a number in (0, 1)")
        self.fraction = fraction

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the masked inputs and their pullback."""
        if not ctx.training:
            return x, lambda dy: dy
        mask = (ctx.random.random(x.shape, np.float32) >= self.fraction).astype(x.dtype)
        return x * mask, lambda dy: dy * mask


NOISES: dict[str, type[GaussianNoise] | type[MaskingNoise]] = {"gaussian": GaussianNoise, "masking": MaskingNoise}


class TiedDense(Layer):
    """Dense layer with tied weights: the transposed weight of another dense layer, and its own bias.

        y = x W.T + c          dW = dy.T x          dc = sum of the rows of dy          dx = dy W

    Shapes: W is (inputs, outputs) of the other; x is (N, outputs), y is (N, inputs).
    Raises: ValueError when the last axis of x is not the other's `outputs`.
    """

    def __init__(self, dense: Dense) -> None:
        self.weight = dense.weight
        self.bias = Parameter(np.zeros(len(dense.weight.value), np.float32))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the outputs and their pullback."""
        weight = self.weight.value
        if x.ndim != 2 or x.shape[1] != weight.shape[1]:
            raise ValueError(f"TiedDense got x of shape {x.shape}; it needs {('N', weight.shape[1])}")
        y = np.matmul(x, weight.T, out=ctx.empty((len(x), len(weight)), np.result_type(x, weight)))
        y += self.bias.value

        def pull(dy: Array) -> Array:
            ctx.grads.add_product(self.weight, dy.T, x)
            ctx.grads.add(self.bias, np.ones(len(dy), dy.dtype) @ dy)
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            return np.matmul(dy, weight, out=ctx.empty(x.shape, y.dtype))

        return y, pull


def conv_encoder_decoder(
    shape: tuple[int, ...], config: AutoencoderConfig, rng: np.random.Generator
) -> tuple[Layer, Dense, Layer]:
    """Return the encoder, the code's layer and the decoder, with convolutions around the dense layers if configured.

    Each convolution of the encoder has stride 2 and halves height and width; the transposed convolution that mirrors
    it restores the image size, odd or even.

    Shapes: (N, *shape) to (N, hidden[-1]); to (N, code); to (N, *shape); shape is (H, W, C) if there are channels.
    Raises: ValueError when there are channels and the examples are not images, or are too small.
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
        output_padding = (
            height - (2 * half[0] - 2 + kernel - 2 * padding),
            width - (2 * half[1] - 2 + kernel - 2 * padding),
        )
        init = normal(math.sqrt(8 / (outputs * kernel**2)))  # He: at stride 2 a quarter of a kernel feeds one pixel
        up = ConvTranspose2D(
            outputs, inputs, kernel, rng, stride=2, padding=padding, output_padding=output_padding, init=init
        )
        encoder += [down, ACTIVATIONS[config.activation]()]
        decoder = [ACTIVATIONS[config.activation](), up, *decoder]
        shape = (*half, outputs)
    inner, mean, outer = dense_encoder_decoder(shape, config, rng)
    return Sequential(*encoder, *inner.layers), mean, Sequential(*outer.layers, *decoder)


def dense_encoder_decoder(
    shape: tuple[int, ...], config: AutoencoderConfig, rng: np.random.Generator
) -> tuple[Sequential, Dense, Sequential]:
    """Return the dense encoder up to the last hidden layer, the code's layer, and the decoder that mirrors both.

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
        decoder.append(TiedDense(mirrored) if config.tied else Dense(before, after, rng, init=init))
        decoder.append(ACTIVATIONS[config.activation]())
    decoder[-1] = Reshape(*shape)  # in place of an activation: that of the output is applied later
    return Sequential(*encoder), mean, Sequential(*decoder)
