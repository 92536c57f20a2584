"""Embeddings: tokens, feature vectors and image patches as a sequence of vectors, with their positions."""

import math
from dataclasses import replace

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.init import Initializer
from neuralzoo.core.capacity import require_capacity
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array, Parameter


class Patches(Layer):
    """Image patches: squares from left to right and from top to bottom, each flattened.

    Shapes: x is (N, H, W, C), y is (N, patches, patch² C).
    Raises: ValueError when the patches do not tile the image.
    Source: Dosovitskiy et al. (2020), An image is worth 16x16 words, https://arxiv.org/abs/2010.11929
    """

    def __init__(self, patch: int) -> None:
        self.patch = patch

    def count(self, shape: tuple[int, ...]) -> int:
        """Return how many patches an image of shape (H, W, C) has."""
        p = self.patch
        if len(shape) != 3 or shape[0] % p or shape[1] % p:
            raise ValueError(f"Patches of {p} x {p} got images of shape {shape}; they need (H, W, C) that they tile")
        return (shape[0] // p) * (shape[1] // p)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the patches and their pullback."""
        p, patches = self.patch, self.count(x.shape[1:])
        n, height, width, channels = x.shape
        tiles = x.reshape(n, height // p, p, width // p, p, channels).swapaxes(2, 3)

        def pull(dy: Array) -> Array:
            return dy.reshape(tiles.shape).swapaxes(2, 3).reshape(x.shape)

        return tiles.reshape(n, patches, p * p * channels), pull


class Positions(Layer):
    """Positional encoding, learned or fixed: a vector for each position, added to its input.

        y_t = x_t + p_t          dp_t = sum over the sequences of dy_t

    Shapes: x and y are (N, T, width), T up to the context; weight p is (context, width).
    Raises: ValueError when a sequence is longer than the context.
    """

    def __init__(self, weight: Array, *, learned: bool) -> None:
        self.weight = Parameter(weight, trainable=learned)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the sums and their pullback."""
        return self.run(x, ctx, 0)

    def run(self, x: Array, ctx: Context, start: int) -> tuple[Array, Pullback]:
        """Return the sums and their pullback; the first position of x is `start`."""
        weight, steps = self.weight.value, slice(start, start + x.shape[1])
        if steps.stop > len(weight):
            raise ValueError(f"a transformer got {steps.stop} positions; its context is {len(weight)} at most")
        y = np.add(x, weight[steps], out=ctx.empty(x.shape, np.result_type(x, weight)))

        def pull(dy: Array) -> Array:
            if self.weight.trainable:
                dweight = np.zeros(weight.shape, dy.dtype)
                np.sum(dy, axis=0, out=dweight[steps])
                ctx.grads.add(self.weight, dweight)
            return dy

        return y, pull


class ClassToken(Layer):
    """Class token: a learned vector in front of each sequence, whose output is what the head reads.

    Shapes: x is (N, T, width), y is (N, T + 1, width), weight is (width,).
    """

    def __init__(self, width: int, rng: np.random.Generator, *, init: Initializer) -> None:
        self.weight = Parameter(init((1, width), rng)[0])

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the longer sequences and the pullback to the shorter ones."""
        y = ctx.empty((x.shape[0], x.shape[1] + 1, x.shape[2]), x.dtype)
        y[:, 0], y[:, 1:] = self.weight.value, x

        def pull(dy: Array) -> Array:
            ctx.grads.add(self.weight, dy[:, 0].sum(axis=0))
            return dy[:, 1:]

        return y, pull


class LinearEmbedding(Layer):
    """Linear embedding of the feature vectors of a sequence, or of the patches of an image: y = x W + b.

    Shapes: x is (N, T, inputs), or images (N, H, W, C) with `patches`; y is (N, T, width).
    Raises: ValueError when x has another shape, or a value is not finite.
    """

    def __init__(
        self, inputs: int, width: int, rng: np.random.Generator, *, init: Initializer, patches: Patches | None = None
    ) -> None:
        self.patches = patches
        self.dense = Dense(inputs, width, rng, init=init)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the vectors and their pullback."""
        inputs = len(self.dense.weight.value)
        if x.dtype.kind not in "fiub" or not np.isfinite(x).all():
            raise ValueError("a transformer got x with NaN, infinite or no real numbers; it needs finite ones")
        if self.patches is None:
            if x.ndim != 3 or x.shape[1] == 0 or x.shape[2] != inputs:
                raise ValueError(f"a transformer got x of shape {x.shape}; it needs (N, T, {inputs}), T at least 1")
            return self.dense(x, ctx)
        if x.ndim != 4:
            raise ValueError(f"a transformer got x of shape {x.shape}; it needs images (N, H, W, C)")
        patches, pull_patches = self.patches(x, ctx)
        y, pull_dense = self.dense(patches, ctx if ctx.needs_grad(x) else replace(ctx, inputs_without_grad=patches))
        return y, lambda dy: pull_patches(pull_dense(dy))


class TokenEmbedding(Layer):
    """Token embedding: a learned vector for each token.

    Shapes: x is (N, T) whole numbers from 0 to vocab_size - 1, y is (N, T, width).
    Raises: ValueError when x has another shape, or a token is no whole number or out of range.
    """

    def __init__(self, vocab_size: int, width: int, rng: np.random.Generator, *, init: Initializer) -> None:
        self.table = Embedding(vocab_size, width, rng, init=init)

    @property
    def weight(self) -> Parameter:
        """The vectors of all tokens (vocab_size, width)."""
        return self.table.weight

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the vectors and their pullback."""
        if x.ndim != 2 or x.shape[1] == 0:
            raise ValueError(f"a transformer got x of shape {x.shape}; it needs tokens (N, T), T at least 1")
        return self.table(x, ctx)


def sinusoidal_positions(context: int, width: int) -> Array:
    """Return the sinusoidal positional encoding.

        p[t, 2 i] = sin(t / 10000^(2 i / width))          p[t, 2 i + 1] = cos(t / 10000^(2 i / width))

    Shapes: the result is (context, width) float32.
    Source: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762
    """
    require_capacity(context * width)
    pairs = -(-width // 2)
    frequencies = np.exp(-math.log(10_000) * 2 * np.arange(pairs) / width)
    angles = np.arange(context)[:, None] * frequencies
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(context, 2 * pairs)[:, :width].astype(np.float32)
