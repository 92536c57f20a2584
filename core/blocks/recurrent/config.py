"""Configuration that all recurrent networks share."""

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from neuralzoo.core.capacity import MOST_LAYERS

Readout = Literal["last", "mean"]


class RecurrentConfig(BaseModel):
    """Abstract configuration of a recurrent network; an architecture adds the settings of its cell."""

    model_config = ConfigDict(frozen=True)

    hidden: int = Field(default=64, ge=1, description="units in each direction of each layer")
    layers: int = Field(
        default=1, ge=1, le=MOST_LAYERS, description="recurrent layers, each reading the outputs of the one below"
    )
    bidirectional: bool = Field(default=False, description="read every sequence from its end to its start, too")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="dropout rate of each layer's outputs, the fraction zeroed in training"
    )
    embedding: int = Field(default=32, ge=1, description="dimensions of a token's embedding; for tokens only")
    readout: Readout = Field(
        default="last",
        description="summary that one output for a whole sequence is read from: last h, or mean of all h",
    )
    tbptt_steps: int | None = Field(
        default=None,
        ge=1,
        description="truncated back-propagation through time: steps that gradients flow back, with an update after "
        "each segment of them; none is all steps",
    )


C = TypeVar("C", bound=RecurrentConfig)


def scale_hidden(config: C, factor: float) -> C:
    """Return the config with its hidden width times a factor."""
    return config.model_copy(update={"hidden": max(1, round(config.hidden * factor))})
