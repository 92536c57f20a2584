"""The transformer: a stack of blocks in which every position looks at all others at once.

    h = E[x] + p           tokens; rows of numbers, or squares of an image, times a matrix; and their positions p
    h = block_l(h)         l = 1 .. L: attention between the positions, then a small network at each; see block.py
    y_t = norm(h_t) V      an answer at each position; a language model foretells the next token with V = Eᵀ
    y = norm(s) V + b      or one answer, from s: the mean of all h_t, the last one, or one that was added in front

It has no recurrence: what is T steps away is one look away, and all positions are computed at once. What a position
may look at is all that decides between an encoder, where it is everything, and a decoder, where it is what came before.

Sources: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762; as a language model:
Radford et al. (2019), Language models are unsupervised multitask learners,
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf; of images:
Dosovitskiy et al. (2020), An image is worth 16x16 words, https://arxiv.org/abs/2010.11929; tied weights: Press and
Wolf (2016), https://arxiv.org/abs/1608.05859
"""

import math
from collections.abc import Sequence

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import normal
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.layer import Context, Layer, Pullback, no_pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.layer_norm import LayerNorm
from neuralzoo.plugins.transformer.layers.attention import Cache, Heads
from neuralzoo.plugins.transformer.layers.block import Block, Shape
from neuralzoo.plugins.transformer.layers.embedding import ClassToken, Numbers, Patches, Positions, Tokens, waves
from neuralzoo.registry import Task

EACH_STEP = ("sequence-labelling", "language-modelling")


