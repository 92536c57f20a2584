"""Text generation: each token is sampled from the network's distribution after those before it.

    P(x_{t+1} = k) = softmax(y_t / temperature)_k          with `top_k`, among the k most probable tokens only

A key-value cache makes a token cost one position instead of all. The network reads a window of the text, which begins
at the start of the text and moves by half of the context when it is full.

A saved run continues a prompt; the classes of its dataset are the characters of the tokens:

    network = neuralzoo.load_model("runs/.../model.safetensors")
    text = CharTokenizer(datasets.load("shakespeare-3plays").classes)  # from neuralzoo.experiments
    sampling = Sampling(temperature=0.8, top_k=10)
    tokens = generate(network, text.encode("BRUTUS."), 200, np.random.default_rng(0), sampling)
    print(text.decode(tokens))
"""

from typing import NamedTuple

import numpy as np

from neuralzoo.core.blocks.recurrent.generation import token_probabilities
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.transformer.layers.attention import Cache
from neuralzoo.plugins.transformer.layers.embedding import TokenEmbedding
from neuralzoo.plugins.transformer.network import Transformer


class Sampling(NamedTuple):
    """Sampling of a token: at temperature 0 the most probable one, with `top_k` among the k most probable ones."""

    temperature: float = 1.0
    top_k: int | None = None


DEFAULT_SAMPLING = Sampling()


def generate(
    network: Transformer,
    prompt: Array,
    count: int,
    rng: np.random.Generator,
    sampling: Sampling = DEFAULT_SAMPLING,
    *,
    cached: bool = True,
) -> Array:
    """Return `count` tokens that continue a prompt, the same with and without a cache.

    Shapes: prompt is (P,) whole numbers, the result is (count,) int64.
    Raises: ValueError when the prompt is no sequence of tokens or empty, the count or the temperature is negative,
    `top_k` is not positive, or the network is no causal language model.
    """
    _check(network, prompt, count, sampling)
    text = np.concatenate([prompt.astype(np.int64), np.zeros(count, np.int64)])
    caches: list[Cache] = []
    cached_start = -1
    for position in range(len(prompt), len(text)):
        start = window_start(position, network.context)
        first = start
        if cached and start == cached_start:
            first = position - 1
        elif cached:
            caches, cached_start = [Cache(network.context) for _ in network.blocks], start
        y, _ = network.run(text[None, first:position], Context(), caches=caches or None)
        logits = keep_top_k(y[0, -1], sampling.top_k)
        text[position] = rng.choice(len(logits), p=token_probabilities(logits, sampling.temperature))
    return text[len(prompt) :]


def window_start(length: int, context: int) -> int:
    """Return where the window of a text begins: at the first multiple of half the context from which the text fits."""
    half = max(1, context // 2)
    return max(0, -(-(length - context) // half) * half)


def keep_top_k(logits: Array, k: int | None) -> Array:
    """Return logits of which all but the k largest are -inf.

    Shapes: logits are (K,), so is the result.
    """
    if k is None or k >= len(logits):
        return logits
    limited = np.full_like(logits, -np.inf)
    largest = logits.argsort(kind="stable")[-k:]
    limited[largest] = logits[largest]
    return limited


def _check(network: Transformer, prompt: Array, count: int, sampling: Sampling) -> None:
    if not isinstance(network.embedding, TokenEmbedding) or network.readout is not None or not network.causal:
        raise ValueError("generate got a network that is no language model; it needs one that predicts the next token")
    if prompt.ndim != 1 or len(prompt) == 0 or prompt.dtype.kind not in "iu":
        raise ValueError(
            f"generate got a prompt of shape {prompt.shape} and dtype {prompt.dtype}; it needs a row of at "
            "least one token"
        )
    if count < 0:
        raise ValueError(f"generate got count={count}; it needs a number of tokens, 0 or more")
    if not sampling.temperature >= 0:
        raise ValueError(f"generate got temperature={sampling.temperature}; it needs a number from 0 up")
    if sampling.top_k is not None and sampling.top_k < 1:
        raise ValueError(f"generate got top_k={sampling.top_k}; it needs at least 1 token to choose from")
