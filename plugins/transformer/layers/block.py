"""The blocks that a transformer is a stack of: attention, then a small network at each position, both on a bypass.

    before (GPT-2):    x = x + attention(norm(x))          x = x + feedforward(norm(x))
    after (2017):      x = norm(x + attention(x))          x = norm(x + feedforward(x))

A block of a decoder has a cross-attention to the encoder's memory between the two.

Sources: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; norms before: Xiong et al. (2020),
https://arxiv.org/abs/2002.04745
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuralzoo.core.blocks.activation import GELU, ReLU
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import Initializer, normal
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.transformer.gelu import ExactGELU
from neuralzoo.plugins.transformer.layer_norm import LayerNorm
from neuralzoo.plugins.transformer.layers.attention import Cache, CrossAttention, Heads, PullBoth, SelfAttention

Activation = Literal["gelu", "exact_gelu", "relu"]
ACTIVATIONS: dict[Activation, type[Layer]] = {"gelu": GELU, "exact_gelu": ExactGELU, "relu": ReLU}
Step = Callable[[Array], tuple[Array, Pullback]]


@dataclass(frozen=True)
class Shape:
    """What the blocks of a stack have in common."""

    heads: Heads
    hidden: int
    activation: Activation = "gelu"
    norm: Literal["before", "after"] = "before"
    dropout: float = 0.0
    init: Initializer = normal(0.02)  # noqa: RUF009 - a function that keeps nothing
    last_init: Initializer | None = None


class FeedForward(Layer):
    """Answer at each position by itself: y = f(x W + b) V + c.

    Shapes: x and y are (..., width).
    """

    def __init__(self, shape: Shape, rng: np.random.Generator) -> None:
        width, bias = shape.heads.width, shape.heads.bias
        self.wide = Dense(width, shape.hidden, rng, init=shape.init, bias=bias)
        self.activation = ACTIVATIONS[shape.activation]()
        self.narrow = Dense(shape.hidden, width, rng, init=shape.last_init or shape.init, bias=bias)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the answers and their pullback."""
        u, pull_wide = self.wide(x, ctx)
        h, pull_activation = self.activation(u, ctx)
        y, pull_narrow = self.narrow(h, ctx)
        return y, lambda dy: pull_wide(pull_activation(pull_narrow(dy)))


class Block(Layer):
    """A block of an encoder, or, with a causal attention, of a decoder that has no encoder.

    Given (x, lengths) instead of x, nobody looks beyond the lengths.

    Shapes: x and y are (N, T, width); lengths is (N,).
    """

    def __init__(self, shape: Shape, rng: np.random.Generator) -> None:
        width, bias = shape.heads.width, shape.heads.bias
        self.before = shape.norm == "before"
        self.norm_attention = LayerNorm(width, bias=bias)
        self.attention = SelfAttention(shape.heads, rng, init=shape.init, last_init=shape.last_init)
        self.norm_feed = LayerNorm(width, bias=bias)
        self.feed = FeedForward(shape, rng)
        self.dropout = Dropout(shape.dropout)

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return what the block makes of the sequence, and the pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        return self.run(x, ctx, lengths)

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, cache: Cache | None = None
    ) -> tuple[Array, Pullback]:
        """Return what the block makes of the sequence and the pullback; with a cache x are the next positions alone."""
        x, pull_attention = self.bypass(
            x, lambda z: self.attention.run(z, ctx, lengths, cache), self.norm_attention, ctx
        )
        x, pull_feed = self.bypass(x, lambda z: self.feed(z, ctx), self.norm_feed, ctx)
        return x, lambda dx: pull_attention(pull_feed(dx))

    def bypass(self, x: Array, step: Step, norm: LayerNorm, ctx: Context) -> tuple[Array, Pullback]:
        """Add to x what a step makes of it, with the norm before the step or after the sum."""
        if self.before:
            z, pull_norm = norm(x, ctx)
            found, pull_step = step(z)
        else:
            found, pull_step = step(x)
        kept, pull_dropout = self.dropout(found, ctx)
        kept += x  # nobody needs what the step or the dropout returned: pullbacks have what they need
        if self.before:

            def pull(dy: Array) -> Array:
                dx = pull_norm(pull_step(pull_dropout(dy)))
                dx += dy
                return dx

            return kept, pull
        y, pull_norm = norm(kept, ctx)

        def pull_after(dy: Array) -> Array:
            dsum = pull_norm(dy)
            return pull_step(pull_dropout(dsum)) + dsum  # not in place: a step that reads the data returns no array

        return y, pull_after


class DecoderBlock(Block):
    """A block of a decoder that looks at an encoder's memory between its attention and its small network.

    Shapes: x and y are (N, T, width), the memory is (N, M, width); lengths, those of the memory, is (N,).
    """

    def __init__(self, shape: Shape, rng: np.random.Generator) -> None:
        super().__init__(shape, rng)
        self.norm_cross = LayerNorm(shape.heads.width, bias=shape.heads.bias)
        self.cross = CrossAttention(_seeing_all(shape.heads), rng, init=shape.init, last_init=shape.last_init)

    def run_with(
        self, x: Array, memory: Array, ctx: Context, lengths: Array | None = None, cache: Cache | None = None
    ) -> tuple[Array, PullBoth]:
        """Return what the block makes of the sequence and the memory, and the pullback to both."""
        dmemory: list[Array] = []

        def look(z: Array) -> tuple[Array, Pullback]:
            y, pull_cross = self.cross.run(z, memory, ctx, lengths)

            def pull_look(dy: Array) -> Array:
                dz, dm = pull_cross(dy)
                dmemory.append(dm)
                return dz

            return y, pull_look

        x, pull_attention = self.bypass(x, lambda z: self.attention.run(z, ctx, None, cache), self.norm_attention, ctx)
        x, pull_cross = self.bypass(x, look, self.norm_cross, ctx)
        x, pull_feed = self.bypass(x, lambda z: self.feed(z, ctx), self.norm_feed, ctx)

        def pull(dx: Array) -> tuple[Array, Array]:
            dx = pull_attention(pull_cross(pull_feed(dx)))
            return dx, dmemory.pop()

        return x, pull


def _seeing_all(heads: Heads) -> Heads:
    return Heads(heads.width, heads.heads, False, heads.dropout, heads.block, heads.bias)
