import numpy as np
import pytest

from neuralzoo.core.blocks.reductions import row_max, row_sum
from neuralzoo.core.kernels.numpy_backend.pooling import SHORT


@pytest.mark.parametrize("shape", [(5,), (1, 1), (6, SHORT - 1), (6, SHORT), (2, 3, 100), (4, 3, 2, 7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_and_maxima_of_rows_are_those_of_numpy(shape, dtype):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    for array in (x, x[::-1], np.moveaxis(x, 0, -1)):
        np.testing.assert_array_equal(row_max(array), array.max(axis=-1, keepdims=True))
        np.testing.assert_allclose(row_sum(array), array.sum(axis=-1, keepdims=True), rtol=1e-5, atol=1e-5)
        assert row_sum(array).dtype == row_max(array).dtype == dtype


@pytest.mark.parametrize("columns", [3, SHORT + 1])
def test_a_row_with_a_nan_has_a_nan_as_its_maximum(columns):
    x = np.zeros((2, columns))
    x[1, 2] = np.nan
    assert np.isnan(row_max(x)).ravel().tolist() == [False, True]


def test_rows_of_nothing_have_no_maximum():
    with pytest.raises(ValueError, match=r"row_max got x of shape \(2, 0\); it needs a last axis of at least 1"):
        row_max(np.empty((2, 0)))
