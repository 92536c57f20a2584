"""Configuration of the gated recurrent unit."""

from pydantic import Field

from neuralzoo.core.blocks.recurrent.config import RecurrentConfig
from neuralzoo.registry import Config


class GRUConfig(Config, RecurrentConfig):
    """The settings of a gated recurrent unit, beside those of all recurrent networks."""

    reset_after: bool = Field(
        default=True, description="whether the reset gate acts after the product with the state's weights, or before"
    )
