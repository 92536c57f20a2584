"""What can be chosen about a generative adversarial network."""

from typing import Annotated, Literal

from pydantic import Field

from neuralzoo.registry import Config

Width = Annotated[int, Field(ge=1)]


class GANConfig(Config):
    """The settings of a generator and a discriminator, and the remedies against collapse."""

    latent: int = Field(default=32, ge=1, description="random numbers that an example is made from")
    hidden: tuple[Width, ...] = Field(default=(128, 128), description="widths of the generator's hidden layers")
    discriminator_hidden: tuple[Width, ...] | None = Field(
        default=None, description="widths of the discriminator's hidden layers; none is the generator's, reversed"
    )
    channels: tuple[Width, ...] = Field(
        default=(),
        description="channels of the discriminator's convolutions, for images, each halving height and width; the "
        "generator's transposed ones mirror them; none is dense networks",
    )
    kernel: int = Field(default=4, ge=2, description="height and width of the kernels, if there are channels")
    batch_norm: bool = Field(default=False, description="normalise over the batch between the generator's layers")
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "softplus"] = Field(
        default="relu", description="non-linearity of the generator; the discriminator's is leaky_relu of slope 0.2"
    )
    loss: Literal["non_saturating", "relativistic"] = Field(
        default="non_saturating",
        description="judge real and made examples each for itself, or in pairs: which one is more real?",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="what real examples lack of the target 1, so that it never gets certain"
    )
    discriminator_steps: int = Field(default=1, ge=1, description="steps of the discriminator for one of the generator")
    discriminator_rate: float = Field(
        default=1.0, gt=0, description="learning rate of the discriminator as a share of the generator's"
    )
    pack: int = Field(default=1, ge=1, description="examples that the discriminator judges together")
    minibatch_deviation: bool = Field(
        default=False, description="tell the discriminator how much the examples of a batch differ"
    )
    penalty: float = Field(
        default=0.0, ge=0, description="weight of the discriminator's squared slope at real and at made examples"
    )
    waves: int = Field(
        default=0,
        ge=0,
        description="random waves that a dense discriminator reads besides the numbers; for fine detail",
    )
    wave_number: float = Field(
        default=6.0, gt=0, description="how fast they turn: deviation, in radians per deviation of the data"
    )
    spectral: bool = Field(default=False, description="divide the discriminator's weights by their spectral norm")
    instance_noise: float = Field(
        default=0.0, ge=0, description="deviation, in those of the data, of noise on all that the discriminator reads"
    )
    instance_noise_last: float = Field(
        default=0.0, ge=0, description="deviation at which that noise stays; above 0 it falls by equal factors"
    )
    instance_noise_steps: int = Field(default=5000, ge=1, description="steps in which it falls from first to last")
    average: float = Field(
        default=0.0, ge=0, lt=1, description="share that a running mean of the generator's weights keeps; 0 is no mean"
    )
