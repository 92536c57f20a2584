"""Configuration of the convolutional network."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neuralzoo.core.capacity import MOST_LAYERS
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
"""Known networks as settings. LeNet-5 pads 28 x 28 digits to 32 x 32; its third convolution, whose kernel covers
all 5 x 5 positions, is the first of the dense layers."""


class CNNConfig(Config):
    """The settings of a convolutional network: stages of convolutions and pooling, then dense layers.

    A stage is convolutions, each with normalisation and a non-linearity, then pooling, then residual blocks.
    """

    preset: Literal["lenet5", "resnet"] | None = Field(
        default=None,
        description="known network to start from: lenet5, or resnet, a small residual one; other settings override it",
    )
    channels: tuple[Count, ...] = Field(
        default=(32, 64), min_length=1, description="channels of each stage; their number is that of the stages"
    )
    convolutions: Count = Field(default=1, le=MOST_LAYERS, description="convolutions in each stage")
    kernel: Count = Field(default=3, description="kernel size: height and width, or steps of a sequence")
    stride: Count = Field(default=1, description="stride of the first convolution of each stage")
    padding: Literal["same", "valid", "first"] = Field(
        default="same",
        description="zero padding that keeps the size: same, in all convolutions; valid, in none; first, in the first",
    )
    residual: int = Field(
        default=0,
        ge=0,
        le=MOST_LAYERS,
        description="residual blocks, of two convolutions each, at the end of each stage",
    )
    pooling: Literal["max", "average"] | None = Field(
        default="max", description="pooling after each stage, except the last before a global head"
    )
    window: Count = Field(default=2, description="height and width of the pooling windows, which do not overlap")
    norm: Literal["batch"] | None = Field(default="batch", description="normalisation after each convolution")
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = Field(
        default="relu", description="non-linearity after each convolution and each hidden layer"
    )
    head: Literal["flatten", "average", "max"] = Field(
        default="flatten",
        description="input of the dense layers: all positions, or global average or max pooling of each channel",
    )
    hidden: tuple[Count, ...] = Field(default=(128,), description="widths of the hidden dense layers")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout rate before each dense layer")

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, settings: Any) -> Any:
        if isinstance(settings, Mapping) and isinstance(name := settings.get("preset"), str):
            return {**PRESETS.get(name, {}), **settings}
        return settings


def scale_width(config: CNNConfig, factor: float) -> CNNConfig:
    """Return the config with its channels and hidden widths times a factor.

    The rounding error of one width is added to the next, so that the number of parameters changes in small steps.
    """
    widths = [*config.channels, *config.hidden]
    ends = [round(sum(widths[: i + 1]) * factor) for i in range(len(widths))]
    scaled = [max(1, end - start) for start, end in zip([0, *ends], ends, strict=False)]
    stages = len(config.channels)
    return config.model_copy(update={"channels": tuple(scaled[:stages]), "hidden": tuple(scaled[stages:])})
