"""Autoencoder: an encoder compresses an example to a code of few dimensions, a decoder reconstructs it from the code.

    x̃ = x + σ ε,  ε ~ N(0, 1)          noise in training only, if denoising; or a fraction of x̃ is 0
    h = encoder(x̃)                      hidden layers
    c = f(h W + b)                       the code
    y = s(decoder(c))                    the reconstruction; s is the logistic sigmoid for pixels

The loss compares y with x, without the noise. With f and s the identity, no hidden layers and squared error, the best
code spans the subspace of the first principal components (Bourlard and Kamp 1988); hidden layers make it non-linear.
For images, stride-2 convolutions may precede the hidden layers, mirrored by transposed convolutions in the decoder.
With tied weights the decoder uses the matrices of the encoder transposed, so that dL/dW is the sum of both uses.

A variational autoencoder encodes an example as a normal distribution and is trained with a sample of it
(reparameterization trick):

    μ = h W + b          ν = h V + d          z = μ + exp(ν/2) ε,  ε ~ N(0, 1)          y = s(decoder(z))
    dμ = dz              dν = dz exp(ν/2) ε / 2

In evaluation z is μ.

Sources: Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks, Science 313,
https://doi.org/10.1126/science.1127647; denoising: Vincent et al. (2008), https://doi.org/10.1145/1390156.1390294;
variational: Kingma and Welling (2013), Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114;
convolutions: Masci et al. (2011), https://doi.org/10.1007/978-3-642-21735-7_7;
principal components: Bourlard and Kamp (1988), https://doi.org/10.1007/BF00332918
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS, Identity, Sigmoid
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.inputs import predict_rows
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.autoencoder.config import AutoencoderConfig
from neuralzoo.plugins.autoencoder.layers import NOISES, conv_encoder_decoder
from neuralzoo.registry import Task

PullRun = Callable[[Array, Array | None, Array | None], Array]


class Run(NamedTuple):
    """Values of one forward pass, and its pullback.

    `pull(dlogits, dcode, dlog_variance)` returns dL/dx; the last two are gradients of penalties on the code, or None.
    """

    logits: Array
    code: Array  # μ where it is variational
    log_variance: Array | None
    pull: PullRun


class Autoencoder(Layer):
    """Encoder and decoder around a code of few dimensions.

    Shapes: x and y are (N, *shape), codes are (N, code).
    Raises: ValueError when the code is larger than an example and nothing regularises it (noise, sparsity,
    variational), or when an example has another shape.
    """

    def __init__(
        self, shape: tuple[int, ...], config: AutoencoderConfig, pixels: bool, rng: np.random.Generator
    ) -> None:
        inputs = math.prod(shape)
        if config.code > inputs and not (config.noise or config.sparsity or config.variational):
            raise ValueError(
                f"Autoencoder got a code of {config.code} dimensions for examples of {inputs}; it needs at most "
                f"{inputs}, or noise, sparsity or variational, else it learns the identity"
            )
        self.shape = shape
        self.noise: Layer = NOISES[config.noise_kind](config.noise) if config.noise else Identity()
        self.encoder, self.mean, self.decoder = conv_encoder_decoder(shape, config, rng)
        self.code_activation = ACTIVATIONS[config.code_activation]()
        self.log_variance = Dense(self.mean.weight.value.shape[0], config.code, rng) if config.variational else None
        self.output: Layer = (
            Sigmoid() if config.output == "sigmoid" or (config.output is None and pixels) else Identity()
        )
        self.code = config.code

    def run(self, x: Array, ctx: Context) -> Run:
        """Return the forward pass: logits (before the output's activation), the code, and the pullback.

        Raises: ValueError when an example has another shape.
        """
        if x.shape[1:] != self.shape:
            raise ValueError(f"Autoencoder got x of shape {x.shape}; it needs {('N', *self.shape)}")
        noisy, pull_noise = self.noise(x, ctx)
        if not ctx.needs_grad(x):
            ctx = replace(ctx, inputs_without_grad=noisy)  # the gradient of the noisy inputs is not needed either
        h, pull_encoder = self.encoder(noisy, ctx)
        a, pull_mean = self.mean(h, ctx)
        code, pull_activation = self.code_activation(a, ctx)
        z: Array = code
        log_variance: Array | None = None
        noise: Array | None = None
        pull_variance: Pullback = unrecorded_pullback
        if self.log_variance is not None:
            log_variance, pull_variance = self.log_variance(h, ctx)
            if ctx.training:
                epsilon = ctx.random.standard_normal(code.shape, np.float32).astype(code.dtype, copy=False)
                noise = np.exp(log_variance / 2) * epsilon
                z = code + noise
        logits, pull_decoder = self.decoder(z, ctx)

        def pull(dlogits: Array, dcode: Array | None = None, dlog_variance: Array | None = None) -> Array:
            dz = pull_decoder(dlogits)
            dh = pull_mean(pull_activation(dz if dcode is None else dz + dcode))
            if noise is not None:
                through = dz * noise / 2
                dlog_variance = through if dlog_variance is None else through + dlog_variance
            if dlog_variance is not None:
                dh = dh + pull_variance(dlog_variance)
            return pull_noise(pull_encoder(dh))

        return Run(logits, code, log_variance, pull)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the reconstructions and their pullback."""
        run = self.run(x, ctx)
        y, pull_output = self.output(run.logits, ctx)
        return y, lambda dy: run.pull(pull_output(dy), None, None)

    def encode(self, x: Array) -> Array:
        """Return the code of each example; the mean of its distribution if variational.

        Shapes: x is (N, *shape), the code is (N, code).
        """
        return predict_rows(lambda x: self.run(x, Context()).code, self.as_input(x))

    def decode(self, code: Array) -> Array:
        """Return the examples that codes decode to.

        Shapes: the code is (N, code), y is (N, *shape).
        Raises: ValueError when the codes have another number of dimensions.
        """
        code = self.as_input(code)
        if code.ndim != 2 or code.shape[1] != self.code:
            raise ValueError(f"Autoencoder got codes of shape {code.shape}; it needs {('N', self.code)}")
        ctx = Context()
        return predict_rows(lambda code: self.output(self.decoder(code, ctx)[0], ctx)[0], code)

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Return new examples, decoded from codes drawn from the standard normal distribution.

        Shapes: y is (count, *shape).
        Raises: ValueError when it is not variational: the distribution of its codes is unknown.
        """
        if self.log_variance is None:
            raise ValueError(
                "Autoencoder got sample with variational=False; it needs True, for codes that are normally distributed"
            )
        return self.decode(rng.standard_normal((count, self.code), np.float32))


def build(config: AutoencoderConfig, task: Task, rng: np.random.Generator) -> Autoencoder:
    """Return the network for a task."""
    return Autoencoder(task.shape, config, task.input == "image", rng)
