"""The encoder-decoder transformer: from a source sequence of tokens to a target sequence, token by token.

    m   = encoder(x)                     bidirectional self-attention over the source
    y_t = decoder(b, s_1 ... s_{t-1}; m)       causal self-attention, and cross-attention to the memory m; b is BOS
    s_t = argmax y_t                     greedy decoding; in training the target token instead (teacher forcing)

Source: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import normal
from neuralzoo.core.blocks.norm import LayerNorm
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.inputs import predict_rows
from neuralzoo.core.layer import Context, Layer, Pullback, zero_grad_like
from neuralzoo.core.module import Array, Module
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.layers.attention import Cache
from neuralzoo.plugins.transformer.layers.block import Block, DecoderBlock, block_config, chain
from neuralzoo.plugins.transformer.layers.embedding import Positions, TokenEmbedding, sinusoidal_positions


class VocabSizes(NamedTuple):
    """Vocabulary sizes of source and target, and the context: the largest length of both."""

    source: int
    target: int
    context: int


class TokenAndPositionEmbedding(Layer):
    """Token embedding plus positional encoding: the input of the first block of a stack.

    Shapes: x is (N, T) tokens, y is (N, T, width).
    Raises: ValueError when a token is out of range or a sequence longer than the context.
    """

    def __init__(self, vocab_size: int, context: int, config: TransformerConfig, rng: np.random.Generator) -> None:
        init, learned = normal(config.init), config.positions == "learned"
        self.tokens = TokenEmbedding(vocab_size, config.width, rng, init=init)
        positions = init((context, config.width), rng) if learned else sinusoidal_positions(context, config.width)
        self.positions = Positions(positions, learned=learned)
        self.dropout = Dropout(config.dropout)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the vectors and their pullback."""
        return self.run(x, ctx, 0)

    def run(self, x: Array, ctx: Context, start: int) -> tuple[Array, Pullback]:
        """Return the vectors and their pullback; the first token is at the position `start`."""
        h, pull_tokens = self.tokens(x, ctx)
        h, pull_positions = self.positions.run(h, ctx, start)
        h, pull_dropout = self.dropout(h, ctx)
        return h, chain([pull_tokens, pull_positions, pull_dropout])


class EncoderDecoder(Layer):
    """Encoder and decoder: logits of the next target token at each position, from the source and the tokens before.

    The decoder reads target tokens and BOS (beginning of sequence), whose token is the size of the target vocabulary.

    Shapes: called with (x, lengths, given): x (N, S) source tokens, lengths (N,), given (N, T) the decoder's input;
    y is (N, T, target vocabulary).
    Raises: ValueError when an array has another shape, a token or length is out of range, a sequence too long.
    """

    def __init__(self, config: TransformerConfig, sizes: VocabSizes, rng: np.random.Generator) -> None:
        self.bos = sizes.target
        self.source = TokenAndPositionEmbedding(sizes.source, sizes.context, config, rng)
        self.target = TokenAndPositionEmbedding(sizes.target + 1, sizes.context, config, rng)
        encoder, decoder = block_config(config, causal=False), block_config(config, causal=True)
        self.encoder = [Block(encoder, rng) for _ in range(config.layers)]
        self.decoder = [DecoderBlock(decoder, rng) for _ in range(config.layers)]
        before = config.norm == "before"
        self.norms = [LayerNorm(config.width, bias=config.bias) for _ in range(2)] if before else []
        self.head = Dense(config.width, sizes.target, rng, init=normal(config.init))

    def __call__(self, x: tuple[Array, Array, Array], ctx: Context) -> tuple[Array, Pullback]:  # type: ignore[override]
        """Return the logits and their pullback."""
        source, lengths, given = x
        memory, pull_memory = self.encode(source, lengths, ctx)
        h, pull_target = self.target(given, ctx)
        pulls = []
        for block in self.decoder:
            h, pull_block = block.run(h, memory, ctx, lengths)
            pulls.append(pull_block)
        y, pull_output = self._output(h, ctx)

        def pull(dy: Array) -> Array:
            dh, dmemory = pull_output(dy), np.zeros(memory.shape, dy.dtype)
            for pull_block in reversed(pulls):
                dh, dm = pull_block(dh)
                dmemory += dm
            pull_target(dh)
            pull_memory(dmemory)
            return zero_grad_like(source)

        return y, pull

    def encode(self, x: Array, lengths: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the memory (N, S, width) of the source, and its pullback."""
        h, pull_source = self.source(x, ctx)
        check_lengths(lengths, *h.shape[:2])
        pulls = [pull_source]
        for block in self.encoder:
            h, pull_block = block.run(h, ctx, lengths)
            pulls.append(pull_block)
        if self.norms:
            h, pull_norm = self.norms[0](h, ctx)
            pulls.append(pull_norm)
        return h, chain(pulls)

    def decode(self, given: Array, memory: Array, lengths: Array, caches: Sequence[Cache]) -> Array:
        """Return the logits after the next tokens, which are given, with a cache for each block."""
        ctx = Context()
        h, _ = self.target.run(given, ctx, caches[0].length)
        for block, cache in zip(self.decoder, caches, strict=True):
            h, _ = block.run(h, memory, ctx, lengths, cache)
        return self._output(h, ctx)[0]

    def _output(self, h: Array, ctx: Context) -> tuple[Array, Pullback]:
        if not self.norms:
            return self.head(h, ctx)
        z, pull_norm = self.norms[1](h, ctx)
        y, pull_head = self.head(z, ctx)
        return y, chain([pull_norm, pull_head])


class Seq2SeqTransformer(Module):
    """Encoder-decoder transformer with greedy decoding of as many target tokens as the source has positions.

    Shapes: predict(x) or predict((x, lengths)): x is (N, T) tokens, the logits are (N, T, target vocabulary).
    """

    def __init__(self, config: TransformerConfig, sizes: VocabSizes, rng: np.random.Generator) -> None:
        self.stack = EncoderDecoder(config, sizes, rng)

    def predict(self, x: Array | tuple[Array, Array]) -> Array:
        """Return the logits at each position of greedy decoding, in evaluation mode."""
        return predict_rows(self._decode_greedily, self.as_input(x))

    def _decode_greedily(self, x: Array | tuple[Array, Array]) -> Array:
        x, lengths = x if isinstance(x, tuple) else (x, np.full(len(x), x.shape[1]))
        memory, _ = self.stack.encode(x, lengths, Context())
        caches = [Cache(x.shape[1]) for _ in self.stack.decoder]
        given = np.full((len(x), 1), self.stack.bos)
        logits = []
        for _ in range(x.shape[1]):
            logits.append(self.stack.decode(given, memory, lengths, caches))
            given = logits[-1].argmax(axis=-1)
        return np.concatenate(logits, axis=1)