class Transformer(Layer):
    """A stack of blocks between a reader and an answer at each position, or one for all.

    Given (x, lengths) instead of x, what lies beyond the lengths changes nothing; answers there mean nothing.

    Shapes: x is (N, T) tokens, (N, T, inputs) or images (N, H, W, C); y is (N, T, outputs), or (N, outputs).
    Raises: ValueError when x has another shape or dtype or is longer than the context, a token is out of range or a
    number not finite, a length is not from 1 to T, the heads do not divide the width, patches do not tile the images.
    """

    def __init__(self, config: TransformerConfig, task: Task, rng: np.random.Generator) -> None:
        init, width = normal(config.init), config.width
        each_step = task.kind in EACH_STEP
        self.readout = None if each_step else config.readout
        self.read = _reader(config, task, rng)
        self.front = ClassToken(width, rng, init=init) if self.readout == "class" else None
        self.context = context_of(config, task)
        learned = config.positions == "learned"
        places = self.context + (self.front is not None)
        self.positions = Positions(init((places, width), rng) if learned else waves(places, width), learned=learned)
        self.dropout = Dropout(config.dropout)
        self.causal = config.causal or task.kind == "language-modelling"
        if self.causal and self.front is not None:
            raise ValueError(
                "a transformer got readout='class' with causal=True, with which what is in front sees nothing"
            )
        shape = shape_of(config, causal=self.causal)
        self.blocks = [Block(shape, rng) for _ in range(config.layers)]
        self.norm = LayerNorm(width, bias=config.bias) if config.norm == "before" else None
        self.tied = config.tie and task.kind == "language-modelling" and isinstance(self.read, Tokens)
        self.head = None if self.tied else Dense(width, task.outputs, rng, init=init)

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return the answers and their pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        return self.run(x, ctx, lengths)

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, caches: Sequence[Cache] | None = None
    ) -> tuple[Array, Pullback]:
        """Return the answers and their pullback; with caches, one for each block, x are the next tokens alone."""
        h, lengths, pull_enter = self.enter(x, ctx, lengths, caches[0].length if caches else 0)
        pulls = [pull_enter]
        for number, block in enumerate(self.blocks):
            h, pull_block = block.run(h, ctx, lengths, caches[number] if caches else None)
            if ctx.recording:  # else what the block computed is let go
                pulls.append(pull_block)
        y, pull_answer = self._answer(h, lengths, ctx)
        return y, chain([*pulls, pull_answer]) if ctx.recording else no_pullback

    def enter(
        self, x: Array, ctx: Context, lengths: Array | None = None, start: int = 0
    ) -> tuple[Array, Array | None, Pullback]:
        """Return what the first block reads, its lengths, and the pullback; the first position is `start`.

        Shapes: what the block reads is (N, T, width), with a position more where there is a vector in front.
        """
        h, pull_read = self.read(x, ctx)
        if lengths is not None:
            lengths = np.asarray(lengths)
            check_lengths(lengths, *h.shape[:2])
        pulls = [pull_read]
        if self.front is not None:
            h, pull_front = self.front(h, ctx)
            lengths = None if lengths is None else lengths + 1
            pulls.append(pull_front)
        h, pull_positions = self.positions.run(h, ctx, start)
        h, pull_dropout = self.dropout(h, ctx)
        return h, lengths, chain([*pulls, pull_positions, pull_dropout])

    def _answer(self, h: Array, lengths: Array | None, ctx: Context) -> tuple[Array, Pullback]:
        """Return the answers that are read from the last block's vectors, and the pullback to these."""
        s, pull_summary = (h, None) if self.readout is None else self._summary(h, lengths)
        z, pull_norm = self.norm(s, ctx) if self.norm is not None else (s, None)
        y, pull_head = self._tied_head(z, ctx) if self.head is None else self.head(z, ctx)

        def pull(dy: Array) -> Array:
            dz = pull_head(dy)
            ds = dz if pull_norm is None else pull_norm(dz)
            return ds if pull_summary is None else pull_summary(ds)

        return y, pull

    def _summary(self, h: Array, lengths: Array | None) -> tuple[Array, Pullback]:
        """Return the vector (N, width) that one answer is read from, and its pullback."""
        examples, steps, _ = h.shape
        counts = np.full(examples, steps) if lengths is None else lengths.astype(np.intp)
        if self.readout == "mean":
            share = (np.arange(steps) < counts[:, None]).astype(h.dtype) / counts[:, None].astype(h.dtype)
            s = np.matmul(share[:, None], h)[:, 0]
            return s, lambda ds: share[:, :, None] * ds[:, None]
        places = (np.arange(examples), counts - 1 if self.readout == "last" else np.zeros_like(counts))

        def pull(ds: Array) -> Array:
            dh = np.zeros(h.shape, ds.dtype)
            dh[places] = ds
            return dh

        return h[places], pull

    def _tied_head(self, z: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return how much each position's vector is like the one of each token, and the pullback."""
        weight = self.read.named_parameters()["weight"]
        vocabulary, width = weight.value.shape
        rows = z.reshape(-1, width)
        y = np.matmul(rows, weight.value.T, out=ctx.empty((len(rows), vocabulary), z.dtype))

        def pull(dy: Array) -> Array:
            dy = dy.reshape(-1, vocabulary)
            ctx.grads.add_product(weight, dy.T, rows)
            return np.matmul(dy, weight.value, out=ctx.empty(rows.shape, z.dtype)).reshape(z.shape)

        return y.reshape(*z.shape[:-1], vocabulary), pull


def chain(pulls: Sequence[Pullback]) -> Pullback:
    """Return the pullback of steps that were done one after the other."""

    def pull(dy: Array) -> Array:
        for pull_one in reversed(pulls):
            dy = pull_one(dy)
        return dy

    return pull


def _reader(config: TransformerConfig, task: Task, rng: np.random.Generator) -> Layer:
    init = normal(config.init)
    if task.vocabulary is not None:
        return Tokens(task.vocabulary, config.width, rng, init=init)
    if task.input == "sequence":
        return Numbers(task.shape[-1], config.width, rng, init=init)
    patches = Patches(config.patch)
    patches.count(task.shape)
    return Numbers(config.patch**2 * task.shape[-1], config.width, rng, init=init, patches=patches)


def context_of(config: TransformerConfig, task: Task) -> int:
    """Return how many positions there may be.

    Raises: ValueError when those of the data are more.
    """
    needed = Patches(config.patch).count(task.shape) if task.input == "image" else task.shape[0]
    if config.context is not None and config.context < needed:
        raise ValueError(f"context got {config.context}; the data have sequences of {needed}, it needs as many or more")
    return config.context or needed


def shape_of(config: TransformerConfig, *, causal: bool) -> Shape:
    """Return what all blocks have in common.

    Weights that lead back to the bypass start smaller the more of them there are, as in GPT-2.

    Raises: ValueError when the heads do not divide the width.
    """
    return Shape(
        Heads(config.width, config.heads, causal, config.dropout, config.block, config.bias),
        hidden=config.hidden or 4 * config.width,
        activation=config.activation,
        norm=config.norm,
        dropout=config.dropout,
        init=normal(config.init),
        last_init=normal(config.init / math.sqrt(2 * config.layers)),
    )
