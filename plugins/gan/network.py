"""Generative adversarial network: a generator produces fake examples, a discriminator classifies real against fake.

    z ~ N(0, 1)          x̂ = G(z)          D(x) is a logit: the probability that x is real is 1/(1 + e^-D)

    discriminator:  min  mean softplus(-D(x)) + mean softplus(D(x̂))          targets: real 1, fake 0
    generator:      min  mean softplus(-D(G(z)))                              target of fake: 1

They take turns, each one step down its own loss. The optimal discriminator is log p(x) - log p̂(x), and the generator
is optimal when that is 0 everywhere (Goodfellow et al. 2014). The minimax loss of the generator,
-mean softplus(D(G(z))), has a vanishing gradient while the discriminator is confident; the one above, which they use
themselves, has the same fixed point, and is called non-saturating.

A generator that produces only some modes of the data has collapsed. Techniques against mode collapse: packing and the
minibatch standard deviation show the discriminator a lack of diversity; spectral normalisation, instance noise and
label smoothing keep it from saturating; the gradient penalty bounds its slope near examples, and Fourier features show
it fine detail early in training; the exponential moving average of the generator's weights damps oscillations.

Both networks work in units of the training data: x is (example - location) / scale. `prepare` computes both for
tabular data and sequences; pixels are scaled to -1..1, the range of tanh.

A saved run samples: neuralzoo.load_model("runs/.../model.safetensors").sample(10, np.random.default_rng(0)).

Sources: Goodfellow et al. (2014), Generative adversarial nets, https://arxiv.org/abs/1406.2661; for images: Radford,
Metz and Chintala (2016), Unsupervised representation learning with deep convolutional generative adversarial networks,
https://arxiv.org/abs/1511.06434; instance noise: Sønderby et al. (2017), https://arxiv.org/abs/1610.04490; label
smoothing: Salimans et al. (2016), Improved techniques for training GANs, https://arxiv.org/abs/1606.03498; weight
averaging: Yazıcı et al. (2019), The unusual effectiveness of averaging in GAN training,
https://arxiv.org/abs/1806.04498
"""

import math
from itertools import pairwise

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS, LeakyReLU, Tanh
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.conv import Conv2D, ConvTranspose2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.blocks.init import glorot_uniform, he_normal, normal
from neuralzoo.core.blocks.norm import BatchNorm
from neuralzoo.core.blocks.shape import Flatten, Reshape
from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Array, Module, Parameter
from neuralzoo.plugins.gan.config import GANConfig
from neuralzoo.plugins.gan.layers import FourierFeatures, MinibatchStddev, Pack, SpectralNorm
from neuralzoo.registry import Task

LEAKY_SLOPE = 0.2


