"""The transformer: a stack of blocks of self-attention and position-wise feed-forward networks.

    h = E[x] + p           token embedding, or a linear one of feature vectors or image patches, and positions p
    h = block_l(h)         l = 1 .. L: self-attention, then a feed-forward network at each position; see layers/block.py
    y_t = norm(h_t) V      logits at each position; a language model predicts the next token with V = Eᵀ (tied weights)
    y = norm(s) V + b      or one output, from s: the mean of all h_t, the last one, or that of a class token

There is no recurrence: all positions are computed at once, and any two are one attention step apart. The mask alone
makes the difference between an encoder, which attends to all positions, and a decoder, which attends to earlier ones.

Sources: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762; as a language model:
Radford et al. (2019), Language models are unsupervised multitask learners,
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf; of images:
Dosovitskiy et al. (2020), An image is worth 16x16 words, https://arxiv.org/abs/2010.11929; tied weights: Press and
Wolf (2016), https://arxiv.org/abs/1608.05859
"""

from collections.abc import Sequence

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import normal
from neuralzoo.core.blocks.norm import LayerNorm
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.layers.attention import Cache
from neuralzoo.plugins.transformer.layers.block import Block, block_config, chain
from neuralzoo.plugins.transformer.layers.embedding import (
    ClassToken,
    LinearEmbedding,
    Patches,
    Positions,
    TokenEmbedding,
    sinusoidal_positions,
)
from neuralzoo.plugins.transformer.seq2seq import Seq2SeqTransformer, VocabSizes
from neuralzoo.registry import Task

PER_POSITION_TASKS = ("sequence-labelling", "language-modelling")


