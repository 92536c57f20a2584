import numpy as np
import pytest

from neuralzoo.experiments.datasets import load
from neuralzoo.registry import SettingError


def looked_up(x, lengths, bits=24):
    """The digit beside the key that the last step asks for, and how many keys are like that one."""
    found = []
    for row, length in zip(x, lengths, strict=True):
        same = (row[: length - 1, :bits] == row[length - 1, :bits]).all(axis=1)
        assert same.sum() == 1
        found.append(row[:-1][: length - 1][same][0, bits:].argmax())
    return np.array(found)


def test_recall_is_solved_by_looking_the_key_up():
    data = load("recall-100", train=200, test=50)
    for x, lengths, digits in (data.train, data.test, data.tests["oldest"]):
        np.testing.assert_array_equal(looked_up(x, lengths), digits)
        assert x.dtype == np.float32
        assert all(
            not row[length:].any() and not row[length - 1, 24:].any() for row, length in zip(x, lengths, strict=True)
        )


def test_the_oldest_is_the_first_of_a_hundred_pairs():
    data = load("recall-100", train=1, test=20)
    x, lengths, digits = data.tests["oldest"]
    assert (lengths == 101).all()
    np.testing.assert_array_equal(x[:, -1, :24], x[:, 0, :24])
    np.testing.assert_array_equal(x[:, 0, 24:].argmax(axis=1), digits)


def test_training_has_sequences_of_all_lengths_and_digits():
    _, lengths, digits = load("recall-100", train=5000, test=1).train
    assert (lengths.min(), lengths.max()) == (2, 101)
    assert 0.28 < (lengths <= 11).mean() < 0.36  # the root of a tenth
    np.testing.assert_allclose(np.bincount(digits) / 5000, 0.1, atol=0.02)


def test_the_seed_decides_and_the_sizes_do_not_change_one_another():
    one, same, other = (load("recall-100", seed=seed, train=n, test=5) for seed, n in ((1, 3), (1, 9), (2, 3)))
    np.testing.assert_array_equal(one.test[0], same.test[0])
    assert (one.test[0] != other.test[0]).any()


@pytest.mark.parametrize("option", [{"pairs": 0}, {"bits": 13}, {"train": 0}, {"test": 0}])
def test_an_option_that_is_too_small_is_refused(option):
    with pytest.raises(SettingError, match=rf"option {next(iter(option))} is \d+; it needs to be at least"):
        load("recall-100", **option)
