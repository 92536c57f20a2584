import numpy as np
import pytest

from neuralzoo.core.blocks.shape import Flatten, Reshape
from neuralzoo.core.layer import Context

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_flatten_returns_a_view():
    y, pull = Flatten()(X, Context())
    np.testing.assert_array_equal(y, [range(12), range(12, 24)])
    assert np.shares_memory(y, X)
    np.testing.assert_array_equal(pull(y), X)


def test_flattened_data_needs_no_gradient_either():
    data = np.ones((2, 3, 4))
    ctx = Context(training=True, inputs_without_grad=data)
    assert not ctx.needs_grad(Flatten()(data, ctx)[0])


def test_reshape_applies_to_every_example():
    y, pull = Reshape(2, -1)(X, Context())
    np.testing.assert_array_equal(y[1], np.arange(12, 24).reshape(2, 6))
    np.testing.assert_array_equal(pull(y), X)


def test_a_shape_of_another_size_raises_one_sentence():
    with pytest.raises(ValueError, match=r"^Reshape got x of shape \(2, 3, 4\); it needs one that fits \('N', 5\)$"):
        Reshape(5).predict(X)
