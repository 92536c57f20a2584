"""Configuration of the capsule network."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from neuralzoo.registry import Config

Size = Annotated[int, Field(ge=1)]


class CapsNetConfig(Config):
    """The settings of a capsule network; a sequence is an image of height 1, with kernels of height 1."""

    channels: tuple[Size, ...] = Field(
        default=(32,), description="channels of each convolution before the primary capsules; 256 in the paper"
    )
    kernels: tuple[Size, ...] = Field(default=(5,), description="kernel size of each of them; 9 in the paper")
    strides: tuple[Size, ...] = Field(default=(2,), description="stride of each of them; 1 in the paper")
    primary_types: Size = Field(
        default=8, description="types of primary capsules, one of each at each position; 32 in the paper"
    )
    primary_dim: Size = Field(default=8, description="dimensions of a primary capsule")
    primary_kernel: Size = Field(
        default=5, description="kernel size of the convolution to the primary capsules; 9 in the paper"
    )
    primary_stride: Size = Field(default=2, description="stride of the convolution to the primary capsules")
    class_dim: Size = Field(default=16, description="dimensions of a class capsule")
    routing_iterations: Size = Field(
        default=3, description="iterations of routing by agreement; 1 is uniform couplings"
    )
    backprop_all_iterations: bool = Field(
        default=True, description="let the gradient go through all routing iterations, not the last one only"
    )
    shared: bool = Field(default=False, description="share the transformations between all positions")
    decoder: tuple[Size, ...] = Field(
        default=(256, 512), description="widths of the decoder's hidden layers; 512 and 1024 in the paper"
    )
    reconstruction: float = Field(
        default=0.0005,
        ge=0,
        description="weight of the reconstruction's squared error, summed over pixels; 0 is no decoder",
    )
    m_plus: float = Field(
        default=0.9, gt=0, le=1, description="margin m+: no loss for the capsule of a present class from this length"
    )
    m_minus: float = Field(
        default=0.1, ge=0, lt=1, description="margin m-: no loss for the capsule of an absent class up to this length"
    )
    lambda_absent: float = Field(default=0.5, gt=0, description="weight of the loss of absent classes")
    translate_augment: int = Field(
        default=0, ge=0, description="augmentation: maximum random translation of training examples, in pixels"
    )

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not len(self.channels) == len(self.kernels) == len(self.strides):
            counts = f"{len(self.channels)} channels, {len(self.kernels)} kernels and {len(self.strides)} strides"
            raise ValueError(f"there are {counts}; each convolution needs one of each")
        if self.m_minus >= self.m_plus:
            raise ValueError(f"m_minus is {self.m_minus:g} with m_plus={self.m_plus:g}; it needs to be below m_plus")
        return self


def scale_width(config: CapsNetConfig, factor: float) -> CapsNetConfig:
    """Return the config with its widths times a factor; the dimensions of capsules stay."""

    def times(width: int) -> int:
        return max(1, round(width * factor))

    changed: dict[str, Any] = {
        "channels": tuple(map(times, config.channels)),
        "primary_types": times(config.primary_types),
        "decoder": tuple(map(times, config.decoder)),
    }
    return config.model_copy(update=changed)
