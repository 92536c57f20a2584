"""Configuration of the long short-term memory."""

from pydantic import Field

from neuralzoo.core.blocks.recurrent.config import RecurrentConfig
from neuralzoo.registry import Config


class LSTMConfig(Config, RecurrentConfig):
    """The settings of a long short-term memory, beside those of all recurrent networks."""

    forget_bias: float = Field(default=1.0, description="initial bias of the forget gate: higher remembers more")
