import numpy as np
import pytest

from neuralzoo.core.blocks.reductions import max_last_axis, sum_last_axis
from neuralzoo.core.kernels.numpy_backend.reductions import SHORT_ROW


@pytest.mark.parametrize("shape", [(5,), (1, 1), (6, SHORT_ROW - 1), (6, SHORT_ROW), (2, 3, 100), (4, 3, 2, 7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_and_maxima_agree_with_numpy(shape, dtype):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    for array in (x, x[::-1], np.moveaxis(x, 0, -1)):
        np.testing.assert_array_equal(max_last_axis(array), array.max(axis=-1, keepdims=True))
        np.testing.assert_allclose(sum_last_axis(array), array.sum(axis=-1, keepdims=True), rtol=1e-5, atol=1e-5)
        assert sum_last_axis(array).dtype == max_last_axis(array).dtype == dtype


@pytest.mark.parametrize("columns", [3, SHORT_ROW + 1])
def test_max_last_axis_propagates_nan(columns):
    x = np.zeros((2, columns))
    x[1, 2] = np.nan
    assert np.isnan(max_last_axis(x)).ravel().tolist() == [False, True]


def test_max_last_axis_of_an_empty_axis_raises():
    with pytest.raises(ValueError, match=r"max_last_axis got x of shape \(2, 0\); it needs a last axis of at least 1"):
        max_last_axis(np.empty((2, 0)))
