"""The generative adversarial network: a generator makes examples, a discriminator tells them from real ones.

    z ~ N(0, 1)          x̂ = G(z)          D(x) is a logit: the discriminator takes x for real with chance 1/(1 + e^-D)

    discriminator:  min  mean softplus(-D(x)) + mean softplus(D(x̂))          real is 1, made is 0
    generator:      min  mean softplus(-D(G(z)))                              made shall be taken for real

Each is one step down its own loss, with the other as it is. Where the discriminator is as good as can be, it is
log p(x) - log p̂(x), and the generator is done when that is 0 everywhere (Goodfellow et al. 2014). Their first loss for
the generator, -mean softplus(D(G(z))), has next to no gradient when it is needed, when the discriminator is not
deceived yet: the one above, which they use themselves, has the same fixed point, and is called non-saturating.

A generator that makes only some kinds of example has collapsed. Remedies that are here: packs and the deviation
within a batch let the discriminator see that examples are alike; spectral norms, noise on all that it reads and
softer targets keep it from being certain, so that there is a gradient; a penalty on its slope keeps it from changing
too fast near examples, and with waves it sees fine detail early, when it still matters; the running mean of the
generator's weights takes out that both run in circles.

All is in units of the training data: x is (example - location) / scale. `prepare` finds both for numbers; pixels are
put on -1..1, which is what tanh gives.

A saved run draws new examples: neuralzoo.load_model("runs/.../model.safetensors").sample(10, np.random.default_rng(0)).

Sources: Goodfellow et al. (2014), Generative adversarial nets, https://arxiv.org/abs/1406.2661; for images: Radford,
Metz and Chintala (2016), Unsupervised representation learning with deep convolutional generative adversarial networks,
https://arxiv.org/abs/1511.06434; noise: Sønderby et al. (2017), https://arxiv.org/abs/1610.04490; softer targets:
Salimans et al. (2016), Improved techniques for training GANs, https://arxiv.org/abs/1606.03498; running mean: Yazıcı et
al. (2019), The unusual effectiveness of averaging in GAN training, https://arxiv.org/abs/1806.04498
"""

import math
from itertools import pairwise

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS, LeakyReLU, Tanh
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.conv.layers import Conv2D
from neuralzoo.core.blocks.conv.transposed import ConvTranspose2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.init import glorot_uniform, he_normal, normal
from neuralzoo.core.blocks.norm import BatchNorm
from neuralzoo.core.blocks.shape import Flatten, Reshape
from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Array, Module, Parameter
from neuralzoo.plugins.gan.config import GANConfig
from neuralzoo.plugins.gan.layers import MinibatchDeviation, Pack, Spectral, Waves
from neuralzoo.registry import Task

SLOPE = 0.2
ROWS = 500


class GAN(Module):
    """A generator, a discriminator, and the running mean of the generator, if there is one, which is what samples.

    Shapes: random numbers z are (N, latent), examples (N, *shape), logits (N / pack rounded up, 1).
    """

    def __init__(self, shape: tuple[int, ...], config: GANConfig, pixels: bool, rng: np.random.Generator) -> None:
        self.latent = config.latent
        self.shape = shape
        self.pixels = pixels
        self.generator = make_generator(shape, config, pixels, rng)
        self.discriminator = make_discriminator(shape, config, rng)
        self.averaged = frozen(self.generator) if config.average else None
        middle = 0.5 if pixels else 0.0
        self.location = Parameter(np.full(shape[-1], middle, np.float32), trainable=False)
        self.scale = Parameter(np.full(shape[-1], middle or 1.0, np.float32), trainable=False)

    def standardised(self, examples: Array) -> Array:
        """Return examples in the units that both networks work in."""
        x: Array = (examples - self.location.value) / self.scale.value
        return x

    def generate(self, z: Array) -> Array:
        """Return the examples that random numbers stand for, in evaluation mode.

        Shapes: z is (N, latent), the examples are (N, *shape).
        Raises: ValueError when there is another number of random numbers.
        """
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(f"GAN got random numbers of shape {z.shape}; it needs {('N', self.latent)}")
        sampler: Layer = self.generator if self.averaged is None else self.averaged
        parts = [sampler.predict(z[start : start + ROWS]) for start in range(0, len(z), ROWS)]
        y: Array = np.concatenate(parts) * self.scale.value + self.location.value
        return y

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Return new examples.

        Shapes: (count, *shape).
        """
        return self.generate(rng.standard_normal((count, self.latent), np.float32))


def make_generator(shape: tuple[int, ...], config: GANConfig, pixels: bool, rng: np.random.Generator) -> Sequential:
    """Return the layers from random numbers to examples: dense ones, then transposed convolutions if it has channels.

    Each of these doubles height and width; a batch normalisation, if there is one, stands before a non-linearity.

    Shapes: (N, latent) to (N, *shape).
    """
    sizes = stages(shape, config)
    layers: list[Layer] = []
    for before, after in pairwise([config.latent, *config.hidden]):
        layers += [Dense(before, after, rng, init=he_normal), *between(after, config)]
    last = [config.latent, *config.hidden][-1]
    init = he_normal if config.channels else glorot_uniform
    layers += [Dense(last, math.prod(sizes[-1]), rng, init=init), Reshape(*sizes[-1])]
    kernel, padding = config.kernel, (config.kernel - 1) // 2
    for small, large in pairwise(reversed(sizes)):
        rest = [large[i] - (2 * small[i] - 2 + kernel - 2 * padding) for i in (0, 1)]
        start = normal(math.sqrt(8 / (small[2] * kernel**2)))  # a quarter of a kernel feeds one pixel
        up = ConvTranspose2D(
            small[2],
            large[2],
            kernel,
            rng,
            stride=2,
            padding=padding,
            output_padding=(rest[0], rest[1]),
            init=start,
        )
        layers += [*between(small[2], config), up]
    return Sequential(*layers, *([Tanh()] if pixels else []))


def between(features: int, config: GANConfig) -> list[Layer]:
    """Return what stands between two weighted sums of the generator."""
    norm: list[Layer] = [BatchNorm(features)] if config.batch_norm else []
    return [*norm, ACTIVATIONS[config.activation]()]


def stages(shape: tuple[int, ...], config: GANConfig) -> list[tuple[int, ...]]:
    """Return the shapes that an example goes through, from its own to the smallest: (H, W, C), halved each time.

    Raises: ValueError when there are channels and the examples are no images, or too small ones.
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
                f"GAN got channels={list(config.channels)} for images of {shape[0]} x {shape[1]}; it needs fewer, for "
                "each halves height and width"
            )
        sizes.append((height, width, channels))
    return sizes