class Transformer(Layer):
    """Encoder or decoder-only transformer: embedding, stack of blocks, and a head at each position or on a summary.

    Given (x, lengths) instead of x, positions beyond the lengths are masked; outputs there are undefined.

    Shapes: x is (N, T) tokens, (N, T, inputs) or images (N, H, W, C); y is (N, T, outputs), or (N, outputs).
    Raises: ValueError when x has another shape or dtype or is longer than the context, a token is out of range or a
    value not finite, a length is not from 1 to T, the heads do not divide the width, patches do not tile the images.
    """

    def __init__(self, config: TransformerConfig, task: Task, rng: np.random.Generator) -> None:
        init, width = normal(config.init), config.width
        self.readout = None if task.kind in PER_POSITION_TASKS else config.readout
        self.embedding = _embedding(config, task, rng)
        self.class_token = ClassToken(width, rng, init=init) if self.readout == "class" else None
        self.context = context_of(config, task)
        learned = config.positions == "learned"
        count = self.context + (self.class_token is not None)
        positions = init((count, width), rng) if learned else sinusoidal_positions(count, width)
        self.positions = Positions(positions, learned=learned)
        self.dropout = Dropout(config.dropout)
        self.causal = config.causal or task.kind == "language-modelling"
        if self.causal and self.class_token is not None:
            raise ValueError(
                "a transformer got readout='class' with causal=True; it needs another readout, because a causal class "
                "token attends to nothing else"
            )
        block = block_config(config, causal=self.causal)
        self.blocks = [Block(block, rng) for _ in range(config.layers)]
        self.norm = LayerNorm(width, bias=config.bias) if config.norm == "before" else None
        self.tied = config.tie and task.kind == "language-modelling" and isinstance(self.embedding, TokenEmbedding)
        self.head = None if self.tied else Dense(width, task.outputs, rng, init=init)

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return the output and its pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        return self.run(x, ctx, lengths)

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, caches: Sequence[Cache] | None = None
    ) -> tuple[Array, Pullback]:
        """Return the output and its pullback; with caches, one for each block, x has the next tokens only."""
        h, lengths, pull_embed = self.embed(x, ctx, lengths, caches[0].length if caches else 0)
        pulls = [pull_embed]
        for number, block in enumerate(self.blocks):
            h, pull_block = block.run(h, ctx, lengths, caches[number] if caches else None)
            if ctx.recording:  # else the intermediate arrays of the block are freed
                pulls.append(pull_block)
        y, pull_output = self._output(h, lengths, ctx)
        return y, chain([*pulls, pull_output]) if ctx.recording else unrecorded_pullback

    def embed(
        self, x: Array, ctx: Context, lengths: Array | None = None, start: int = 0
    ) -> tuple[Array, Array | None, Pullback]:
        """Return the input of the first block, its lengths, and the pullback; the first position is `start`.

        Shapes: the input is (N, T, width), or (N, T + 1, width) with a class token.
        """
        h, pull_embedding = self.embedding(x, ctx)
        if lengths is not None:
            lengths = np.asarray(lengths)
            check_lengths(lengths, *h.shape[:2])
        pulls = [pull_embedding]
        if self.class_token is not None:
            h, pull_class_token = self.class_token(h, ctx)
            lengths = None if lengths is None else lengths + 1
            pulls.append(pull_class_token)
        h, pull_positions = self.positions.run(h, ctx, start)
        h, pull_dropout = self.dropout(h, ctx)
        return h, lengths, chain([*pulls, pull_positions, pull_dropout])

    def _output(self, h: Array, lengths: Array | None, ctx: Context) -> tuple[Array, Pullback]:
        """Return the output of the head from that of the last block, and its pullback."""
        s, pull_summary = (h, None) if self.readout is None else self._summary(h, lengths)
        z, pull_norm = self.norm(s, ctx) if self.norm is not None else (s, None)
        y, pull_head = self._tied_head(z, ctx) if self.head is None else self.head(z, ctx)

        def pull(dy: Array) -> Array:
            dz = pull_head(dy)
            ds = dz if pull_norm is None else pull_norm(dz)
            return ds if pull_summary is None else pull_summary(ds)

        return y, pull

    def _summary(self, h: Array, lengths: Array | None) -> tuple[Array, Pullback]:
        """Return one vector (N, width) for each sequence, and its pullback."""
        examples, steps, _ = h.shape
        counts = np.full(examples, steps) if lengths is None else lengths.astype(np.intp)
        if self.readout == "mean":
            weights = (np.arange(steps) < counts[:, None]).astype(h.dtype) / counts[:, None].astype(h.dtype)
            s = np.matmul(weights[:, None], h)[:, 0]
            return s, lambda ds: weights[:, :, None] * ds[:, None]
        chosen = (np.arange(examples), counts - 1 if self.readout == "last" else np.zeros_like(counts))

        def pull(ds: Array) -> Array:
            dh = np.zeros(h.shape, ds.dtype)
            dh[chosen] = ds
            return dh

        return h[chosen], pull

    def _tied_head(self, z: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the logits z Eᵀ with the embedding's weights E, and the pullback."""
        weight = self.embedding.named_parameters()["table.weight"]
        vocab_size, width = weight.value.shape
        rows = z.reshape(-1, width)
        y = np.matmul(rows, weight.value.T, out=ctx.empty((len(rows), vocab_size), z.dtype))

        def pull(dy: Array) -> Array:
            dy = dy.reshape(-1, vocab_size)
            ctx.grads.add_product(weight, dy.T, rows)
            return np.matmul(dy, weight.value, out=ctx.empty(rows.shape, z.dtype)).reshape(z.shape)

        return y.reshape(*z.shape[:-1], vocab_size), pull


def _embedding(config: TransformerConfig, task: Task, rng: np.random.Generator) -> Layer:
    init = normal(config.init)
    if task.vocab_size is not None:
        return TokenEmbedding(task.vocab_size, config.width, rng, init=init)
    if task.input == "sequence":
        return LinearEmbedding(task.shape[-1], config.width, rng, init=init)
    patches = Patches(config.patch)
    patches.count(task.shape)
    return LinearEmbedding(config.patch**2 * task.shape[-1], config.width, rng, init=init, patches=patches)


def context_of(config: TransformerConfig, task: Task) -> int:
    """Return the context: the largest number of positions.

    Raises: ValueError when those of the data are more.
    """
    needed = Patches(config.patch).count(task.shape) if task.input == "image" else task.shape[0]
    if config.context is not None and config.context < needed:
        raise ValueError(f"context got {config.context}; the data have sequences of {needed}, it needs as many or more")
    return config.context or needed


def build(config: TransformerConfig, task: Task, rng: np.random.Generator) -> Transformer | Seq2SeqTransformer:
    """Build the network for a task.

    Raises: ValueError when `decoder` is set for a task other than sequence-labelling of tokens, or the config does not
    fit the task.
    """
    if not config.decoder:
        return Transformer(config, task, rng)
    if task.kind != "sequence-labelling" or task.vocab_size is None or task.target != "class":
        raise ValueError(
            f"decoder got True for {task.kind} of {task.input}; it needs sequence-labelling of tokens, with classes"
        )
    sizes = VocabSizes(task.vocab_size, task.outputs, context_of(config, task))
    return Seq2SeqTransformer(config, sizes, rng)
