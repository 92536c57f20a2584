"""Text from a transformer: each token is drawn from what the network expects after those before it.

    P(x_{t+1} = k) = softmax(y_t / temperature)_k          of the `top` likeliest k alone, if asked for

A cache keeps the keys and values of what was read, so that a token costs one position instead of all. The network reads
a window of the text: it begins at the text's start, and when it is full it moves on by half of the context.

A saved run goes on with a text; the classes of its data set are the characters that tokens stand for:

    network = neuralzoo.load_model("runs/.../model.safetensors")
    text = Characters(datasets.load("three-plays").classes)  # from neuralzoo.experiments
    tokens = write(network, text.encode("BRUTUS."), 200, np.random.default_rng(0), Drawing(temperature=0.8, top=10))
    print(text.decode(tokens))
"""

from typing import NamedTuple

import numpy as np

from neuralzoo.core.blocks.recurrent.generation import chances
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.transformer.layers.attention import Cache
from neuralzoo.plugins.transformer.layers.embedding import Tokens
from neuralzoo.plugins.transformer.network import Transformer


class Drawing(NamedTuple):
    """How a token is drawn; at temperature 0 it is the likeliest, with `top` one of that many likeliest."""

    temperature: float = 1.0
    top: int | None = None


USUAL = Drawing()


def write(
    network: Transformer,
    prompt: Array,
    count: int,
    rng: np.random.Generator,
    drawing: Drawing = USUAL,
    *,
    cached: bool = True,
) -> Array:
    """Return `count` tokens that go on after a prompt, the same with and without a cache.

    Shapes: prompt is (P,) whole numbers, the result is (count,) int64.
    Raises: ValueError when the prompt is no row of tokens or empty, the count or the temperature is negative, `top` is
    not positive, or the network does not read tokens forwards or does not answer at each of them.
    """
    _check(network, prompt, count, drawing)
    text = np.concatenate([prompt.astype(np.int64), np.zeros(count, np.int64)])
    caches: list[Cache] = []
    begun = -1
    for place in range(len(prompt), len(text)):
        start = window_start(place, network.context)
        read = start
        if cached and start == begun:
            read = place - 1
        elif cached:
            caches, begun = [Cache(network.context) for _ in network.blocks], start
        y, _ = network.run(text[None, read:place], Context(), caches=caches or None)
        text[place] = rng.choice(y.shape[-1], p=chances(among(y[0, -1], drawing.top), drawing.temperature))
    return text[len(prompt) :]


def window_start(length: int, context: int) -> int:
    """Return where the window of a text of some length begins: 0, or so many halves of the context that it fits."""
    half = max(1, context // 2)
    return max(0, -(-(length - context) // half) * half)


def among(logits: Array, top: int | None) -> Array:
    """Return logits of which all but the `top` largest are -inf.

    Shapes: logits are (K,), so is the result.
    """
    if top is None or top >= len(logits):
        return logits
    kept = np.full_like(logits, -np.inf)
    largest = logits.argsort(kind="stable")[-top:]
    kept[largest] = logits[largest]
    return kept


def _check(network: Transformer, prompt: Array, count: int, drawing: Drawing) -> None:
    if not isinstance(network.read, Tokens) or network.readout is not None or not network.causal:
        raise ValueError("write got a network that is no language model; it needs one that foretells the next token")
    if prompt.ndim != 1 or len(prompt) == 0 or prompt.dtype.kind not in "iu":
        raise ValueError(
            f"write got a prompt of shape {prompt.shape} and dtype {prompt.dtype}; it needs a row of at least one token"
        )
    if count < 0:
        raise ValueError(f"write got count={count}; it needs a number of tokens, 0 or more")
    if not drawing.temperature >= 0:
        raise ValueError(f"write got temperature={drawing.temperature}; it needs a number from 0 up")
    if drawing.top is not None and drawing.top < 1:
        raise ValueError(f"write got top={drawing.top}; it needs at least 1 token to choose from")