class GAN(Module):
    """Generator, discriminator, and the moving average of the generator, which samples if `ema_decay` is above 0.

    Shapes: latent noise z is (N, latent), examples (N, *shape), logits (N / pack rounded up, 1).
    """

    def __init__(self, shape: tuple[int, ...], config: GANConfig, pixels: bool, rng: np.random.Generator) -> None:
        self.latent = config.latent
        self.shape = shape
        self.pixels = pixels
        self.generator = make_generator(shape, config, pixels, rng)
        self.discriminator = make_discriminator(shape, config, rng)
        self.ema_generator = self.generator.copy().freeze() if config.ema_decay else None
        middle = 0.5 if pixels else 0.0
        self.location = Parameter(np.full(shape[-1], middle, np.float32), trainable=False)
        self.scale = Parameter(np.full(shape[-1], middle or 1.0, np.float32), trainable=False)

    def standardised(self, examples: Array) -> Array:
        """Return examples in the units of the networks."""
        x: Array = (examples - self.location.value) / self.scale.value
        return x

    def generate(self, z: Array) -> Array:
        """Return the examples that latent noise is mapped to, in evaluation mode.

        Shapes: z is (N, latent), the examples are (N, *shape).
        Raises: ValueError when z has another shape.
        """
        z = self.as_input(z)
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(f"GAN got latent noise of shape {z.shape}; it needs {('N', self.latent)}")
        sampler: Layer = self.generator if self.ema_generator is None else self.ema_generator
        y: Array = predict_in_batches(sampler.predict, z) * self.scale.value + self.location.value
        return y

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Return new examples.

        Shapes: (count, *shape).
        """
        return self.generate(rng.standard_normal((count, self.latent), np.float32))


def make_generator(shape: tuple[int, ...], config: GANConfig, pixels: bool, rng: np.random.Generator) -> Sequential:
    """Return the generator: dense layers, then transposed convolutions of stride 2 if there are channels.

    Batch normalisation, if configured, precedes each activation.

    Shapes: (N, latent) to (N, *shape).
    """
    sizes = stages(shape, config)
    layers: list[Layer] = []
    for before, after in pairwise([config.latent, *config.hidden]):
        layers += [Dense(before, after, rng, init=he_normal), *_norm_and_activation(after, config)]
    last = [config.latent, *config.hidden][-1]
    dense_init = he_normal if config.channels else glorot_uniform
    layers += [Dense(last, math.prod(sizes[-1]), rng, init=dense_init), Reshape(*sizes[-1])]
    kernel, padding = config.kernel, (config.kernel - 1) // 2
    for small, large in pairwise(reversed(sizes)):
        output_padding = [large[i] - (2 * small[i] - 2 + kernel - 2 * padding) for i in (0, 1)]
        init = normal(math.sqrt(8 / (small[2] * kernel**2)))  # He: at stride 2 a quarter of a kernel feeds one pixel
        up = ConvTranspose2D(
            small[2],
            large[2],
            kernel,
            rng,
            stride=2,
            padding=padding,
            output_padding=(output_padding[0], output_padding[1]),
            init=init,
        )
        layers += [*_norm_and_activation(small[2], config), up]
    return Sequential(*layers, *([Tanh()] if pixels else []))


def _norm_and_activation(features: int, config: GANConfig) -> list[Layer]:
    """Return the layers between two linear layers of the generator."""
    norm: list[Layer] = [BatchNorm(features)] if config.batch_norm else []
    return [*norm, ACTIVATIONS[config.activation]()]


def stages(shape: tuple[int, ...], config: GANConfig) -> list[tuple[int, ...]]:
    """Return the shapes of the stages, from the example's to the smallest: (H, W, C), each of half the size.

    Raises: ValueError when there are channels and the examples are not images, or are too small.
    """
    if config.channels and len(shape) != 3:
        raise ValueError(
            f"GAN got channels={list(config.channels)} for examples of shape {shape}; it needs images (H, W, C)"
        )
    sizes = [shape]
    reach = config.kernel - 2 * ((config.kernel - 1) // 2)
    for channels in config.channels:
        height, width = ((side - reach) // 2 + 1 for side in sizes[-1][:2])
        if min(height, width) < 1:
            raise ValueError(
                f"GAN got channels={list(config.channels)} for images of {shape[0]} x {shape[1]}; it needs fewer, "
                "since each halves height and width"
            )
        sizes.append((height, width, channels))
    return sizes


def make_discriminator(shape: tuple[int, ...], config: GANConfig, rng: np.random.Generator) -> Sequential:
    """Return the discriminator: convolutions of stride 2 if there are channels, then dense layers, up to the logits.

    Shapes: (N, *shape) to (N / pack rounded up, 1).
    Raises: ValueError when there are channels and Fourier features.
    """
    if config.channels and config.fourier_features:
        raise ValueError(
            f"GAN got fourier_features={config.fourier_features} and channels; it needs channels=[], dense networks"
        )
    sizes = stages(shape, config)
    sizes[0] = (*shape[:-1], shape[-1] * config.pack)
    layers: list[Layer] = [Pack(config.pack)] if config.pack > 1 else []
    for large, small in pairwise(sizes):
        layers += [_conv(large[-1], small[-1], config, rng), LeakyReLU(LEAKY_SLOPE)]
    layers.append(Flatten())
    hidden = config.hidden[::-1] if config.discriminator_hidden is None else config.discriminator_hidden
    inputs = math.prod(sizes[-1])
    if config.fourier_features:
        layers.append(FourierFeatures(inputs, config.fourier_features, config.fourier_scale, rng))
        inputs += 2 * config.fourier_features
    widths = [inputs, *hidden]
    for index, (before, after) in enumerate(pairwise(widths)):
        dense = _dense(before, after, config, rng)
        if index == 0 and not config.channels and dense.bias is not None:
            # Kinks spread over the data, not only at its mean, learn fine structure sooner.
            dense.bias.value[...] = rng.standard_normal(after, np.float32)
        layers += [dense, LeakyReLU(LEAKY_SLOPE)]
    if config.minibatch_stddev:
        layers.append(MinibatchStddev())
    bias = config.loss != "relativistic"  # a bias of all logits cancels in their differences
    return Sequential(*layers, _dense(widths[-1] + config.minibatch_stddev, 1, config, rng, bias=bias))


def _dense(
    inputs: int, outputs: int, config: GANConfig, rng: np.random.Generator, *, bias: bool = True
) -> Dense | SpectralNorm:
    """Return a dense layer of the discriminator, with spectral normalisation if configured."""
    init = glorot_uniform if outputs == 1 else he_normal
    if config.spectral_norm:
        return SpectralNorm(Dense(inputs, outputs, rng, init=init, bias=False), bias=bias)
    return Dense(inputs, outputs, rng, init=init, bias=bias)


def _conv(inputs: int, outputs: int, config: GANConfig, rng: np.random.Generator) -> Conv2D | SpectralNorm:
    """Return a convolution of the discriminator, with spectral normalisation if configured."""
    padding = (config.kernel - 1) // 2
    if config.spectral_norm:
        return SpectralNorm(Conv2D(inputs, outputs, config.kernel, rng, stride=2, padding=padding, bias=False))
    return Conv2D(inputs, outputs, config.kernel, rng, stride=2, padding=padding)


def build(config: GANConfig, task: Task, rng: np.random.Generator) -> GAN:
    """Return the networks for a task."""
    return GAN(task.shape, config, task.input == "image", rng)
