"""Configuration of a transformer."""

from typing import Literal

from pydantic import Field

from neuralzoo.core.capacity import MOST_LAYERS
from neuralzoo.registry import Config


class TransformerConfig(Config):
    """Configuration of a transformer."""

    layers: int = Field(
        default=2,
        ge=1,
        le=MOST_LAYERS,
        description="blocks, each self-attention and a position-wise feed-forward network",
    )
    heads: int = Field(default=4, ge=1, description="attention heads; they divide the width")
    width: int = Field(default=64, ge=1, description="features at each position (d_model)")
    hidden: int | None = Field(
        default=None,
        ge=1,
        description="hidden units of the position-wise feed-forward network; none is four times the width",
    )
    decoder: bool = Field(
        default=False,
        description="encoder-decoder: predict the labels of tokens one after the other, with attention to the encoder",
    )
    cross_attention: bool = Field(
        default=True, description="with `decoder`: attention to the encoder; without it, an ablation, it is ignored"
    )
    causal: bool = Field(default=False, description="causal attention mask; a language model always has it")
    context: int | None = Field(default=None, ge=1, description="largest number of positions; none is that of the data")
    positions: Literal["learned", "sinusoidal"] = Field(default="learned", description="positional encoding")
    norm: Literal["before", "after"] = Field(
        default="before", description="layer norms before each sublayer, as in GPT-2, or after each residual connection"
    )
    activation: Literal["gelu", "exact_gelu", "relu"] = Field(
        default="gelu", description="activation of the feed-forward network; gelu is GPT-2's form, exact_gelu PyTorch's"
    )
    bias: bool = Field(default=True, description="whether layers have biases")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="dropout rate of embeddings, attention weights and sublayer outputs"
    )
    tie: bool = Field(default=True, description="tied weights of token embedding and head in a language model")
    readout: Literal["mean", "last", "class"] = Field(
        default="mean", description="pooling for one output: mean of all positions, the last, or a class token"
    )
    patch: int = Field(default=4, ge=1, description="height and width of image patches")
    init: float = Field(default=0.02, gt=0, description="standard deviation of the weight initialization")
    attention_block_size: int = Field(
        default=128, ge=1, description="positions in one tile of attention where sequences are longer; saves memory"
    )
