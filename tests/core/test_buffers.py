"""The buffer pool: a buffer is reused, never while an array refers to it."""

import threading

import numpy as np
import pytest

from neuralzoo.core import buffers
from neuralzoo.core.buffers import MIN_POOLED, _BufferPool


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.fixture(autouse=True)
def _empty_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "POOL", _BufferPool())


def test_a_buffer_without_references_is_reused():
    array = buffers.empty((4, MIN_POOLED), np.float32)
    before = address(array)
    del array
    assert address(buffers.empty((MIN_POOLED, 2), np.float64)) == before


@pytest.mark.parametrize("refer", [lambda a: a, lambda a: a[1:, ::3].T, lambda a: a.reshape(-1)[5:].view(np.uint8)])
def test_a_referenced_buffer_is_not_overwritten_also_through_a_view(refer):
    array = buffers.empty((2, MIN_POOLED), np.float32)
    array.fill(7)
    referenced = refer(array)
    needed = referenced.copy()
    del array
    for _ in range(3):
        buffers.empty((2, MIN_POOLED), np.float32).fill(0)
    np.testing.assert_array_equal(referenced, needed)


def test_two_referenced_arrays_share_no_memory():
    one, two = (buffers.empty((2, MIN_POOLED), np.float32) for _ in range(2))
    assert not np.shares_memory(one, two)


def test_each_thread_has_a_pool():
    before = address(buffers.empty((2, MIN_POOLED), np.float32))
    found: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: found.append(buffers.empty((2, MIN_POOLED), np.float32)))
    thread.start()
    thread.join()
    assert address(found[0]) != before


def test_the_pool_is_not_larger_than_its_maximum(monkeypatch):
    monkeypatch.setattr(buffers, "MAX_POOLED_BYTES", 16 * MIN_POOLED)
    referenced = [buffers.empty((n, MIN_POOLED), np.uint8) for n in range(1, 20)]
    assert buffers.POOL.total <= 16 * MIN_POOLED
    assert [len(array) for array in referenced] == list(range(1, 20))
    assert buffers.empty((17, MIN_POOLED), np.uint8).base is None


@pytest.mark.parametrize("shape", [(), (0, 5), (3,), (2, MIN_POOLED)])
def test_arrays_have_the_requested_shape_and_dtype(shape):
    for dtype in (np.float32, np.int64, np.dtype(bool), object):
        array = buffers.empty(shape, dtype)
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
