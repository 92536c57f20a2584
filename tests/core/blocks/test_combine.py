import gc
import tracemalloc
import weakref

import numpy as np
import pytest

from neuralzoo.core.blocks.activation import Identity, ReLU, Tanh
from neuralzoo.core.blocks.combine import Parallel, Residual, Sequential, pool_before_relu
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.pooling import MaxPool2D
from neuralzoo.core.blocks.shape import Flatten
from neuralzoo.core.layer import Context, Gradients, Layer, unrecorded_pullback


class Scale(Layer):
    """y = factor x; notes what it was called with."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x, ctx):
        return self.factor * x, lambda dy: self.factor * dy


class Witness(Layer):
    """Passes a copy on and puts a weak reference to it into a list."""

    def __init__(self, seen):
        self.seen = lambda array: seen.append(weakref.ref(array))

    def __call__(self, x, ctx):
        y = x.copy()
        self.seen(y)
        return y, lambda dy: dy + y


X = np.float32([[1, -2], [3, 4]])


def test_sequential_applies_layers_in_order_and_pulls_back_in_reverse():
    y, pull = Sequential(Scale(2), ReLU(), Scale(-3))(X, Context(training=True))
    np.testing.assert_array_equal(y, [[-6, 0], [-18, -24]])
    np.testing.assert_array_equal(pull(np.ones_like(X)), [[-6, 0], [-6, -6]])


@pytest.mark.parametrize("wrap", [Sequential, Residual, Parallel], ids=lambda kind: kind.__name__)
def test_evaluation_keeps_no_intermediate_arrays(wrap):
    seen = []
    y, pull = wrap(Sequential(Witness(seen), Scale(2)))(X, Context())
    gc.collect()
    assert [reference() for reference in seen] == [None]
    assert pull is unrecorded_pullback
    assert np.isfinite(y).all()


def test_training_keeps_the_arrays_that_the_pullback_needs():
    seen = []
    _, pull = Sequential(Witness(seen), Scale(2))(X, Context(training=True))
    assert seen[0]() is not None
    np.testing.assert_array_equal(pull(np.zeros_like(X)), X)


def test_evaluation_of_a_deep_stack_needs_no_more_memory_than_a_shallow_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 50)).astype(np.float32)

    def peak(depth):
        stack = Sequential(*[layer for _ in range(depth) for layer in (Dense(50, 50, rng), Tanh())])
        stack.predict(x)
        tracemalloc.start()
        try:
            stack.predict(x)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20) < 1.1 * peak(2)


def test_the_pullback_of_an_evaluation_raises():
    _, pull = Sequential(Scale(2))(X, Context())
    with pytest.raises(RuntimeError, match="pullback of an evaluation pass"):
        pull(X)


def test_max_pooling_before_relu_has_the_same_outputs_and_gradients():
    x = np.random.default_rng(0).integers(-2, 3, (3, 6, 6, 2)).astype(np.float32)  # many are equal
    stack = Sequential(ReLU(), MaxPool2D(2))
    assert [type(layer) for layer in pool_before_relu(stack.layers)] == [MaxPool2D, ReLU]
    assert [type(layer) for layer in stack.layers] == [ReLU, MaxPool2D]
    rectified, pull_rectified = ReLU()(x, Context(training=True))
    needed, pull_maxima = MaxPool2D(2)(rectified, Context(training=True))
    y, pull = stack(x, Context(training=True))
    np.testing.assert_array_equal(y, needed)
    np.testing.assert_array_equal(stack.predict(x), needed)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    np.testing.assert_array_equal(pull(dy), pull_rectified(pull_maxima(dy)))


def test_evaluation_that_collects_gradients_is_recorded():
    dense = Dense(2, 2, np.random.default_rng(0))
    stack = Sequential(dense)
    grads = Gradients(stack)
    _, pull = stack(X, Context(grads=grads))
    pull(np.ones_like(X))
    np.testing.assert_array_equal(grads[dense.bias], [2, 2])


def test_residual_adds_input_and_output_and_both_gradients():
    y, pull = Residual(Scale(2))(X, Context(training=True))
    np.testing.assert_array_equal(y, 3 * X)
    np.testing.assert_array_equal(pull(X), 3 * X)


def test_residual_around_a_layer_that_changes_the_shape_raises():
    with pytest.raises(ValueError, match=r"Residual got an output of shape \(2, 1\); it needs the input's shape"):
        Residual(Dense(2, 1, np.random.default_rng(0))).predict(X)


def test_parallel_concatenates_outputs_and_sums_gradients():
    y, pull = Parallel(Scale(2), Identity(), Scale(-1))(X, Context(training=True))
    np.testing.assert_array_equal(y, np.concatenate([2 * X, X, -X], axis=1))
    np.testing.assert_array_equal(pull(np.float32([[1, 0, 0, 1, 1, 1]] * 2)), [[1, 0], [1, 0]])


def test_parallel_does_not_modify_dy():
    _, pull = Parallel(Identity(), Identity())(X, Context(training=True))
    dy = np.ones((2, 4), np.float32)
    dy.flags.writeable = False
    np.testing.assert_array_equal(pull(dy), np.full((2, 2), 2))


def test_parallel_without_layers_raises():
    with pytest.raises(ValueError, match="needs at least one"):
        Parallel()


@pytest.mark.parametrize("wrap", [Residual, Parallel])
def test_gradients_of_the_data_are_skipped_and_those_of_the_weights_are_not(wrap):
    dense = Dense(2, 2, np.random.default_rng(0))
    layer = wrap(dense)
    grads = Gradients(layer)
    _, pull = layer(X, Context(training=True, grads=grads, inputs_without_grad=X))
    assert not pull(np.ones_like(X)).any()
    np.testing.assert_array_equal(grads[dense.bias], [2, 2])


@pytest.mark.parametrize("before", [(Scale(2.0),), (Flatten(), Dropout(0.5)), (Dropout(0.5), Flatten(), Scale(3.0))])
def test_outputs_of_layers_without_parameters_at_the_input_get_no_gradient(before):
    rng = np.random.default_rng(0)
    first, second = Dense(2, 3, rng), Dense(3, 1, rng)
    layer = Sequential(*before, first, second)
    found = []
    for data in (X, None):
        grads = Gradients(layer)
        y, pull = layer(X, Context(training=True, rng=np.random.default_rng(1), grads=grads, inputs_without_grad=data))
        dx = pull(np.ones_like(y))
        assert dx.shape == X.shape
        found.append((grads[first.weight].copy(), grads[second.weight].copy()))
        assert (dx.strides == (0, 0)) is (data is not None)  # zeros that take no memory
    for skipped, whole in zip(*found, strict=True):
        np.testing.assert_array_equal(skipped, whole)


def test_parameters_are_named_by_their_path():
    rng = np.random.default_rng(0)
    names = Sequential(Dense(2, 2, rng), Residual(Dense(2, 2, rng)), Parallel(Dense(2, 1, rng))).named_parameters()
    assert list(names) == [
        f"layers.{path}.{kind}" for path in ("0", "1.layer", "2.layers.0") for kind in ("weight", "bias")
    ]
