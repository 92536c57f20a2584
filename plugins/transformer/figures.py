"""Figures of the transformer: the attention weights of its heads, and the text that it generates."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from neuralzoo.core.blocks.norm import LayerNorm
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import INK
from neuralzoo.core.plots.panels import EACH_STEP, longest_example, token_text, visible_whitespace
from neuralzoo.core.plots.recurrent import draw_generated_text, text_figure
from neuralzoo.plugins.transformer.generation import generate
from neuralzoo.plugins.transformer.layers.block import DecoderBlock
from neuralzoo.plugins.transformer.layers.dot_product import excluded_pairs, scaled_dot_product_attention
from neuralzoo.plugins.transformer.network import Transformer
from neuralzoo.plugins.transformer.seq2seq import Seq2SeqTransformer
from neuralzoo.registry import Figure

MAX_BLOCKS, MAX_HEADS = 4, 6  # panels that fit
MAX_TOKENS = 24  # token names that fit along an axis


def attention_weights(network: Transformer, x: Array, lengths: Array | None = None) -> Array:
    """Return the attention weights of every head of every block: p_ij, how much position i attends to position j.

    Shapes: x is the network's input, lengths (N,); the result is (blocks, N, heads, T, T), whose rows add up to 1.
    """
    ctx = Context()
    h, lengths, _ = network.embed(x, ctx, lengths)
    weights = []
    for block in network.blocks:
        config = block.attention.config
        z = block.norm_attention.predict(h) if block.before else h
        q, k, v = config.split(block.attention.project.predict(z))
        excluded = excluded_pairs(h.shape[1], h.shape[1], causal=config.causal, lengths=lengths)
        weights.append(scaled_dot_product_attention(q, k, v, excluded)[1])
        h, _ = block.run(h, ctx, lengths)
    return np.stack(weights)


def cross_attention_weights(network: Seq2SeqTransformer, x: Array, given: Array) -> Array:
    """Return the cross-attention weights of every head of every decoder block: target positions to source positions.

    Shapes: x is (N, S) source tokens, given (N, T) the decoder's input; the result is (blocks, N, heads, T, S).
    """
    stack, ctx = network.stack, Context()
    memory, _ = stack.encode(x, np.full(len(x), x.shape[1]), ctx)
    h, _ = stack.target(given, ctx)
    weights = []
    for decoder in stack.decoder:
        if decoder.cross is None or decoder.norm_cross is None:
            raise ValueError("cross_attention_weights got a decoder without cross-attention; it needs one with it")
        q = decoder.cross.config.split(decoder.cross.query.predict(_cross_input(decoder, decoder.norm_cross, h)))[0]
        k, v = decoder.cross.config.split(decoder.cross.key_value.predict(memory))
        weights.append(scaled_dot_product_attention(q, k, v)[1])
        h, _ = decoder.run(h, memory, ctx)
    return np.stack(weights)


def _cross_input(decoder: DecoderBlock, norm: LayerNorm, h: Array) -> Array:
    """Return the input of a decoder block's cross-attention."""
    block, ctx = decoder.block, Context()
    z, _ = block.residual(h, lambda z: block.attention.run(z, ctx), block.norm_attention, ctx)
    return norm.predict(z) if block.before else z


