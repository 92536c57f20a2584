"""Transformer blocks: attention, then a position-wise feed-forward network, each with a residual connection.

    before (GPT-2):    x = x + attention(norm(x))          x = x + feedforward(norm(x))
    after (2017):      x = norm(x + attention(x))          x = norm(x + feedforward(x))

A decoder block has cross-attention to the encoder's memory between the two.

Sources: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; norms before: Xiong et al. (2020),
https://arxiv.org/abs/2002.04745
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from neuralzoo.core.blocks.activation import GELU, ExactGELU, ReLU
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import Initializer, normal
from neuralzoo.core.blocks.norm import LayerNorm
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array, Module
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.layers.attention import (
    AttentionConfig,
    Cache,
    CrossAttention,
    CrossAttentionPullback,
    SelfAttention,
)

Activation = Literal["gelu", "exact_gelu", "relu"]
ACTIVATIONS: dict[Activation, type[Layer]] = {"gelu": GELU, "exact_gelu": ExactGELU, "relu": ReLU}
Sublayer = Callable[[Array], tuple[Array, Pullback]]
NormPlacement = Literal["before", "after"]


@dataclass(frozen=True)
class BlockConfig:
    """Configuration of a block, shared by the blocks of a stack."""

    attention: AttentionConfig
    hidden: int
    activation: Activation = "gelu"
    norm: NormPlacement = "before"
    dropout: float = 0.0
    init: Initializer = normal(0.02)  # noqa: RUF009 - a function without state
    last_init: Initializer | None = None
    cross_attention: bool = True


def block_config(config: TransformerConfig, *, causal: bool) -> BlockConfig:
    """Return the configuration of the blocks of a transformer.

    The last weights of each residual branch are initialized with a standard deviation divided by the square root of
    the number of branches, as in GPT-2.

    Raises: ValueError when the heads do not divide the width.
    """
    return BlockConfig(
        AttentionConfig(config.width, config.heads, causal, config.dropout, config.attention_block_size, config.bias),
        hidden=config.hidden or 4 * config.width,
        activation=config.activation,
        norm=config.norm,
        dropout=config.dropout,
        init=normal(config.init),
        last_init=normal(config.init / math.sqrt(2 * config.layers)),
        cross_attention=config.cross_attention,
    )


class FeedForward(Layer):
    """Position-wise feed-forward network: y = f(x W + b) V + c.

    Shapes: x and y are (..., width).
    """

    def __init__(self, config: BlockConfig, rng: np.random.Generator) -> None:
        width, bias = config.attention.width, config.attention.bias
        self.up = Dense(width, config.hidden, rng, init=config.init, bias=bias)
        self.activation = ACTIVATIONS[config.activation]()
        self.down = Dense(config.hidden, width, rng, init=config.last_init or config.init, bias=bias)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the output and its pullback."""
        u, pull_up = self.up(x, ctx)
        h, pull_activation = self.activation(u, ctx)
        y, pull_down = self.down(h, ctx)
        return y, lambda dy: pull_up(pull_activation(pull_down(dy)))


