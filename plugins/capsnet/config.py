"""What can be chosen about a capsule network."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from neuralzoo.registry import Config

Size = Annotated[int, Field(ge=1)]


class CapsNetConfig(Config):
    """The settings of a capsule network; images of height 1 are what sequences are here, so kernels are flat then."""

    channels: tuple[Size, ...] = Field(
        default=(32,), description="features of each convolution before the first capsules; 256 as published"
    )
    kernels: tuple[Size, ...] = Field(default=(5,), description="side of the kernels of each of them; 9 as published")
    strides: tuple[Size, ...] = Field(default=(2,), description="step of each of them; 1 as published")
    primary_kinds: Size = Field(
        default=8, description="kinds of first capsules, one of each at each place; 32 as published"
    )
    primary_size: Size = Field(default=8, description="numbers of a first capsule")
    primary_kernel: Size = Field(
        default=5, description="side of the kernels that make the first capsules; 9 as published"
    )
    primary_stride: Size = Field(default=2, description="step from place to place of the first capsules")
    size: Size = Field(default=16, description="numbers of the capsule of a class")
    rounds: Size = Field(default=3, description="rounds of routing by agreement; 1 shares evenly")
    exact: bool = Field(default=True, description="let the gradient go through all rounds, not the last one only")
    shared: bool = Field(default=False, description="use the same transformations at all places")
    decoder: tuple[Size, ...] = Field(
        default=(256, 512), description="widths of the layers that rebuild the example; 512 and 1024 as published"
    )
    reconstruction: float = Field(
        default=0.0005, ge=0, description="weight of the squared error of rebuilding, summed over pixels; 0 is none"
    )
    present: float = Field(default=0.9, gt=0, le=1, description="length from which on the right capsule costs nothing")
    absent: float = Field(default=0.1, ge=0, lt=1, description="length up to which another capsule costs nothing")
    absent_weight: float = Field(default=0.5, gt=0, description="what too long other capsules count for")
    shift: int = Field(default=0, ge=0, description="pixels by which training examples are moved each way, at random")

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not len(self.channels) == len(self.kernels) == len(self.strides):
            counts = f"{len(self.channels)} channels, {len(self.kernels)} kernels and {len(self.strides)} strides"
            raise ValueError(f"there are {counts}; each convolution needs one of each")
        if self.absent >= self.present:
            raise ValueError(f"absent is {self.absent:g} with present={self.present:g}; it needs to be below it")
        return self
