"""Multi-head attention: scaled dot-product attention in several heads at once.

    q, k, v = x W + b           each split into `heads` parts of d = width / heads features
    o       = attention of each head, concatenated
    y       = o V + c

In self-attention queries, keys and values come from one sequence; in cross-attention the keys and values come from
another one, the memory.

Source: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.init import Initializer, glorot_uniform
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array, Module
from neuralzoo.core.ranges import require_fraction
from neuralzoo.plugins.transformer.layers.dot_product import BLOCK_SIZE, AttentionMask, attend

CrossAttentionPullback = Callable[[Array], tuple[Array, Array]]
"""From dL/dy to dL/dx and dL/d memory."""


@dataclass(frozen=True)
class AttentionConfig:
    """Configuration of multi-head attention, shared by the heads of a layer.

    Raises: ValueError when the heads do not divide the width, or the dropout rate is not in [0, 1).
    """

    width: int
    heads: int
    causal: bool = False
    dropout: float = 0.0
    block_size: int = BLOCK_SIZE
    bias: bool = True

    def __post_init__(self) -> None:
        if self.heads < 1 or self.width % self.heads:
            raise ValueError(f"attention got {self.heads} heads for a width of {self.width}; it needs a divisor of it")
        require_fraction("attention", dropout=self.dropout)

    def mask(self, lengths: Array | None, ctx: Context) -> AttentionMask:
        """Return the attention mask of one forward pass."""
        dropping = self.dropout > 0 and ctx.training
        seed = int(ctx.random.integers(2**63)) if dropping else 0
        return AttentionMask(self.causal, lengths, self.dropout if dropping else 0.0, self.block_size, seed)

    def split(self, x: Array) -> Array:
        """Split the features among the heads.

        Shapes: x is (N, T, parts width), the result (parts, N, heads, T, d), a view.
        """
        examples, steps, features = x.shape
        parts = x.reshape(examples, steps, features // self.width, self.heads, self.width // self.heads)
        return parts.transpose(2, 0, 3, 1, 4)


class Cache:
    """Key-value cache: the keys and values of the positions so far, for incremental decoding.

    Shapes: keys and values are (N, heads, context, d), of which the first `length` positions are filled.
    """

    def __init__(self, context: int) -> None:
        self.context = context
        self.length = 0
        self._both = np.empty((2, 0, 0, 0, 0), np.float32)

    def extend(self, keys: Array, values: Array) -> tuple[Array, Array]:
        """Append the keys and values of the next positions and return all so far.

        Raises: ValueError when there are more than the context holds.
        """
        steps = keys.shape[2]
        if self.length + steps > self.context:
            raise ValueError(
                f"a cache got position {self.length + steps} of its context of {self.context}; it needs to begin anew"
            )
        if self.length == 0:
            self._both = np.empty((2, *keys.shape[:2], self.context, keys.shape[3]), keys.dtype)
        now = slice(self.length, self.length + steps)
        self._both[0, :, :, now], self._both[1, :, :, now] = keys, values
        self.length += steps
        return self._both[0, :, :, : self.length], self._both[1, :, :, : self.length]


class SelfAttention(Layer):
    """Multi-head self-attention: queries, keys and values come from one sequence.

    Given (x, lengths) instead of x, keys beyond the lengths are masked.

    Shapes: x and y are (N, T, width); lengths is (N,).
    Raises: ValueError when x has another shape, a length is out of range, or the heads do not divide the width.
    """

    def __init__(
        self,
        config: AttentionConfig,
        rng: np.random.Generator,
        *,
        init: Initializer = glorot_uniform,
        last_init: Initializer | None = None,
    ) -> None:
        self.config = config
        self.project = Dense(config.width, 3 * config.width, rng, init=init, bias=config.bias)
        self.output = Dense(config.width, config.width, rng, init=last_init or init, bias=config.bias)

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return the attention's output and its pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        return self.run(x, ctx, lengths)

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, cache: Cache | None = None
    ) -> tuple[Array, Pullback]:
        """Return the attention's output and its pullback; with a cache, x has the next positions only."""
        ctx = ctx.of(self)
        check_sequences("attention", x, self.config.width)
        if lengths is not None:
            check_lengths(lengths, *x.shape[:2])
        qkv, pull_project = self.project(x, ctx)
        q, k, v = self.config.split(qkv)
        if cache is not None:
            k, v = cache.extend(k, v)
        o = ctx.empty(x.shape, qkv.dtype)
        pull_attention = attend(q, k, v, self.config.split(o)[0], self.config.mask(lengths, ctx), ctx)
        y, pull_output = self.output(o, ctx)

        def pull(dy: Array) -> Array:
            do = pull_output(dy)
            dqkv = ctx.empty(qkv.shape, qkv.dtype)
            pull_attention(self.config.split(do)[0], *self.config.split(dqkv))
            return pull_project(dqkv)

        return y, pull


class CrossAttention(Module):
    """Multi-head cross-attention: queries come from one sequence, keys and values from another one, the memory.

    Shapes: x and y are (N, T, width), the memory is (N, M, width); lengths, those of the memory, is (N,).
    Raises: ValueError when an array has another shape, a length is out of range, or the heads do not divide the width.
    """

    def __init__(
        self,
        config: AttentionConfig,
        rng: np.random.Generator,
        *,
        init: Initializer = glorot_uniform,
        last_init: Initializer | None = None,
    ) -> None:
        self.config = config
        self.query = Dense(config.width, config.width, rng, init=init, bias=config.bias)
        self.key_value = Dense(config.width, 2 * config.width, rng, init=init, bias=config.bias)
        self.output = Dense(config.width, config.width, rng, init=last_init or init, bias=config.bias)

    def run(
        self, x: Array, memory: Array, ctx: Context, lengths: Array | None = None
    ) -> tuple[Array, CrossAttentionPullback]:
        """Return the attention's output and its pullback to x and to the memory."""
        ctx = ctx.of(self)
        check_sequences("attention", x, self.config.width)
        check_sequences("attention's memory", memory, self.config.width)
        if lengths is not None:
            check_lengths(lengths, *memory.shape[:2])
        query, pull_query = self.query(x, ctx)
        key_value, pull_key_value = self.key_value(memory, ctx)
        o = ctx.empty(x.shape, query.dtype)
        split = self.config.split
        k, v = split(key_value)
        pull_attention = attend(split(query)[0], k, v, split(o)[0], self.config.mask(lengths, ctx), ctx)
        y, pull_output = self.output(o, ctx)

        def pull(dy: Array) -> tuple[Array, Array]:
            do = pull_output(dy)
            dquery, dkey_value = (ctx.empty(a.shape, a.dtype) for a in (query, key_value))
            pull_attention(split(do)[0], split(dquery)[0], *split(dkey_value))
            return pull_query(dquery), pull_key_value(dkey_value)

        return y, pull


def check_sequences(name: str, x: Array, width: int) -> None:
    """Check that x is a batch of sequences of vectors.

    Raises: ValueError when x is not (N, T, width) with T at least 1.
    """
    if x.ndim != 3 or x.shape[1] == 0 or x.shape[2] != width:
        raise ValueError(f"{name} got x of shape {x.shape}; it needs (N, T, {width}), T at least 1")