def make_discriminator(shape: tuple[int, ...], config: GANConfig, rng: np.random.Generator) -> Sequential:
    """Return the layers from examples to logits: convolutions that halve images if it has channels, then dense ones.

    Shapes: (N, *shape) to (N / pack rounded up, 1).
    Raises: ValueError when there are channels and waves.
    """
    if config.channels and config.waves:
        raise ValueError(f"GAN got waves={config.waves} and channels; waves need dense networks, channels=[]")
    sizes = stages(shape, config)
    sizes[0] = (*shape[:-1], shape[-1] * config.pack)
    layers: list[Layer] = [Pack(config.pack)] if config.pack > 1 else []
    for large, small in pairwise(sizes):
        layers += [convolving(large[-1], small[-1], config, rng), LeakyReLU(SLOPE)]
    layers.append(Flatten())
    hidden = config.hidden[::-1] if config.discriminator_hidden is None else config.discriminator_hidden
    inputs = math.prod(sizes[-1])
    if config.waves:
        layers.append(Waves(inputs, config.waves, config.wave_number, rng))
        inputs += 2 * config.waves
    widths = [inputs, *hidden]
    for number, (before, after) in enumerate(pairwise(widths)):
        dense = weighing(before, after, config, rng)
        if number == 0 and not config.channels and dense.bias is not None:
            # Units that bend all over the data, not at its middle only, see fine structure sooner.
            dense.bias.value[...] = rng.standard_normal(after, np.float32)
        layers += [dense, LeakyReLU(SLOPE)]
    if config.minibatch_deviation:
        layers.append(MinibatchDeviation())
    shared = config.loss == "relativistic"  # a bias of all logits is nothing to a difference of two
    return Sequential(*layers, weighing(widths[-1] + config.minibatch_deviation, 1, config, rng, bias=not shared))


def weighing(
    inputs: int, outputs: int, config: GANConfig, rng: np.random.Generator, *, bias: bool = True
) -> Dense | Spectral:
    """Return a dense layer of the discriminator, with a spectral norm of 1 if that is asked for."""
    init = glorot_uniform if outputs == 1 else he_normal
    if config.spectral:
        return Spectral(Dense(inputs, outputs, rng, init=init, bias=False), bias=bias)
    return Dense(inputs, outputs, rng, init=init, bias=bias)


def convolving(inputs: int, outputs: int, config: GANConfig, rng: np.random.Generator) -> Conv2D | Spectral:
    """Return a convolution of the discriminator, with a spectral norm of 1 if that is asked for."""
    padding = (config.kernel - 1) // 2
    if config.spectral:
        return Spectral(Conv2D(inputs, outputs, config.kernel, rng, stride=2, padding=padding, bias=False))
    return Conv2D(inputs, outputs, config.kernel, rng, stride=2, padding=padding)


def frozen(layer: Sequential) -> Sequential:
    """Return a copy whose parameters no optimizer changes."""
    copy = layer.copy()
    for parameter in copy.named_parameters().values():
        parameter.trainable = False
    return copy


def build(config: GANConfig, task: Task, rng: np.random.Generator) -> GAN:
    """Build the network for a task."""
    return GAN(task.shape, config, task.input == "image", rng)
