"""Configuration of the generative adversarial network."""

from typing import Annotated, Literal

from pydantic import Field

from neuralzoo.registry import Config

Width = Annotated[int, Field(ge=1)]


class GANConfig(Config):
    """Configuration of generator, discriminator, and the techniques against mode collapse."""

    latent: int = Field(default=32, ge=1, description="dimensions of the latent noise z")
    hidden: tuple[Width, ...] = Field(default=(128, 128), description="widths of the generator's hidden layers")
    discriminator_hidden: tuple[Width, ...] | None = Field(
        default=None, description="widths of the discriminator's hidden layers; none is the generator's, reversed"
    )
    channels: tuple[Width, ...] = Field(
        default=(),
        description="channels of the discriminator's stride-2 convolutions, for images; the generator mirrors them "
        "with transposed convolutions; none is dense networks",
    )
    kernel: int = Field(default=4, ge=2, description="height and width of the convolution kernels")
    batch_norm: bool = Field(default=False, description="batch normalisation between the generator's layers")
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "softplus"] = Field(
        default="relu",
        description="activation function of the generator; the discriminator's is leaky_relu of slope 0.2",
    )
    loss: Literal["non_saturating", "relativistic"] = Field(
        default="non_saturating",
        description="non-saturating loss, or relativistic pairing loss: on differences of a real and a fake logit",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="one-sided label smoothing: the target of real examples is 1 minus this"
    )
    discriminator_steps: int = Field(default=1, ge=1, description="discriminator steps per generator step")
    discriminator_lr_ratio: float = Field(
        default=1.0, gt=0, description="learning rate of the discriminator divided by the generator's (TTUR)"
    )
    pack: int = Field(default=1, ge=1, description="examples that the discriminator classifies jointly (PacGAN)")
    minibatch_stddev: bool = Field(
        default=False, description="minibatch standard deviation: its mean as a further feature of the discriminator"
    )
    gradient_penalty: float = Field(
        default=0.0,
        ge=0,
        description="weight of the zero-centred gradient penalty at real and at fake examples (R1 and R2)",
    )
    fourier_features: int = Field(
        default=0,
        ge=0,
        description="random Fourier features that a dense discriminator reads besides its inputs, for fine detail",
    )
    fourier_scale: float = Field(
        default=6.0,
        gt=0,
        description="standard deviation of their frequencies, in radians per standard deviation of the data",
    )
    spectral_norm: bool = Field(default=False, description="spectral normalisation of the discriminator's weights")
    instance_noise: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation, in those of the data, of noise on the discriminator's inputs",
    )
    instance_noise_last: float = Field(
        default=0.0,
        ge=0,
        description="final standard deviation of that noise; above 0 it decays exponentially, else linearly",
    )
    instance_noise_steps: int = Field(default=5000, ge=1, description="steps of that decay")
    ema_decay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the exponential moving average of the generator's weights, which samples; 0 is none",
    )
