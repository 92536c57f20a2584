import math
import re
from itertools import pairwise

import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.generation import chances, write
from neuralzoo.registry import Task, create

LETTERS = 7


def language_model(name="lstm", **settings):
    task = Task(kind="language-modelling", input="tokens", shape=(9,), outputs=LETTERS, vocabulary=LETTERS)
    return create(name, task=task, seed=3, **{"hidden": 6, "embedding": 4, **settings})


def opinionated(network, scale=4.0):
    network.head.weight.value *= scale  # a fresh network expects all tokens alike
    return network


def softmax(logits):
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=-1, keepdims=True)


class Recorded:
    """A generator that notes the probabilities that it is asked to draw from."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.asked = []

    def choice(self, many, p):
        self.asked.append(p)
        return self.rng.choice(many, p=p)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_carried_state_gives_the_probabilities_of_the_whole_text(name, layers):
    network = opinionated(language_model(name, layers=layers)).astype(np.float64)
    prompt = np.array([1, 5, 0])
    rng = Recorded()
    written = write(network, prompt, 12, rng, temperature=0.7)
    whole = np.concatenate([prompt, written])
    logits = network.predict(whole[None])[0, len(prompt) - 1 : -1]
    np.testing.assert_allclose(rng.asked, softmax(logits / 0.7), rtol=1e-10)


def test_tokens_are_as_frequent_as_the_network_expects():
    network = opinionated(language_model("gru"))
    network.recurrent.cells[0].weight_input.value[...] = 0  # what it expects changes with the step, not with the text
    network.recurrent.cells[0].bias.value[...] = 0.5
    logits = network.predict(np.zeros((1, 400), np.int64))[0]
    expected = softmax(logits[1:]).sum(axis=0)
    texts = [write(network, np.zeros(2, np.int64), 399, np.random.default_rng(seed)) for seed in range(10)]
    counts = np.bincount(np.concatenate(texts), minlength=LETTERS)
    chi_square = ((counts - 10 * expected) ** 2 / (10 * expected)).sum()
    assert chi_square < 16.8  # exceeded by chance once in a hundred seeds, with 6 degrees of freedom


def test_each_token_follows_from_the_one_before():
    network = language_model("rnn", hidden=LETTERS, embedding=LETTERS)
    cell = network.recurrent.cells[0]
    network.embedding.weight.value[...] = cell.weight_input.value[...] = np.eye(LETTERS)
    cell.weight_state.value[...] = 0
    network.head.weight.value[...] = 50 * np.roll(np.eye(LETTERS), 1, axis=1)  # after k comes k + 1
    written = write(network, np.array([2]), 20, np.random.default_rng(0))
    assert all(after == (before + 1) % LETTERS for before, after in pairwise([2, *written]))


def test_temperature_zero_writes_the_likeliest_whatever_the_generator():
    network = opinionated(language_model())
    prompt = np.array([3])
    first, second = (write(network, prompt, 15, np.random.default_rng(seed), temperature=0) for seed in (0, 1))
    np.testing.assert_array_equal(first, second)
    logits = network.predict(np.concatenate([prompt, first])[None])[0]
    np.testing.assert_array_equal(first, logits[:-1].argmax(axis=-1))


def test_a_tiny_temperature_is_temperature_zero_and_an_infinite_one_levels_out():
    logits = np.array([0.0, 3.0, 2.999], np.float32)
    np.testing.assert_array_equal(chances(logits, 1e-310), chances(logits, 0))
    np.testing.assert_array_equal(chances(logits, math.inf), np.full(3, 1 / 3))


def test_the_temperature_is_a_power_of_the_probabilities():
    logits = np.random.default_rng(1).normal(size=5)
    powers = chances(logits) ** (1 / 0.4)
    np.testing.assert_allclose(chances(logits, 0.4), powers / powers.sum(), rtol=1e-12)


def test_the_same_seed_writes_the_same_text():
    network = opinionated(language_model())
    first, second = (write(network, np.array([0]), 30, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_nothing_more_is_nothing():
    assert write(language_model(), np.array([0]), 0, np.random.default_rng(0)).shape == (0,)


def test_writing_leaves_the_network_as_it_is():
    network = language_model(dropout=0.5, layers=2)
    before = network.state()
    write(network, np.array([0]), 5, np.random.default_rng(0))
    assert all(np.array_equal(value, before[name]) for name, value in network.state().items())


@pytest.mark.parametrize(
    ("prompt", "count", "temperature", "told"),
    [
        (np.zeros(0, np.int64), 3, 1.0, "write got a prompt of shape (0,) and dtype int64; it needs a row of at least"),
        (np.zeros((1, 2), np.int64), 3, 1.0, "write got a prompt of shape (1, 2)"),
        (np.zeros(2), 3, 1.0, "dtype float64; it needs a row of at least one token"),
        (np.zeros(2, np.int64), -1, 1.0, "write got count=-1; it needs a number of tokens, 0 or more"),
        (np.zeros(2, np.int64), 3, -0.5, "write got temperature=-0.5; it needs a number from 0 up"),
        (np.zeros(2, np.int64), 3, math.nan, "write got temperature=nan; it needs a number from 0 up"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(prompt, count, temperature, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        write(language_model(), prompt, count, np.random.default_rng(0), temperature)


def test_a_token_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match="token 7; it needs tokens from 0 to 6"):
        write(language_model(), np.array([LETTERS]), 1, np.random.default_rng(0))


def tokens(kind, outputs=LETTERS):
    return Task(kind=kind, input="tokens", shape=(9,), outputs=outputs, vocabulary=LETTERS)


@pytest.mark.parametrize(
    ("task", "settings", "told"),
    [
        (tokens("sequence-labelling"), {"bidirectional": True}, "reads in both directions; it needs one that reads"),
        (tokens("classification"), {}, "reads tokens and answers once; it needs one that reads tokens and answers at"),
        (
            Task(kind="sequence-labelling", input="sequence", shape=(9, 2), outputs=2),
            {},
            "reads numbers and answers at each step; it needs one that reads tokens",
        ),
    ],
)
def test_a_network_that_can_not_write_is_refused_in_a_sentence(task, settings, told):
    network = create("gru", task=task, seed=0, hidden=3, **settings)
    with pytest.raises(ValueError, match=told):
        write(network, np.array([0]), 1, np.random.default_rng(0))
