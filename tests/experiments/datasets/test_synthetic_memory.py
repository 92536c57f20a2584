import numpy as np
import pytest

from neuralzoo.experiments.datasets import info, load
from neuralzoo.registry import SettingError


def test_the_constant_prediction_of_the_adding_problem_has_error_one_sixth():
    x, y = load("adding-100", steps=20, train=100_000).train
    assert np.mean((y - 1.0) ** 2) == pytest.approx(1 / 6, abs=0.002)
    assert np.array_equal(x[..., 1].sum(axis=1), np.full(100_000, 2))
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(axis=1), y[:, 0], rtol=1e-6)
    np.testing.assert_allclose(x[..., 1].mean(axis=0), 0.1, atol=0.005)  # every step is marked equally often
    assert x[..., 0].mean() == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize("lag", [0, 1, 16])
def test_delayed_xor_depends_on_both_first_bits_alone(lag):
    x, y = load("delayed-xor", lag=lag, train=4000).train
    assert x.shape == (4000, lag + 1, 2)
    assert np.array_equal(x[:, 0].sum(axis=1) == 1, y == 1)
    assert y.mean() == pytest.approx(0.5, abs=0.04)
    signs, others = 2 * y - 1, 2 * x.reshape(4000, -1) - 1
    assert np.abs(signs @ others / 4000).max() < 0.08  # no single bit is informative


def test_the_summary_of_delayed_xor_counts_its_steps():
    ends = [info(f"delayed-xor-{lag}").summary.rpartition("differed ")[2] for lag in (1, 2)]
    assert ends == ["1 step ago", "2 steps ago"]


def test_delayed_xor_can_show_the_last_steps_only():
    whole, last = load("delayed-xor", lag=6), load("delayed-xor", lag=6, shown=2)
    assert np.array_equal(last.train[0], whole.train[0][:, -2:])
    assert np.array_equal(last.train[1], whole.train[1])
    assert last.task.shape == (2, 2)


def test_copy_targets_are_the_symbols_after_the_signal():
    x, y = load("copy", delay=30, train=200).train
    assert x.shape == y.shape == (200, 50)
    assert np.array_equal(x[:, :10], y[:, -10:])
    assert set(x[:, :10].ravel()) == set(range(1, 9))
    assert not y[:, :-10].any()
    assert (x == 9).sum(axis=1).tolist() == [1] * 200
    assert (x[:, 39] == 9).all()  # the targets begin at the step after the signal
    assert not x[:, 40:].any()


def test_associative_recall_of_tokens_is_a_look_up_of_the_key():
    data = load("associative-recall-50", train=500)
    for x, y in (data.train, data.extra_test_sets["first_pair"]):
        keys, values = x[:, 0:100:2], x[:, 1:100:2]
        assert (np.sort(keys, axis=1)[:, 1:] != np.sort(keys, axis=1)[:, :-1]).all()
        assert keys.min() >= 10 > values.max()
        queried = keys == x[:, -1:]
        assert np.array_equal(values[queried], y)
        assert (x[:, 100:102] == 74).all()
    assert np.array_equal(data.extra_test_sets["first_pair"][0][:, 0], data.extra_test_sets["first_pair"][0][:, -1])
    assert np.bincount(np.nonzero(data.train[0][:, 0:100:2] == data.train[0][:, -1:])[1]).size == 50


def looked_up(x, lengths, bits=24):
    """Return the digit beside the key that the last step queries."""
    found = []
    for row, length in zip(x, lengths, strict=True):
        same = (row[: length - 1, :bits] == row[length - 1, :bits]).all(axis=1)
        assert same.sum() == 1
        found.append(row[:-1][: length - 1][same][0, bits:].argmax())
    return np.array(found)


def test_associative_recall_of_binary_keys_is_a_look_up_of_the_key():
    data = load("associative-recall-100", train=200, test=50)
    for x, lengths, digits in (data.train, data.test, data.extra_test_sets["first_pair"]):
        np.testing.assert_array_equal(looked_up(x, lengths), digits)
        assert x.dtype == np.float32
        assert all(
            not row[length:].any() and not row[length - 1, 24:].any() for row, length in zip(x, lengths, strict=True)
        )


def test_the_extra_test_set_queries_the_first_of_a_hundred_pairs():
    data = load("associative-recall-100", train=1, test=20)
    x, lengths, digits = data.extra_test_sets["first_pair"]
    assert (lengths == 101).all()
    np.testing.assert_array_equal(x[:, -1, :24], x[:, 0, :24])
    np.testing.assert_array_equal(x[:, 0, 24:].argmax(axis=1), digits)


def test_binary_recall_trains_on_all_lengths_and_digits():
    _, lengths, digits = load("associative-recall-100", train=5000, test=1).train
    assert (lengths.min(), lengths.max()) == (2, 101)
    assert 0.28 < (lengths <= 11).mean() < 0.36  # the root of a tenth
    np.testing.assert_allclose(np.bincount(digits) / 5000, 0.1, atol=0.02)


def test_binary_recall_depends_on_the_seed_and_not_on_the_other_split():
    choices = ((1, 3), (1, 9), (2, 3))
    one, same, other = (load("associative-recall-100", seed=seed, train=n, test=5) for seed, n in choices)
    np.testing.assert_array_equal(one.test[0], same.test[0])
    assert (one.test[0] != other.test[0]).any()


@pytest.mark.parametrize("option", [{"pairs": 0}, {"bits": 13}, {"train": 0}, {"test": 0}])
def test_an_option_of_binary_recall_that_is_too_small_is_refused(option):
    with pytest.raises(SettingError, match=rf"option {next(iter(option))} is \d+; it needs to be at least"):
        load("associative-recall-100", **option)
