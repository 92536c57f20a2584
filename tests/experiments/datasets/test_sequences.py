import itertools
import re

import numpy as np
import pytest

from neuralzoo.experiments.datasets import load, music, reber
from neuralzoo.experiments.datasets import time_series as series
from neuralzoo.experiments.datasets.mnist1d import SHUFFLE


def frames(part):
    """All frames of all pieces: the first of the inputs, and the targets."""
    x, lengths, y = part
    there = np.arange(y.shape[1]) < lengths[:, None]
    return np.concatenate([x[:, 0], y[there]])


def test_logistic_regression_on_mnist1d_is_as_weak_as_known():
    linear = pytest.importorskip("sklearn.linear_model", reason="the baseline needs scikit-learn")
    (x, y), (x_test, y_test) = (data := load("mnist1d")).train, data.test
    model = linear.LogisticRegression(max_iter=1000).fit(x[..., 0], y)
    assert model.score(x_test[..., 0], y_test) == pytest.approx(0.328, abs=0.01)


def test_shuffling_moves_positions_alike_in_all_examples_and_loses_none():
    plain, shuffled = load("mnist1d"), load("mnist1d-shuffled", seed=5)
    back = np.argsort(SHUFFLE)
    assert sorted(SHUFFLE) == list(range(40))
    for part, other in ((plain.train, shuffled.train), (plain.test, shuffled.test)):
        assert np.array_equal(part[0], other[0][:, back])
        assert np.array_equal(part[1], other[1])
    assert sum(abs(a - b) == 1 for a, b in itertools.pairwise(SHUFFLE)) < 5


def test_japanese_vowels_are_the_known_utterances():
    data = load("japanese-vowels")
    x, lengths, y = data.train
    assert np.bincount(y).tolist() == [30] * 9
    assert np.bincount(data.test[2]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert (min(data.test[1].min(), lengths.min()), max(data.test[1].max(), lengths.max())) == (7, 29)
    assert lengths.sum() == 4274
    np.testing.assert_allclose(x[0, 0, :3], [1.860936, -0.207383, 0.261557])
    beyond = np.arange(29) >= lengths[:, None]
    assert (x[beyond] == 0).all()
    assert (x[~beyond] != 0).any(axis=1).all()


def test_sunspot_windows_are_the_years_before_their_target():
    data, (years, numbers) = load("sunspots"), series.sunspots()
    assert (years[0], years[-1]) == (1700, 2008)
    assert numbers[years == 1957] == numbers[years < 1980].max() == 190.2
    for part, first, last in (
        (data.train, 1712, 1920),
        (data.test, 1921, 1979),
        (data.tests["1921-1955"], 1921, 1955),
        (data.tests["1956-1979"], 1956, 1979),
    ):
        x, y = part
        assert len(x) == last - first + 1
        np.testing.assert_allclose(y[:, 0] * 200, numbers[(years >= first) & (years <= last)], atol=1e-4)
        np.testing.assert_allclose(x[0, :, 0] * 200, numbers[(years >= first - 12) & (years < first)], atol=1e-4)
        np.testing.assert_array_equal(x[1:, -1], y[:-1])


def test_a_linear_forecast_of_sunspots_gets_worse_in_the_later_stretch():
    data = load("sunspots")
    x, y = data.train
    weights = np.linalg.lstsq(np.column_stack([x[..., 0], np.ones(len(x))]), y, rcond=None)[0]
    whole = np.concatenate([x[0, :, 0], y[:, 0], data.test[1][:, 0]]).var()
    error = {
        name: float(np.mean((np.column_stack([a[..., 0], np.ones(len(a))]) @ weights - b) ** 2) / whole)
        for name, (a, b) in data.tests.items()
    }
    assert error["1921-1955"] < 0.2 < error["1956-1979"] < 0.6


def test_mackey_glass_starts_on_its_closed_form():
    # While the delayed term is the constant past, dx/dt = c - 0.1 x.
    x, t = series.mackey_glass(17), np.arange(18)
    level = 0.2 * 1.2 / (1 + 1.2**10) / 0.1
    np.testing.assert_allclose(x, level + (1.2 - level) * np.exp(-0.1 * t), rtol=1e-9)


def test_mackey_glass_rests_where_growth_and_decay_balance():
    np.testing.assert_allclose(series.mackey_glass(50, start=1.0), 1.0, rtol=1e-12)


def test_mackey_glass_converges_with_smaller_steps():
    coarse, fine, finest = (series.mackey_glass(60, substeps=n) for n in (10, 20, 80))
    errors = np.abs(coarse - finest).max(), np.abs(fine - finest).max()
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize(("name", "ahead"), [("mackey-glass", 6), ("mackey-glass-84", 84)])
def test_mackey_glass_windows_are_those_of_the_literature(name, ahead):
    data, x = load(name), series.mackey_glass(1300)
    for part, first in ((data.train, 118), (data.test, 618)):
        t = first + np.arange(500)
        np.testing.assert_allclose(part[0], np.stack([x[t - 18], x[t - 12], x[t - 6], x[t]], axis=1), rtol=1e-6)
        np.testing.assert_allclose(part[1][:, 0], x[t + ahead], rtol=1e-6)


def test_independent_notes_give_the_known_likelihood_of_the_chorales(public_data):
    pytest.importorskip("scipy", reason="reading the chorales needs scipy")
    data = load("jsb-chorales")
    played = frames(data.train).astype(np.float64).mean(axis=0).clip(1e-7, 1 - 1e-7)
    test = frames(data.test)
    nll = -(test * np.log(played) + (1 - test) * np.log1p(-played)).sum(axis=1).mean()
    assert nll == pytest.approx(11.06, abs=0.005)


def test_chorales_ask_for_the_next_frame_and_are_silent_beyond_their_end(public_data):
    pytest.importorskip("scipy", reason="reading the chorales needs scipy")
    data = load("jsb-chorales")
    for x, lengths, y in (data.train, data.validation, data.test):
        beyond = np.arange(music.FRAMES) >= lengths[:, None]
        assert np.array_equal(x[:, 1:][~beyond[:, 1:]], y[:, :-1][~beyond[:, 1:]])
        assert not x[beyond].any()
        assert not y[beyond].any()
    assert max(part[1].max() for part in (data.train, data.validation, data.test)) == music.FRAMES


def test_always_answering_one_to_the_adding_problem_costs_a_sixth():
    x, y = load("adding", steps=20, train=100_000).train
    assert np.mean((y - 1.0) ** 2) == pytest.approx(1 / 6, abs=0.002)
    assert np.array_equal(x[..., 1].sum(axis=1), np.full(100_000, 2))
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(axis=1), y[:, 0], rtol=1e-6)
    np.testing.assert_allclose(x[..., 1].mean(axis=0), 0.1, atol=0.005)  # every step is marked as often
    assert x[..., 0].mean() == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize("lag", [0, 1, 16])
