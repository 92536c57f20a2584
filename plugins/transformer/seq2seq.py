"""An encoder and a decoder: one sequence of tokens is read as a whole, another one is written token by token.

    m   = encoder(x)                     every position looks at all others
    y_t = decoder(b, s_1 ... s_{t-1}; m)       at what was written before, and at the memory m; b begins
    s_t = argmax y_t                     in training what is right instead (teacher forcing)

Source: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import normal
from neuralzoo.core.blocks.losses import PADDING, CrossEntropy
from neuralzoo.core.blocks.metrics import accuracy
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.blocks.supervised import without_padding
from neuralzoo.core.layer import Context, Gradients, Layer, Pullback, no_gradient
from neuralzoo.core.learner import Metrics, Supervised
from neuralzoo.core.module import Array, Module
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.layer_norm import LayerNorm
from neuralzoo.plugins.transformer.layers.attention import Cache
from neuralzoo.plugins.transformer.layers.block import Block, DecoderBlock
from neuralzoo.plugins.transformer.layers.embedding import Positions, Tokens, waves
from neuralzoo.plugins.transformer.network import chain, shape_of


class Vocabularies(NamedTuple):
    """How many tokens there are to read and to write, and how long both sequences may be."""

    read: int
    written: int
    context: int


class Entrance(Layer):
    """Look tokens up and add their positions: what the first block of a stack reads.

    Shapes: x is (N, T) tokens, y is (N, T, width).
    Raises: ValueError when a token is out of range or a sequence longer than the context.
    """

    def __init__(self, vocabulary: int, context: int, config: TransformerConfig, rng: np.random.Generator) -> None:
        init, learned = normal(config.init), config.positions == "learned"
        self.tokens = Tokens(vocabulary, config.width, rng, init=init)
        places = init((context, config.width), rng) if learned else waves(context, config.width)
        self.positions = Positions(places, learned=learned)
        self.dropout = Dropout(config.dropout)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return what the first block reads and the pullback."""
        return self.run(x, ctx, 0)

    def run(self, x: Array, ctx: Context, start: int) -> tuple[Array, Pullback]:
        """Return what the first block reads and the pullback; the first token is at the position `start`."""
        h, pull_tokens = self.tokens(x, ctx)
        h, pull_positions = self.positions.run(h, ctx, start)
        h, pull_dropout = self.dropout(h, ctx)
        return h, chain([pull_tokens, pull_positions, pull_dropout])


