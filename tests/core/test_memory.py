"""Memory that is handed out again: never while anybody holds it."""

import threading

import numpy as np
import pytest

from neuralzoo.core import buffers as memory
from neuralzoo.core.buffers import MANY, Kept


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", Kept())


def test_what_nobody_holds_is_handed_out_again():
    array = memory.empty((4, MANY), np.float32)
    before = address(array)
    del array
    assert address(memory.empty((MANY, 2), np.float64)) == before


@pytest.mark.parametrize("hold", [lambda a: a, lambda a: a[1:, ::3].T, lambda a: a.reshape(-1)[5:].view(np.uint8)])
def test_what_is_held_stays_as_it_is_also_through_a_view(hold):
    array = memory.empty((2, MANY), np.float32)
    array.fill(7)
    held = hold(array)
    needed = held.copy()
    del array
    for _ in range(3):
        memory.empty((2, MANY), np.float32).fill(0)
    np.testing.assert_array_equal(held, needed)


def test_two_that_are_held_are_two():
    one, two = (memory.empty((2, MANY), np.float32) for _ in range(2))
    assert not np.shares_memory(one, two)


def test_another_thread_has_memory_of_its_own():
    before = address(memory.empty((2, MANY), np.float32))
    found: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: found.append(memory.empty((2, MANY), np.float32)))
    thread.start()
    thread.join()
    assert address(found[0]) != before


def test_no_more_is_kept_than_allowed(monkeypatch):
    monkeypatch.setattr(memory, "MOST", 16 * MANY)
    held = [memory.empty((n, MANY), np.uint8) for n in range(1, 20)]
    assert memory.KEPT.total <= 16 * MANY
    assert [len(array) for array in held] == list(range(1, 20))
    assert memory.empty((17, MANY), np.uint8).base is None


@pytest.mark.parametrize("shape", [(), (0, 5), (3,), (2, MANY)])
def test_arrays_have_the_shape_and_the_dtype_that_are_asked_for(shape):
    for dtype in (np.float32, np.int64, np.dtype(bool), object):
        array = memory.empty(shape, dtype)
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_a_prediction_is_not_overwritten_by_the_next():
    from neuralzoo.core.blocks.dense import Dense

    layer = Dense(4, 300, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 200, 4)).astype(np.float32)
    first = layer.predict(x[0])
    needed = first.copy()
    layer.predict(x[1])
    np.testing.assert_array_equal(first, needed)