def draw_attention(figure: Any, module: Transformer | Seq2SeqTransformer, data: Any) -> None:
    """Draw the attention weights of each head for one test example: on an image, or as a table of positions."""
    if isinstance(module, Seq2SeqTransformer) and any(decoder.cross is None for decoder in module.stack.decoder):
        text_figure(figure, "The decoder has no cross-attention, so that there are no weights of it to draw.")
        return
    image = data.task.input == "image"
    x = data.test[0][0] if image else longest_example(data).x
    if data.task.vocab_size is not None and data.task.kind in EACH_STEP:
        x = x[:MAX_TOKENS]
    if isinstance(module, Seq2SeqTransformer):
        written = module.predict(x[None]).argmax(axis=-1)
        given = np.concatenate([[[module.stack.bos]], written[:, :-1]], axis=1)
        p = cross_attention_weights(module, x[None], given)[:MAX_BLOCKS, 0, :MAX_HEADS]  # (blocks, heads, T, S)
    else:
        written = x[None]
        p = attention_weights(module, x[None])[:MAX_BLOCKS, 0, :MAX_HEADS]  # (blocks, heads, T, T)
    class_token = isinstance(module, Transformer) and module.class_token is not None
    blocks, heads = p.shape[:2]
    figure.set_size_inches(1.0 + 2.1 * (heads + image), 0.7 + 2.2 * blocks)
    panels = figure.subplots(blocks, heads + image, squeeze=False)
    for block, row in enumerate(panels):
        if image:
            _draw_image(row[0], x)
        for head, axes in enumerate(row[image:]):
            if image:
                _draw_on_image(axes, _by_patch(p[block, head], x, class_token), x)
            else:
                _draw_table(axes, p[block, head])
            axes.set_title(f"block {block + 1}, head {head + 1}", fontsize=7, color=INK)
    if not image:
        _name_positions(panels, x, written[0], p.shape[-1], data)


def draw_text(figure: Any, module: Transformer, data: Any) -> None:
    """Draw the text that a language model generates from the beginning of a test example, always with one seed."""
    draw_generated_text(figure, module, data, generate)


def _by_patch(p: Array, image: Array, class_token: bool) -> Array:
    """Return the attention to each patch of an image: that of the class token, else the mean over all queries."""
    weights = p[0, 1:] if class_token else p.mean(axis=0)
    patch = math.isqrt(image.shape[0] * image.shape[1] // len(weights))
    return weights.reshape(image.shape[0] // patch, image.shape[1] // patch)


def _draw_image(axes: Any, image: Array, alpha: float = 1.0) -> None:
    axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="Greys", alpha=alpha)
    axes.set_axis_off()


def _draw_on_image(axes: Any, weights: Array, image: Array) -> None:
    height, width = image.shape[:2]
    _draw_image(axes, image, alpha=0.4)  # pale, so that dark pixels do not read as attention
    style = {"cmap": "Oranges", "alpha": 0.65, "vmin": 0.0, "interpolation": "nearest"}
    axes.imshow(weights, extent=(-0.5, width - 0.5, height - 0.5, -0.5), **style)


def _draw_table(axes: Any, p: Array) -> None:
    axes.imshow(p, cmap="Oranges", vmin=0.0, vmax=max(float(np.quantile(p, 0.99)), 1e-6), interpolation="nearest")
    axes.tick_params(labelsize=6)


def _name_positions(panels: Any, keys: Array, queries: Array, steps: int, data: Any) -> None:
    """Label the axes of the tables, with the tokens where they fit."""
    tokens = data.task.vocab_size is not None and len(keys) == steps <= MAX_TOKENS
    across = _token_names(keys, data) if tokens else []
    down = _token_names(queries, data) if tokens else []
    for axes in panels.flat:
        if tokens:
            axes.set_xticks(range(steps), across, fontsize=5, parse_math=False)
            axes.set_yticks(range(len(queries)), down, fontsize=5, parse_math=False)
        else:
            axes.xaxis.get_major_locator().set_params(integer=True, nbins=4)
            axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    panels[-1, 0].set_xlabel("key", fontsize=7)
    panels[-1, 0].set_ylabel("query", fontsize=7)


def _token_names(tokens: Sequence[int] | Array, data: Any) -> list[str]:
    return [visible_whitespace(token_text(token, data)) for token in tokens]


FIGURES = (
    Figure(
        name="attention",
        caption="Attention weights of each head in a test example: the darker the orange, the larger the weight. Of an "
        "encoder-decoder, the cross-attention from the predicted tokens to the source.",
        draw=draw_attention,
    ),
    Figure(
        name="text",
        caption="Text that the network generates, letter by letter; what is orange is the prompt.",
        draw=draw_text,
        by_epoch=True,
        tasks=frozenset({"language-modelling"}),
    ),
)