class EncoderDecoder(Layer):
    """Answer at each position of what was written so far, given all that is to be read.

    What is given to the decoder are tokens from 0 to `written`; the last, beyond those that are answers, begins.

    Shapes: called with (x, lengths, given): x (N, S) tokens, lengths (N,), given (N, T) tokens; y is (N, T, written).
    Raises: ValueError when an array has another shape, a token or length is out of range, a sequence too long.
    """

    def __init__(self, config: TransformerConfig, sizes: Vocabularies, rng: np.random.Generator) -> None:
        self.begin = sizes.written
        self.read = Entrance(sizes.read, sizes.context, config, rng)
        self.write = Entrance(sizes.written + 1, sizes.context, config, rng)
        encoder, decoder = shape_of(config, causal=False), shape_of(config, causal=True)
        self.encoder = [Block(encoder, rng) for _ in range(config.layers)]
        self.decoder = [DecoderBlock(decoder, rng) for _ in range(config.layers)]
        before = config.norm == "before"
        self.norms = [LayerNorm(config.width, bias=config.bias) for _ in range(2)] if before else []
        self.head = Dense(config.width, sizes.written, rng, init=normal(config.init))

    def __call__(self, x: tuple[Array, Array, Array], ctx: Context) -> tuple[Array, Pullback]:  # type: ignore[override]
        """Return the answers and their pullback."""
        source, lengths, given = x
        memory, pull_memory = self.encode(source, lengths, ctx)
        h, pull_write = self.write(given, ctx)
        pulls = []
        for block in self.decoder:
            h, pull_block = block.run_with(h, memory, ctx, lengths)
            pulls.append(pull_block)
        y, pull_answer = self._answer(h, ctx)

        def pull(dy: Array) -> Array:
            dh, dmemory = pull_answer(dy), np.zeros(memory.shape, dy.dtype)
            for pull_block in reversed(pulls):
                dh, dm = pull_block(dh)
                dmemory += dm
            pull_write(dh)
            pull_memory(dmemory)
            return no_gradient(source)

        return y, pull

    def encode(self, x: Array, lengths: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the memory (N, S, width) of what is read, and the pullback."""
        h, pull_read = self.read(x, ctx)
        check_lengths(lengths, *h.shape[:2])
        pulls = [pull_read]
        for block in self.encoder:
            h, pull_block = block.run(h, ctx, lengths)
            pulls.append(pull_block)
        if self.norms:
            h, pull_norm = self.norms[0](h, ctx)
            pulls.append(pull_norm)
        return h, chain(pulls)

    def decode(self, given: Array, memory: Array, lengths: Array, caches: Sequence[Cache]) -> Array:
        """Return the answers at the next positions, whose tokens are given, with a cache for each block."""
        ctx = Context()
        h, _ = self.write.run(given, ctx, caches[0].length)
        for block, cache in zip(self.decoder, caches, strict=True):
            h, _ = block.run_with(h, memory, ctx, lengths, cache)
        return self._answer(h, ctx)[0]

    def _answer(self, h: Array, ctx: Context) -> tuple[Array, Pullback]:
        if not self.norms:
            return self.head(h, ctx)
        z, pull_norm = self.norms[1](h, ctx)
        y, pull_head = self.head(z, ctx)
        return y, chain([pull_norm, pull_head])


class Translator(Module):
    """Read a sequence of tokens and write as many others, each the likeliest after those before it.

    Shapes: predict(x) or predict((x, lengths)): x is (N, T) tokens, the answers are (N, T, written).
    """

    def __init__(self, config: TransformerConfig, sizes: Vocabularies, rng: np.random.Generator) -> None:
        self.stack = EncoderDecoder(config, sizes, rng)

    def predict(self, x: Array | tuple[Array, Array]) -> Array:
        """Return the answers at each position, in evaluation mode."""
        x, lengths = x if isinstance(x, tuple) else (x, np.full(len(x), x.shape[1]))
        memory, _ = self.stack.encode(x, lengths, Context())
        caches = [Cache(x.shape[1]) for _ in self.stack.decoder]
        given = np.full((len(x), 1), self.stack.begin)
        answers = []
        for _ in range(x.shape[1]):
            answers.append(self.stack.decode(given, memory, lengths, caches))
            given = answers[-1].argmax(axis=-1)
        return np.concatenate(answers, axis=1)


class TeacherForced(Supervised):
    """Learns to write each token after the right ones before it, which it is given; the loss is measured likewise.

    Shapes: batches are (x, target) or (x, lengths, target), x and target (N, T), lengths (N,).
    """

    def __init__(self, translator: Translator, optimizer: Optimizer) -> None:
        super().__init__(translator.stack, CrossEntropy(), optimizer, {"accuracy": accuracy})
        self.module = translator
        self.grads = Gradients(translator)
        self.begin = translator.stack.begin

    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do one step down the gradient of the loss over all targets that count."""
        return super().learn(self._forced(batch), ctx)

    def evaluate(self, batch: Batch) -> Metrics:
        """Return the loss and the accuracy, means over all targets that count, given the right tokens before each.

        Writing on its own, as `predict` does, the translator has its own mistakes before it, and is right less often.
        """
        return super().evaluate(self._forced(batch))

    def count(self, batch: Batch) -> int:
        """Return the number of targets that count."""
        return int(np.count_nonzero(without_padding(batch)[-1] != PADDING))

    def _forced(self, batch: Batch) -> Batch:
        x, *lengths, target = without_padding(batch)
        given = np.full_like(target, self.begin)
        given[:, 1:] = np.maximum(target[:, :-1], 0)
        return x, lengths[0] if lengths else np.full(len(x), x.shape[1]), given, target
