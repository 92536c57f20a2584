"""Configuration of the feed-forward network."""

from typing import Annotated, Literal

from pydantic import Field

from neuralzoo.registry import Config


class FNNConfig(Config):
    """The settings of a feed-forward network."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(256, 128), description="width of each hidden layer; none is a linear model"
    )
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = Field(
        default="relu", description="activation function of the hidden layers"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout rate of hidden units")
    input_dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout rate of inputs")
    init: Literal["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "orthogonal"] = Field(
        default="he_normal", description="weight initialization of the hidden layers"
    )


def scale_width(config: FNNConfig, factor: float) -> FNNConfig:
    """Return the config with its hidden widths times a factor."""
    return config.model_copy(update={"hidden": tuple(max(1, round(width * factor)) for width in config.hidden)})