def test_delayed_xor_is_decided_by_both_first_bits_and_by_nothing_else(lag):
    x, y = load("delayed-xor", lag=lag, train=4000).train
    assert x.shape == (4000, lag + 1, 2)
    assert np.array_equal(x[:, 0].sum(axis=1) == 1, y == 1)
    assert y.mean() == pytest.approx(0.5, abs=0.04)
    signs, others = 2 * y - 1, 2 * x.reshape(4000, -1) - 1
    assert np.abs(signs @ others / 4000).max() < 0.08  # no single bit says anything


def test_delayed_xor_can_show_the_last_steps_only():
    whole, last = load("delayed-xor", lag=6), load("delayed-xor", lag=6, shown=2)
    assert np.array_equal(last.train[0], whole.train[0][:, -2:])
    assert np.array_equal(last.train[1], whole.train[1])
    assert last.task.shape == (2, 2)


def test_copy_returns_the_symbols_after_the_signal():
    x, y = load("copy", delay=30, train=200).train
    assert x.shape == y.shape == (200, 50)
    assert np.array_equal(x[:, :10], y[:, -10:])
    assert set(x[:, :10].ravel()) == set(range(1, 9))
    assert not y[:, :-10].any()
    assert (x == 9).sum(axis=1).tolist() == [1] * 200
    assert (x[:, 39] == 9).all()  # the answer is due from the step after the signal on
    assert not x[:, 40:].any()


def test_associative_recall_is_solved_by_looking_the_key_up():
    data = load("associative-recall-50", train=500)
    for x, y in (data.train, data.tests["oldest"]):
        keys, values = x[:, 0:100:2], x[:, 1:100:2]
        assert (np.sort(keys, axis=1)[:, 1:] != np.sort(keys, axis=1)[:, :-1]).all()
        assert keys.min() >= 10 > values.max()
        asked = keys == x[:, -1:]
        assert np.array_equal(values[asked], y)
        assert (x[:, 100:102] == 74).all()
    assert np.array_equal(data.tests["oldest"][0][:, 0], data.tests["oldest"][0][:, -1])
    assert np.bincount(np.nonzero(data.train[0][:, 0:100:2] == data.train[0][:, -1:])[1]).size == 50


REBER = r"(?:(?:TS*X|PT*VP)(?:XT*VP)*(?:S|XT*VV)|PT*VV)"
EMBEDDED_REBER = re.compile(rf"B([TP])B{REBER}E\1E")


def test_reber_strings_are_made_by_the_grammar_and_return_their_second_symbol():
    data = load("embedded-reber")
    x, lengths, y = data.train
    words = set()
    for one_hot, length, following in zip(x, lengths, y, strict=True):
        word = "".join(reber.SYMBOLS[i] for i in one_hot[:length].argmax(axis=1)) + "E"
        assert EMBEDDED_REBER.fullmatch(word)
        words.add(word[2:-2])
        assert word[-2] == word[1]
        assert np.array_equal(one_hot[1:length], following[: length - 1])
        assert following[length - 1, reber.SYMBOLS.index("E")] == 1
    assert {"BPVVE", "BTXSE", "BTSXSE", "BPTVVE", "BPVPSE", "BTXXVVE"} < words
    assert x[:, 1, 1].mean() == pytest.approx(0.5, abs=0.1)


def test_legal_reber_symbols_include_the_next_one_and_are_one_or_two():
    data = load("embedded-reber")
    (_, lengths, y), (_, _, legal) = data.test, data.tests["legal"]
    there = np.arange(reber.STEPS) < lengths[:, None]
    assert (legal[there] >= y[there]).all()
    assert set(legal[there].sum(axis=1)) == {1, 2}
    assert not legal[~there].any()
    rows = np.arange(len(y))
    assert np.array_equal(legal[rows, lengths - 2], y[rows, lengths - 2])  # the last but one symbol is certain
