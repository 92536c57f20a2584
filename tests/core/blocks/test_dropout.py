import numpy as np
import pytest

from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.layer import Context

ONES = np.ones((200, 500), np.float32)


def training(seed=0):
    return Context(training=True, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_the_fraction_of_zeros_is_the_rate_and_the_mean_is_kept(rate):
    y, _ = Dropout(rate)(ONES, training())
    error = 5 * np.sqrt(rate * (1 - rate) / ONES.size)
    assert np.mean(y == 0) == pytest.approx(rate, abs=error)
    assert y.mean() == pytest.approx(1, abs=error / (1 - rate))
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=2e-4)


def test_units_are_dropped_independently():
    dropped = Dropout(0.3)(ONES, training())[0] == 0
    assert np.mean(dropped[:, 1:] & dropped[:, :-1]) == pytest.approx(0.09, abs=0.005)
    assert np.mean(dropped[1:] & dropped[:-1]) == pytest.approx(0.09, abs=0.005)


def test_the_pullback_uses_the_mask_of_its_own_pass():
    layer, ctx = Dropout(0.5), training()
    (first, pull_first), (second, pull_second) = layer(ONES, ctx), layer(ONES, ctx)
    assert (first != second).any()
    np.testing.assert_array_equal(pull_second(ONES), second)
    np.testing.assert_array_equal(pull_first(ONES), first)


def test_equal_generators_drop_the_same_units():
    assert (Dropout(0.5)(ONES, training(1))[0] == Dropout(0.5)(ONES, training(1))[0]).all()
    assert (Dropout(0.5)(ONES, training(1))[0] != Dropout(0.5)(ONES, training(2))[0]).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 5)])
def test_sizes_need_not_be_multiples_of_four(shape):
    assert Dropout(0.5)(np.ones(shape, np.float32), training())[0].shape == shape


def test_dropout_is_the_identity_in_evaluation_and_at_rate_zero():
    assert Dropout(0.5).predict(ONES) is ONES
    y, pull = Dropout(0.0)(ONES, Context(training=True))
    assert y is ONES
    assert pull(ONES) is ONES


def test_training_without_a_generator_raises():
    with pytest.raises(ValueError, match="no random generator"):
        Dropout(0.5)(ONES, Context(training=True))


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_out_of_range_raises(rate):
    with pytest.raises(ValueError, match=rf"Dropout got rate={rate}; it needs a number in \[0, 1\)"):
        Dropout(rate)


def test_a_rate_just_below_one_keeps_some_units():
    y, _ = Dropout(0.999999)(np.ones((1000, 1000), np.float32), training())
    assert set(np.unique(y)) == {0, 2**16}
