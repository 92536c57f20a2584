import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches

X, Y = np.arange(20).reshape(10, 2), np.arange(10)


def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
def test_an_epoch_has_every_example_once_and_rows_stay_together(size, shuffle):
    batches = ArrayBatches((X, Y), size, shuffle=shuffle)
    epoch = list(batches.epoch(rng()))
    assert len(epoch) == len(batches)
    assert [len(y) for _, y in epoch[:-1]] == [size] * (len(batches) - 1)
    assert sorted(np.concatenate([y for _, y in epoch])) == list(range(10))
    for x, y in epoch:
        np.testing.assert_array_equal(x, X[y])


def test_without_shuffling_the_order_is_that_of_the_data():
    assert np.concatenate([y for _, y in ArrayBatches((X, Y), 4).epoch(rng())]).tolist() == list(range(10))


def test_the_order_depends_on_the_generator_alone():
    batches = ArrayBatches((X, Y), 4, shuffle=True)
    first, again, other = (
        np.concatenate([y for _, y in batches.epoch(np.random.default_rng(seed))]).tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_an_epoch_resumed_at_a_batch_continues_as_the_uninterrupted_one(start, shuffle):
    batches = ArrayBatches((X, Y), 4, shuffle=shuffle)
    whole, rest = ([y.tolist() for _, y in batches.epoch(rng(), start=s)] for s in (0, start))
    assert rest == whole[start:]


@pytest.mark.parametrize("arrays", [(X, Y[:9]), (X[:0], Y[:0]), ()])
def test_arrays_that_have_no_common_length_are_refused(arrays):
    with pytest.raises(ValueError, match=r"ArrayBatches got arrays of lengths .*; it needs one length of at least 1"):
        ArrayBatches(arrays, 2)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_needs_an_example(size):
    with pytest.raises(ValueError, match=f"got batch size {size}; it needs at least 1"):
        ArrayBatches((X, Y), size)