class Block(Layer):
    """Encoder block or, with causal attention, block of a decoder-only transformer.

    Given (x, lengths) instead of x, positions beyond the lengths are masked.

    Shapes: x and y are (N, T, width); lengths is (N,).
    """

    def __init__(self, config: BlockConfig, rng: np.random.Generator) -> None:
        width, bias = config.attention.width, config.attention.bias
        self.before = config.norm == "before"
        self.norm_attention = LayerNorm(width, bias=bias)
        self.attention = SelfAttention(config.attention, rng, init=config.init, last_init=config.last_init)
        self.norm_feed = LayerNorm(width, bias=bias)
        self.feed = FeedForward(config, rng)
        self.dropout = Dropout(config.dropout)

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return the block's output and its pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        return self.run(x, ctx, lengths)

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, cache: Cache | None = None
    ) -> tuple[Array, Pullback]:
        """Return the block's output and its pullback; with a cache, x has the next positions only."""
        x, pull_attention = self.residual(
            x, lambda z: self.attention.run(z, ctx, lengths, cache), self.norm_attention, ctx
        )
        x, pull_feed = self.residual(x, lambda z: self.feed(z, ctx), self.norm_feed, ctx)
        return x, lambda dx: pull_attention(pull_feed(dx))

    def residual(self, x: Array, sublayer: Sublayer, norm: LayerNorm, ctx: Context) -> tuple[Array, Pullback]:
        """Residual connection around a sublayer, with the norm before the sublayer or after the sum."""
        ctx = ctx.of(self)
        if self.before:
            z, pull_norm = norm(x, ctx)
            z, pull_sublayer = sublayer(z)
        else:
            z, pull_sublayer = sublayer(x)
        total, pull_dropout = self.dropout(z, ctx)
        total += x  # in place: no pullback reads the output of the sublayer or of the dropout
        if self.before:

            def pull(dy: Array) -> Array:
                dx = pull_norm(pull_sublayer(pull_dropout(dy)))
                dx += dy
                return dx

            return total, pull
        y, pull_norm = norm(total, ctx)

        def pull_after(dy: Array) -> Array:
            dtotal = pull_norm(dy)
            # Not in place: a sublayer whose input needs no gradient returns no array.
            return pull_sublayer(pull_dropout(dtotal)) + dtotal

        return y, pull_after


class DecoderBlock(Module):
    """Decoder block: a causal block with cross-attention to an encoder's memory before its feed-forward network.

    Without `cross_attention`, an ablation, it ignores the memory.

    Shapes: x and y are (N, T, width), the memory is (N, M, width); lengths, those of the memory, is (N,).
    """

    def __init__(self, config: BlockConfig, rng: np.random.Generator) -> None:
        attention = config.attention
        self.block = Block(config, rng)
        self.norm_cross: LayerNorm | None = None
        self.cross: CrossAttention | None = None
        if config.cross_attention:
            self.norm_cross = LayerNorm(attention.width, bias=attention.bias)
            self.cross = CrossAttention(
                replace(attention, causal=False), rng, init=config.init, last_init=config.last_init
            )

    def run(
        self, x: Array, memory: Array, ctx: Context, lengths: Array | None = None, cache: Cache | None = None
    ) -> tuple[Array, CrossAttentionPullback]:
        """Return the block's output and its pullback to x and to the memory."""
        block = self.block
        x, pull_attention = block.residual(
            x, lambda z: block.attention.run(z, ctx, None, cache), block.norm_attention, ctx
        )
        x, pull_cross = self._attend_to_memory(x, memory, ctx, lengths)
        x, pull_feed = block.residual(x, lambda z: block.feed(z, ctx), block.norm_feed, ctx)

        def pull(dx: Array) -> tuple[Array, Array]:
            dx, dmemory = pull_cross(pull_feed(dx))
            return pull_attention(dx), dmemory

        return x, pull

    def _attend_to_memory(
        self, x: Array, memory: Array, ctx: Context, lengths: Array | None
    ) -> tuple[Array, CrossAttentionPullback]:
        """Return the output of the residual cross-attention, and its pullback to x and to the memory."""
        if self.cross is None or self.norm_cross is None:
            return x, lambda dy: (dy, np.zeros(memory.shape, dy.dtype))
        attention = self.cross
        dmemory: list[Array] = []

        def cross(z: Array) -> tuple[Array, Pullback]:
            y, pull_both = attention.run(z, memory, ctx, lengths)

            def pull_cross(dy: Array) -> Array:
                dz, dm = pull_both(dy)
                dmemory.append(dm)
                return dz

            return y, pull_cross

        y, pull_residual = self.block.residual(x, cross, self.norm_cross, ctx)
        return y, lambda dy: (pull_residual(dy), dmemory.pop())


def chain(pulls: Sequence[Pullback]) -> Pullback:
    """Return the pullback of a composition: the pullbacks of its steps, from the last to the first."""

    def pull(dy: Array) -> Array:
        for pull_step in reversed(pulls):
            dy = pull_step(dy)
        return dy

    return pull
