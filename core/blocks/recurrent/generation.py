"""Text generation with a recurrent language model: each token is sampled given those before it."""

import numpy as np

from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array


def generate(
    network: SequenceNetwork, prompt: Array, count: int, rng: np.random.Generator, temperature: float = 1.0
) -> Array:
    """Return `count` tokens that follow a prompt.

        P(x_{t+1} = k) = softmax(y_t / temperature)_k          at temperature 0 the most probable k

    The state is carried along, so that a token costs one step, however long the text is. A temperature below 1 sharpens
    the distribution, one above 1 flattens it.

    Shapes: prompt is (P,) integers, the result is (count,) int64.
    Raises: ValueError when the prompt is not a row of tokens or is empty, the count or the temperature is negative, or
    the network does not read tokens, is bidirectional, or has no output at each step.
    """
    _check(network, prompt, count, temperature)
    generated = np.zeros(count, np.int64)
    tokens, state = prompt[None], None
    for position in range(count):
        y, state, _ = network.run(tokens, Context(), initial_state=state)
        generated[position] = _sample_token(y[0, -1], rng, temperature)
        tokens = generated[None, position : position + 1]
    return generated


def token_probabilities(logits: Array, temperature: float = 1.0) -> Array:
    """Return softmax(logits / temperature); at temperature 0 the most probable token has probability 1.

    Shapes: logits are (K,), the result is (K,) float64.
    """
    if temperature == 0:
        one_hot = np.zeros(len(logits))
        one_hot[logits.argmax()] = 1
        return one_hot
    shifted = logits.astype(np.float64) - logits.max()
    with np.errstate(over="ignore"):  # a tiny temperature makes all but the most probable impossible
        weights = np.exp(shifted / temperature)
    return np.asarray(weights / weights.sum())


def _sample_token(logits: Array, rng: np.random.Generator, temperature: float) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(rng.choice(len(logits), p=token_probabilities(logits, temperature)))


def _check(network: SequenceNetwork, prompt: Array, count: int, temperature: float) -> None:
    if network.embedding is None or network.readout is not None:
        reads = "features" if network.embedding is None else "tokens"
        outputs = "an output at each step" if network.readout is None else "one output"
        raise ValueError(
            f"generate got a network that reads {reads} and has {outputs}; it needs one that reads tokens and has an "
            "output at each step"
        )
    if len(network.recurrent.layers[0]) > 1:
        raise ValueError("generate got a bidirectional network; it needs one that reads forwards only")
    if prompt.ndim != 1 or len(prompt) == 0 or prompt.dtype.kind not in "iu":
        raise ValueError(
            f"generate got a prompt of shape {prompt.shape} and dtype {prompt.dtype}; it needs a row of at least one "
            "token"
        )
    if count < 0:
        raise ValueError(f"generate got count={count}; it needs a number of tokens, 0 or more")
    if not temperature >= 0:
        raise ValueError(f"generate got temperature={temperature}; it needs a number from 0 up")
