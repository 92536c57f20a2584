"""What can be chosen about a gated recurrent unit network."""

from typing import Literal

from pydantic import Field

from neuralzoo.registry import Config


class GRUConfig(Config):
    """The settings of a gated recurrent unit network."""

    hidden: int = Field(default=64, ge=1, description="gated units in each direction of each layer")
    layers: int = Field(default=1, ge=1, description="recurrent layers, each reading the outputs of the one below")
    bidirectional: bool = Field(default=False, description="read every sequence from its end to its start, too")
    reset: Literal["after", "before"] = Field(
        default="after", description="whether the reset gate acts after or before the product with the state's weights"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of outputs silenced between layers in training")
    embedding: int = Field(default=32, ge=1, description="numbers that stand for a token; for tokens only")
    readout: Literal["last", "mean"] = Field(
        default="last", description="what one answer for a whole sequence is read from: last outputs, or their mean"
    )
    truncate: int | None = Field(
        default=None,
        ge=1,
        description="steps that gradients flow back, with an update after each stretch of them; none is all steps",
    )
