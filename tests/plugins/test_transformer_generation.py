import time
import tracemalloc

import numpy as np
import pytest

from neuralzoo.core.layer import Context
from neuralzoo.plugins.transformer.generation import Drawing, among, window_start, write
from neuralzoo.plugins.transformer.layers.attention import Heads, SelfAttention
from neuralzoo.plugins.transformer.tokenizers import Bytes, Characters
from neuralzoo.registry import Task, create

PROMPT = np.array([1, 2, 3])


def language_model(context=16, **settings):
    task = Task(kind="language-modelling", input="tokens", shape=(context,), outputs=11, vocabulary=11)
    network = create("transformer", task=task, **({"init": 0.3} | settings))  # so that it is sure of something
    return network


def tokens(network, count, drawing=Drawing(), *, cached=True, seed=0, prompt=PROMPT):  # noqa: B008 - frozen
    return write(network, prompt, count, np.random.default_rng(seed), drawing, cached=cached)


@pytest.mark.parametrize("settings", [{}, {"norm": "after"}, {"positions": "sinusoidal"}, {"block": 4}])
def test_text_is_the_same_with_and_without_a_cache(settings):
    network = language_model(**settings)
    for prompt in (PROMPT, np.arange(40) % 11):
        with_cache = tokens(network, 60, prompt=prompt)  # through several windows
        np.testing.assert_array_equal(tokens(network, 60, cached=False, prompt=prompt), with_cache)
        assert len(set(with_cache.tolist())) > 3


def test_a_cache_makes_long_texts_faster():
    network = language_model(context=128, width=128, layers=4)
    seconds = {}
    for cached in (True, False):
        tokens(network, 10, cached=cached)
        since = time.process_time()
        tokens(network, 120, cached=cached)
        seconds[cached] = time.process_time() - since
    print(f"\n120 tokens: {seconds[True]:.3f} s with a cache, {seconds[False]:.3f} s without")
    assert seconds[True] < seconds[False] / 2


def test_at_temperature_zero_each_token_is_the_likeliest():
    network = language_model()
    text = tokens(network, 10, Drawing(temperature=0))
    whole = np.concatenate([PROMPT, text])
    np.testing.assert_array_equal(network.predict(whole[None])[0, 2:-1].argmax(axis=-1), text)
    np.testing.assert_array_equal(tokens(network, 10, Drawing(top=1)), text)
    np.testing.assert_array_equal(tokens(network, 10, Drawing(temperature=1e-9)), text)


def test_tokens_are_drawn_as_often_as_the_network_expects_them():
    network = language_model(context=4)
    logits = network.predict(PROMPT[None])[0, -1].astype(np.float64)
    rng = np.random.default_rng(0)
    for drawing in (Drawing(), Drawing(temperature=0.5), Drawing(top=3)):
        kept = np.where(logits >= np.sort(logits)[-(drawing.top or 11)], logits / drawing.temperature, -np.inf)
        needed = np.exp(kept - kept.max()) / np.exp(kept - kept.max()).sum()
        drawn = [write(network, PROMPT, 1, rng, drawing)[0] for _ in range(700)]
        share = np.bincount(drawn, minlength=11) / len(drawn)
        np.testing.assert_allclose(share, needed, atol=4 * 0.5 / np.sqrt(len(drawn)))
        assert not share[needed == 0].any()


def test_of_the_top_tokens_exactly_that_many_are_left():
    logits = np.array([1.0, 5.0, 3.0, 5.0, -2.0])
    np.testing.assert_array_equal(among(logits, 2), [-np.inf, 5, -np.inf, 5, -np.inf])
    np.testing.assert_array_equal(np.isfinite(among(np.zeros(5), 2)).sum(), 2)
    assert among(logits, None) is logits


def test_the_window_moves_on_by_half_of_the_context_when_it_is_full():
    assert [window_start(length, 8) for length in (1, 8, 9, 12, 13, 100)] == [0, 0, 4, 4, 8, 92]
    assert [window_start(length, 1) for length in (1, 2, 3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("network", "arguments", "words"),
    [
        (create("transformer"), {}, r"write got a network that is no language model; it needs one that foretells"),
        (language_model(), {"prompt": np.zeros(0, int)}, r"write got a prompt of shape \(0,\).*at least one token"),
        (language_model(), {"prompt": np.zeros(2)}, r"write got a prompt of shape \(2,\) and dtype float64"),
        (language_model(), {"count": -1}, r"write got count=-1; it needs a number of tokens, 0 or more"),
        (language_model(), {"drawing": Drawing(temperature=-1)}, r"temperature=-1; it needs a number from 0 up"),
        (language_model(), {"drawing": Drawing(top=0)}, r"top=0; it needs at least 1 token to choose from"),
        (language_model(), {"prompt": np.array([11])}, r"Embedding got token 11; it needs tokens from 0 to 10"),
    ],
)
def test_what_can_not_be_written_is_refused_in_one_sentence(network, arguments, words):
    with pytest.raises(ValueError, match=words) as caught:
        tokens(network, **{"count": 3} | arguments)
    assert "\n" not in str(caught.value)


def peak(function):
    tracemalloc.start()
    function()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("training", [True, False])
def test_in_blocks_long_sequences_take_memory_in_proportion_to_their_length(training):
    """A matrix of all pairs would be four times as large for twice the length."""
    layer = SelfAttention(Heads(16, 4, True, block=32), np.random.default_rng(0))
    whole = SelfAttention(Heads(16, 4, True, block=10_000), np.random.default_rng(0))

    def use(layer, steps):
        x = np.ones((1, steps, 16), np.float32)
        y, pull = layer(x, Context(training=training))
        if training:
            pull(y)

    short, long, at_once = (peak(lambda a=a: use(*a)) for a in ((layer, 512), (layer, 1024), (whole, 1024)))
    print(f"\n512 positions {short / 1e6:.2f} MB, 1024 {long / 1e6:.2f} MB, 1024 at once {at_once / 1e6:.2f} MB")
    assert long < 2.2 * short
    assert long < at_once / 8


@pytest.mark.parametrize("text", ["To be, or not to be", "naïve 日本 🙂\n", ""])
def test_tokens_stand_for_the_text_they_came_from(text):
    for tokeniser in (Characters.of(text + "x"), Bytes()):
        encoded = tokeniser.encode(text)
        assert encoded.dtype == np.int64
        assert tokeniser.decode(encoded) == text
        assert encoded.size == 0 or encoded.max() < tokeniser.vocabulary


def test_characters_are_numbered_in_their_order():
    tokeniser = Characters.of("banana")
    np.testing.assert_array_equal(tokeniser.encode("nab"), [2, 0, 1])
    assert tokeniser.vocabulary == 3


def test_bytes_that_are_no_text_are_replaced():
    assert Bytes().decode(np.array([255, 65])) == "�A"


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: Characters("aa"), r"Characters got an alphabet of \('a', 'a'\); it needs each single character once"),
        (lambda: Characters(["ab"]), r"it needs each single character once"),
        (lambda: Characters("ab").encode("abc"), r"Characters got 'c'; it needs characters of 'ab'"),
        (lambda: Characters("ab").decode(np.array([2])), r"Characters got token 2; it needs tokens from 0 to 1"),
        (lambda: Bytes().decode(np.array([256])), r"Bytes got token 256; it needs tokens from 0 to 255"),
    ],
)
def test_unknown_characters_and_tokens_are_named(use, words):
    with pytest.raises(ValueError, match=words):
        use()
