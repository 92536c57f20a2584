"""Configuration of the simple recurrent network."""

from typing import Literal

from pydantic import Field

from neuralzoo.core.blocks.recurrent.config import RecurrentConfig
from neuralzoo.registry import Config


class RNNConfig(Config, RecurrentConfig):
    """The settings of a simple recurrent network, beside those of all recurrent networks."""

    activation: Literal["tanh", "relu"] = Field(default="tanh", description="non-linearity of the units")
    state_init: Literal["orthogonal", "identity", "glorot_uniform"] = Field(
        default="orthogonal", description="initialization of the weights from step to step"
    )
