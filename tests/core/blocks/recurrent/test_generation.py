import math
import re
from itertools import pairwise

import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.generation import generate, token_probabilities
from neuralzoo.registry import Task, create

LETTERS = 7


def language_model(name="lstm", **settings):
    task = Task(kind="language-modelling", input="tokens", shape=(9,), outputs=LETTERS, vocab_size=LETTERS)
    return create(name, task=task, seed=3, **{"hidden": 6, "embedding": 4, **settings})


def sharpened(network, scale=4.0):
    network.head.weight.value *= scale  # a new network has nearly uniform probabilities
    return network


def softmax(logits):
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=-1, keepdims=True)


class Recorded:
    """A random generator that records the probabilities that it samples from."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.recorded = []

    def choice(self, count, p):
        self.recorded.append(p)
        return self.rng.choice(count, p=p)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_carried_state_gives_the_probabilities_of_the_whole_text(name, layers):
    network = sharpened(language_model(name, layers=layers)).astype(np.float64)
    prompt = np.array([1, 5, 0])
    rng = Recorded()
    generated = generate(network, prompt, 12, rng, temperature=0.7)
    whole = np.concatenate([prompt, generated])
    logits = network.predict(whole[None])[0, len(prompt) - 1 : -1]
    np.testing.assert_allclose(rng.recorded, softmax(logits / 0.7), rtol=1e-10)


def test_token_frequencies_agree_with_the_probabilities():
    network = sharpened(language_model("gru"))
    network.recurrent.cells[0].weight_ih.value[...] = 0  # the probabilities change with the step, not with the text
    network.recurrent.cells[0].bias.value[...] = 0.5
    logits = network.predict(np.zeros((1, 400), np.int64))[0]
    expected = softmax(logits[1:]).sum(axis=0)
    texts = [generate(network, np.zeros(2, np.int64), 399, np.random.default_rng(seed)) for seed in range(10)]
    counts = np.bincount(np.concatenate(texts), minlength=LETTERS)
    chi_square = ((counts - 10 * expected) ** 2 / (10 * expected)).sum()
    assert chi_square < 16.8  # exceeded by chance once in a hundred seeds, with 6 degrees of freedom


def test_each_token_is_conditioned_on_the_previous_one():
    network = language_model("rnn", hidden=LETTERS, embedding=LETTERS)
    cell = network.recurrent.cells[0]
    network.embedding.weight.value[...] = cell.weight_ih.value[...] = np.eye(LETTERS)
    cell.weight_hh.value[...] = 0
    network.head.weight.value[...] = 50 * np.roll(np.eye(LETTERS), 1, axis=1)  # after k comes k + 1
    generated = generate(network, np.array([2]), 20, np.random.default_rng(0))
    assert all(after == (before + 1) % LETTERS for before, after in pairwise([2, *generated]))


def test_temperature_zero_is_greedy_decoding():
    network = sharpened(language_model())
    prompt = np.array([3])
    first, second = (generate(network, prompt, 15, np.random.default_rng(seed), temperature=0) for seed in (0, 1))
    np.testing.assert_array_equal(first, second)
    logits = network.predict(np.concatenate([prompt, first])[None])[0]
    np.testing.assert_array_equal(first, logits[:-1].argmax(axis=-1))


def test_a_tiny_temperature_is_greedy_and_an_infinite_one_is_uniform():
    logits = np.array([0.0, 3.0, 2.999], np.float32)
    np.testing.assert_array_equal(token_probabilities(logits, 1e-310), token_probabilities(logits, 0))
    np.testing.assert_array_equal(token_probabilities(logits, math.inf), np.full(3, 1 / 3))


def test_the_temperature_is_a_power_of_the_probabilities():
    logits = np.random.default_rng(1).normal(size=5)
    powers = token_probabilities(logits) ** (1 / 0.4)
    np.testing.assert_allclose(token_probabilities(logits, 0.4), powers / powers.sum(), rtol=1e-12)


def test_the_same_seed_generates_the_same_text():
    network = sharpened(language_model())
    first, second = (generate(network, np.array([0]), 30, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_count_of_zero_generates_nothing():
    assert generate(language_model(), np.array([0]), 0, np.random.default_rng(0)).shape == (0,)


def test_generation_does_not_change_the_network():
    network = language_model(dropout=0.5, layers=2)
    before = network.state()
    generate(network, np.array([0]), 5, np.random.default_rng(0))
    assert all(np.array_equal(value, before[name]) for name, value in network.state().items())


@pytest.mark.parametrize(
    ("prompt", "count", "temperature", "words"),
    [
        (
            np.zeros(0, np.int64),
            3,
            1.0,
            "generate got a prompt of shape (0,) and dtype int64; it needs a row of at least",
        ),
        (np.zeros((1, 2), np.int64), 3, 1.0, "generate got a prompt of shape (1, 2)"),
        (np.zeros(2), 3, 1.0, "dtype float64; it needs a row of at least one token"),
        (np.zeros(2, np.int64), -1, 1.0, "generate got count=-1; it needs a number of tokens, 0 or more"),
        (np.zeros(2, np.int64), 3, -0.5, "generate got temperature=-0.5; it needs a number from 0 up"),
        (np.zeros(2, np.int64), 3, math.nan, "generate got temperature=nan; it needs a number from 0 up"),
    ],
)
def test_invalid_arguments_are_refused_in_a_sentence(prompt, count, temperature, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        generate(language_model(), prompt, count, np.random.default_rng(0), temperature)


def test_an_unknown_token_is_refused():
    with pytest.raises(ValueError, match="token 7; it needs tokens from 0 to 6"):
        generate(language_model(), np.array([LETTERS]), 1, np.random.default_rng(0))


def tokens(kind, outputs=LETTERS):
    return Task(kind=kind, input="tokens", shape=(9,), outputs=outputs, vocab_size=LETTERS)


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        (tokens("sequence-labelling"), {"bidirectional": True}, "a bidirectional network; it needs one that reads"),
        (tokens("classification"), {}, "reads tokens and has one output; it needs one that reads tokens and has an"),
        (
            Task(kind="sequence-labelling", input="sequence", shape=(9, 2), outputs=2),
            {},
            "reads features and has an output at each step; it needs one that reads tokens",
        ),
    ],
)
def test_a_network_that_is_no_language_model_is_refused_in_a_sentence(task, settings, words):
    network = create("gru", task=task, seed=0, hidden=3, **settings)
    with pytest.raises(ValueError, match=words):
        generate(network, np.array([0]), 1, np.random.default_rng(0))
