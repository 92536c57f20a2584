"""What can be chosen about a transformer."""

from typing import Literal

from pydantic import Field

from neuralzoo.registry import Config


class TransformerConfig(Config):
    """The settings of a transformer."""

    layers: int = Field(default=2, ge=1, description="blocks, each an attention and a small network at each position")
    heads: int = Field(default=4, ge=1, description="ways in which each position looks at the others; divides width")
    width: int = Field(default=64, ge=1, description="numbers that stand for a position")
    hidden: int | None = Field(
        default=None, ge=1, description="units of the small network at each position; none is four times the width"
    )
    decoder: bool = Field(
        default=False,
        description="write the answers one after the other, looking at an encoder's memory; for labels of tokens",
    )
    causal: bool = Field(default=False, description="let nobody look at later positions; a language model never does")
    context: int | None = Field(
        default=None, ge=1, description="longest sequence that can be read; none is that of the data"
    )
    positions: Literal["learned", "sinusoidal"] = Field(
        default="learned", description="what is added to each position so that order counts"
    )
    norm: Literal["before", "after"] = Field(
        default="before", description="where the layer norms are: before each step, as in GPT-2, or after each sum"
    )
    activation: Literal["gelu", "exact_gelu", "relu"] = Field(
        default="gelu", description="non-linearity of the small network; gelu is GPT-2's form, exact_gelu PyTorch's"
    )
    bias: bool = Field(default=True, description="whether layers have biases")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of inputs, looks and results silenced in training"
    )
    tie: bool = Field(default=True, description="foretell a token with the numbers that it is read with")
    readout: Literal["mean", "last", "class"] = Field(
        default="mean", description="what one answer is read from: all positions, the last, or one added in front"
    )
    patch: int = Field(default=4, ge=1, description="height and width of the squares that an image is cut into")
    init: float = Field(default=0.02, gt=0, description="standard deviation that weights start with")
    block: int = Field(
        default=128, ge=1, description="positions looked at together where sequences are longer; saves memory"
    )
