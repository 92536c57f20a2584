import time
import tracemalloc

import numpy as np
import pytest

from neuralzoo.core.layer import Context
from neuralzoo.plugins.transformer.generation import Sampling, generate, keep_top_k, window_start
from neuralzoo.plugins.transformer.layers.attention import AttentionConfig, SelfAttention
from neuralzoo.registry import Task, create

PROMPT = np.array([1, 2, 3])


def language_model(context=16, **settings):
    task = Task(kind="language-modelling", input="tokens", shape=(context,), outputs=11, vocab_size=11)
    network = create("transformer", task=task, **({"init": 0.3} | settings))  # large enough for unequal probabilities
    return network


def tokens(network, count, sampling=Sampling(), *, cached=True, seed=0, prompt=PROMPT):  # noqa: B008 - frozen
    return generate(network, prompt, count, np.random.default_rng(seed), sampling, cached=cached)


@pytest.mark.parametrize("settings", [{}, {"norm": "after"}, {"positions": "sinusoidal"}, {"attention_block_size": 4}])
def test_generated_text_is_the_same_with_and_without_a_cache(settings):
    network = language_model(**settings)
    for prompt in (PROMPT, np.arange(40) % 11):
        with_cache = tokens(network, 60, prompt=prompt)  # through several windows
        np.testing.assert_array_equal(tokens(network, 60, cached=False, prompt=prompt), with_cache)
        assert len(set(with_cache.tolist())) > 3


def test_a_cache_makes_generation_faster():
    network = language_model(context=128, width=128, layers=4)
    seconds = {}
    for cached in (True, False):
        tokens(network, 10, cached=cached)
        since = time.process_time()
        tokens(network, 120, cached=cached)
        seconds[cached] = time.process_time() - since
    print(f"\n120 tokens: {seconds[True]:.3f} s with a cache, {seconds[False]:.3f} s without")
    assert seconds[True] < seconds[False] / 2


def test_at_temperature_zero_each_token_is_the_most_probable():
    network = language_model()
    text = tokens(network, 10, Sampling(temperature=0))
    whole = np.concatenate([PROMPT, text])
    np.testing.assert_array_equal(network.predict(whole[None])[0, 2:-1].argmax(axis=-1), text)
    np.testing.assert_array_equal(tokens(network, 10, Sampling(top_k=1)), text)
    np.testing.assert_array_equal(tokens(network, 10, Sampling(temperature=1e-9)), text)


def test_tokens_are_sampled_with_the_probabilities_of_the_network():
    network = language_model(context=4)
    logits = network.predict(PROMPT[None])[0, -1].astype(np.float64)
    rng = np.random.default_rng(0)
    for sampling in (Sampling(), Sampling(temperature=0.5), Sampling(top_k=3)):
        kept = np.where(logits >= np.sort(logits)[-(sampling.top_k or 11)], logits / sampling.temperature, -np.inf)
        needed = np.exp(kept - kept.max()) / np.exp(kept - kept.max()).sum()
        drawn = [generate(network, PROMPT, 1, rng, sampling)[0] for _ in range(700)]
        share = np.bincount(drawn, minlength=11) / len(drawn)
        np.testing.assert_allclose(share, needed, atol=4 * 0.5 / np.sqrt(len(drawn)))
        assert not share[needed == 0].any()


def test_top_k_keeps_exactly_k_tokens():
    logits = np.array([1.0, 5.0, 3.0, 5.0, -2.0])
    np.testing.assert_array_equal(keep_top_k(logits, 2), [-np.inf, 5, -np.inf, 5, -np.inf])
    np.testing.assert_array_equal(np.isfinite(keep_top_k(np.zeros(5), 2)).sum(), 2)
    assert keep_top_k(logits, None) is logits


def test_the_window_moves_by_half_of_the_context_when_it_is_full():
    assert [window_start(length, 8) for length in (1, 8, 9, 12, 13, 100)] == [0, 0, 4, 4, 8, 92]
    assert [window_start(length, 1) for length in (1, 2, 3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("network", "arguments", "words"),
    [
        (create("transformer"), {}, r"generate got a network that is no language model; it needs one that predicts"),
        (language_model(), {"prompt": np.zeros(0, int)}, r"generate got a prompt of shape \(0,\).*at least one token"),
        (language_model(), {"prompt": np.zeros(2)}, r"generate got a prompt of shape \(2,\) and dtype float64"),
        (language_model(), {"count": -1}, r"generate got count=-1; it needs a number of tokens, 0 or more"),
        (language_model(), {"sampling": Sampling(temperature=-1)}, r"temperature=-1; it needs a number from 0 up"),
        (language_model(), {"sampling": Sampling(top_k=0)}, r"top_k=0; it needs at least 1 token to choose from"),
        (language_model(), {"prompt": np.array([11])}, r"Embedding got token 11; it needs tokens from 0 to 10"),
    ],
)
def test_misfits_raise_an_error_of_one_sentence(network, arguments, words):
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
def test_memory_of_tiled_attention_is_linear_in_the_length(training):
    """A matrix of all pairs would be four times as large for twice the length."""
    layer = SelfAttention(AttentionConfig(16, 4, True, block_size=32), np.random.default_rng(0))
    whole = SelfAttention(AttentionConfig(16, 4, True, block_size=10_000), np.random.default_rng(0))

    def use(layer, steps):
        x = np.ones((1, steps, 16), np.float32)
        y, pull = layer(x, Context(training=training))
        if training:
            pull(y)

    short, long, at_once = (peak(lambda a=a: use(*a)) for a in ((layer, 512), (layer, 1024), (whole, 1024)))
    print(f"\n512 positions {short / 1e6:.2f} MB, 1024 {long / 1e6:.2f} MB, 1024 at once {at_once / 1e6:.2f} MB")
    assert long < 2.2 * short
    assert long < at_once / 8
