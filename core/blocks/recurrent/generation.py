"""Text from a language model: each token is drawn from what the network expects after those before it."""

import numpy as np

from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array


def write(
    network: SequenceNetwork, prompt: Array, count: int, rng: np.random.Generator, temperature: float = 1.0
) -> Array:
    """Return `count` tokens that go on after a prompt.

        P(x_{t+1} = k) = softmax(y_t / temperature)_k          at temperature 0 the likeliest k

    The state is carried along, so that a token costs one step, however long the text is. Below 1 the temperature
    prefers what is likely, above 1 it levels out.

    Shapes: prompt is (P,) whole numbers, the result is (count,) int64.
    Raises: ValueError when the prompt is no row of tokens or empty, the count or the temperature is negative, or the
    network does not read tokens, reads them in both directions, or does not answer at each step.
    """
    _check(network, prompt, count, temperature)
    written = np.zeros(count, np.int64)
    tokens, state = prompt[None], None
    for place in range(count):
        y, state, _ = network.run(tokens, Context(), start=state)
        written[place] = _draw(y[0, -1], rng, temperature)
        tokens = written[None, place : place + 1]
    return written


def chances(logits: Array, temperature: float = 1.0) -> Array:
    """Return the probability of each token, softmax(logits / temperature); at temperature 0 the likeliest has 1.

    Shapes: logits are (K,), the result is (K,) float64.
    """
    if temperature == 0:
        certain = np.zeros(len(logits))
        certain[logits.argmax()] = 1
        return certain
    below = logits.astype(np.float64) - logits.max()
    with np.errstate(over="ignore"):  # a tiny temperature makes all but the likeliest impossible
        likely = np.exp(below / temperature)
    return np.asarray(likely / likely.sum())


def _draw(logits: Array, rng: np.random.Generator, temperature: float) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(rng.choice(len(logits), p=chances(logits, temperature)))


def _check(network: SequenceNetwork, prompt: Array, count: int, temperature: float) -> None:
    if network.embedding is None or network.readout is not None:
        reads = "numbers" if network.embedding is None else "tokens"
        answers = "at each step" if network.readout is None else "once"
        raise ValueError(
            f"write got a network that reads {reads} and answers {answers}; it needs one that reads tokens and answers "
            "at each step"
        )
    if len(network.recurrent.levels[0]) > 1:
        raise ValueError("write got a network that reads in both directions; it needs one that reads forwards only")
    if prompt.ndim != 1 or len(prompt) == 0 or prompt.dtype.kind not in "iu":
        raise ValueError(
            f"write got a prompt of shape {prompt.shape} and dtype {prompt.dtype}; it needs a row of at least one token"
        )
    if count < 0:
        raise ValueError(f"write got count={count}; it needs a number of tokens, 0 or more")
    if not temperature >= 0:
        raise ValueError(f"write got temperature={temperature}; it needs a number from 0 up")
