"""What can be chosen about a feed-forward network."""

from typing import Annotated, Literal

from pydantic import Field

from neuralzoo.registry import Config


class FNNConfig(Config):
    """The settings of a feed-forward network."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(256, 128), description="width of each hidden layer; none at all is a linear model"
    )
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = Field(
        default="relu", description="non-linearity after each hidden layer"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of hidden units that are silenced in training")
    input_dropout: float = Field(default=0.0, ge=0, lt=1, description="share of inputs that are silenced in training")
    init: Literal["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "orthogonal"] = Field(
        default="he_normal", description="how the weights of the hidden layers start"
    )
