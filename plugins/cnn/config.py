"""What can be chosen about a convolutional network."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neuralzoo.registry import Config

Count = Annotated[int, Field(ge=1)]

PRESETS: dict[str, dict[str, Any]] = {
    "lenet5": {
        "channels": (6, 16),
        "kernel": 5,
        "padding": "first",
        "pooling": "average",
        "norm": None,
        "activation": "tanh",
        "hidden": (120, 84),
    },
    "resnet": {
        "channels": (16, 32, 64),
        "residual": 1,
        "pooling": "max",
        "norm": "batch",
        "head": "average",
        "hidden": (),
    },
}
"""Known networks as settings. LeNet-5 pads 28 x 28 digits to 32 x 32; its third convolution, which sees the whole of
5 x 5 places, is the first of the dense layers."""


class CNNConfig(Config):
    """The settings of a convolutional network: stages of convolutions and pooling, then dense layers.

    A stage is convolutions, each with normalisation and a non-linearity, then pooling, then residual blocks.
    """

    preset: Literal["lenet5", "resnet"] | None = Field(
        default=None,
        description="start from a known network: lenet5, or resnet, a small residual one; what is set beside it counts",
    )
    channels: tuple[Count, ...] = Field(
        default=(32, 64), min_length=1, description="channels of each stage, as many as there are stages"
    )
    convolutions: Count = Field(default=1, description="convolutions in each stage")
    kernel: Count = Field(default=3, description="height and width of the kernels, or their steps in a sequence")
    stride: Count = Field(default=1, description="step from one place to the next of each stage's first convolution")
    padding: Literal["same", "valid", "first"] = Field(
        default="same",
        description="zeros around what a convolution reads, so that it keeps its size: same, for all of them; valid, "
        "for none; first, for the first of all only",
    )
    residual: int = Field(
        default=0, ge=0, description="residual blocks, of two convolutions each, at the end of each stage"
    )
    pooling: Literal["max", "average"] | None = Field(
        default="max", description="what is kept of each window; after each stage, but the last before a global head"
    )
    window: Count = Field(default=2, description="height and width of the pooling windows, which do not overlap")
    norm: Literal["batch"] | None = Field(default="batch", description="normalisation after each convolution")
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = Field(
        default="relu", description="non-linearity after each convolution and each hidden layer"
    )
    head: Literal["flatten", "average", "max"] = Field(
        default="flatten",
        description="what the dense layers read: all places, or one number for each channel: its average, its maximum",
    )
    hidden: tuple[Count, ...] = Field(default=(128,), description="widths of the dense layers before the last one")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of the numbers before each dense layer silenced in training"
    )

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, settings: Any) -> Any:
        if isinstance(settings, Mapping) and isinstance(name := settings.get("preset"), str):
            return {**PRESETS.get(name, {}), **settings}
        return settings
