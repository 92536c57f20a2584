import numpy as np
import pytest

from neuralzoo.core.layer import Context, Gradients, Layer, Workspace, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Module, Parameter


class Pair(Module):
    def __init__(self):
        self.matrix = Parameter(np.zeros((2, 3), np.float32))
        self.vector = Parameter(np.zeros(3, np.float32))
        self.frozen = Parameter(np.zeros(3, np.float32), trainable=False)


A = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
B = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]], np.float32)


@pytest.fixture
def pair():
    return Pair()


@pytest.fixture
def grads(pair):
    return Gradients(pair)


def test_added_gradients_accumulate(pair, grads):
    grads.add(pair.vector, np.array([1, 2, 3], np.float32))
    grads.add(pair.vector, np.array([10, 20, 30], np.float32))
    np.testing.assert_array_equal(grads[pair.vector], [11, 22, 33])


def test_added_products_accumulate(pair, grads):
    grads.add_product(pair.matrix, A, B)
    grads.add_product(pair.matrix, A, B)
    np.testing.assert_array_equal(grads[pair.matrix], 2 * (A @ B))


def test_an_array_and_a_product_accumulate_in_either_order(pair, grads):
    grads.add(pair.matrix, B)
    grads.add_product(pair.matrix, A, B)
    grads.add(pair.matrix, B)
    np.testing.assert_array_equal(grads[pair.matrix], A @ B + 2 * B)


def test_scatter_add_accumulates_as_the_dense_gradient_does(pair, grads):
    rows = np.array([[1, 0, 1], [1, 1, 1]])
    values = np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    one_hot = np.eye(2, dtype=np.float32)[rows].reshape(-1, 2)
    grads.add(pair.matrix, B)
    grads.scatter_add(pair.matrix, rows, values)
    np.testing.assert_array_equal(grads[pair.matrix], B + one_hot.T @ values.reshape(-1, 3))
    grads.zero()
    grads.scatter_add(pair.matrix, rows[0], values[0])
    grads.add(pair.matrix, B)
    np.testing.assert_array_equal(grads[pair.matrix], B + one_hot[:3].T @ values[0])


def test_a_gradient_can_be_added_to_in_place(pair, grads):
    view = grads[pair.vector]
    view[1] += 5
    grads[pair.vector][1] += 1
    grads.add(pair.vector, np.ones(3, np.float32))
    np.testing.assert_array_equal(grads.vector[6:], [1, 7, 1])


def test_a_gradient_without_additions_is_zero(pair, grads):
    grads.add(pair.matrix, B)
    np.testing.assert_array_equal(grads.vector, [*B.ravel(), 0, 0, 0])


def test_zero_discards_earlier_additions(pair, grads):
    grads.add(pair.matrix, B)
    grads.add(pair.vector, np.ones(3, np.float32))
    grads.zero()
    grads.add(pair.vector, np.full(3, 2, np.float32))
    np.testing.assert_array_equal(grads.vector, [0] * 6 + [2] * 3)
    grads.zero()
    assert not grads[pair.matrix].any()
    assert not grads.vector.any()


def test_a_gradient_that_is_read_after_zero_is_zero(pair, grads):
    grads.add(pair.matrix, B)
    grads.zero()
    assert not grads[pair.matrix].any()


def test_the_vector_shares_memory_with_the_gradients(pair, grads):
    first = grads.vector
    grads.zero()
    grads.add(pair.vector, np.ones(3, np.float32))
    assert grads.vector is first


def test_the_added_array_is_copied(pair, grads):
    value = np.ones(3, np.float32)
    grads.add(pair.vector, value)
    value[:] = 9
    np.testing.assert_array_equal(grads[pair.vector], [1, 1, 1])


@pytest.mark.parametrize(
    "add",
    [lambda g, p: g.add(p, B), lambda g, p: g.add_product(p, A, B), lambda g, p: g.scatter_add(p, np.array([0, 1]), B)],
)
def test_a_parameter_of_another_module_is_refused(grads, add):
    with pytest.raises(KeyError, match=r"Gradients got Parameter\(2, 3\) of another module"):
        add(grads, Pair().matrix)


def test_a_frozen_parameter_gets_no_gradient(pair, grads):
    grads.add(pair.frozen, np.ones(3, np.float32))
    grads.scatter_add(pair.frozen, np.array([0]), np.ones(1, np.float32))
    assert grads.vector.size == pair.num_parameters == 9
    assert not grads.vector.any()


def test_gradients_without_a_module_discard_all(pair):
    grads = Gradients()
    grads.add(pair.vector, np.ones(3, np.float32))
    grads.add_product(pair.matrix, A, B)
    grads.scatter_add(pair.matrix, np.array([1, 1]), B)
    assert not grads.enabled
    assert grads.vector.size == 0


def test_gradients_have_the_dtype_of_the_weights():
    assert Gradients(Pair().astype(np.float64)).vector.dtype == np.float64


def test_the_gradients_of_two_shards_sum_to_those_of_the_batch(pair):
    shards = [Gradients(pair), Gradients(pair)]
    for grads, rows in zip(shards, (slice(0, 1), slice(1, 2)), strict=True):
        grads.add_product(pair.matrix, A[rows].T, B[rows])
    whole = Gradients(pair)
    whole.add_product(pair.matrix, A.T, B)
    np.testing.assert_array_equal(shards[0].vector + shards[1].vector, whole.vector)


def test_a_workspace_lends_the_same_memory_after_a_reset_and_other_memory_before():
    workspace = Workspace()
    first, second = workspace.empty((2, 3), np.float32), workspace.empty((2, 3), np.float32)
    assert not np.shares_memory(first, second)
    workspace.reset()
    assert workspace.empty((2, 3), np.float32) is first
    assert workspace.empty((2, 3), np.float32) is second


@pytest.mark.parametrize(("shape", "dtype"), [((3, 2), np.float32), ((2, 3), np.float64)])
def test_a_workspace_lends_the_requested_shape_and_dtype_when_they_change(shape, dtype):
    workspace = Workspace()
    before = workspace.empty((2, 3), np.float32)
    workspace.reset()
    array = workspace.empty(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert not np.shares_memory(array, before)
    workspace.reset()
    assert workspace.empty(shape, dtype) is array


def test_a_context_is_in_evaluation_mode_by_default(pair):
    assert not Context().training
    assert not Context().recording
    assert Context(training=True).recording
    assert Context(grads=Gradients(pair)).recording


def test_the_default_context_discards_gradients():
    parameter = Parameter(np.ones(2, np.float32))
    Context().grads.add(parameter, np.ones(2, np.float32))
    assert not Context().grads.enabled
    assert Context().grads.vector.size == 0


def test_a_context_without_a_generator_names_what_it_needs():
    with pytest.raises(ValueError, match=r"no random generator; .* needs Context\(rng=default_rng\(seed\)\)"):
        Context(training=True).random  # noqa: B018 - the error is in reading it


def test_a_context_borrows_from_its_workspace():
    workspace = Workspace()
    array = Context(workspace=workspace).empty((2,), np.float32)
    workspace.reset()
    assert workspace.empty((2,), np.float32) is array
    assert Context().empty((2,), np.float32) is not array


def test_the_inputs_without_grad_and_their_views_need_no_gradient_and_others_do():
    data = np.zeros((4, 6), np.float32)
    ctx = Context(inputs_without_grad=data)
    assert not ctx.needs_grad(data)
    assert not ctx.needs_grad(data.reshape(4, 2, 3)[:, 0])
    assert ctx.needs_grad(data.copy())
    assert ctx.needs_grad(np.tanh(data))
    assert ctx.needs_grad(np.tanh(data).reshape(24)[:3])
    assert Context().needs_grad(data)


def test_zero_grad_like_takes_no_memory():
    zeros = zero_grad_like(np.ones((1000, 1000), np.float32))
    assert (zeros.shape, zeros.dtype, zeros.strides) == ((1000, 1000), np.float32, (0, 0))
    assert not zeros.any()


def test_the_unrecorded_pullback_names_what_it_needs():
    with pytest.raises(RuntimeError, match="an evaluation pass was called; it needs Context"):
        unrecorded_pullback(np.zeros(1))


def test_predict_is_the_output_in_evaluation_mode():
    class Mode(Layer):
        def __call__(self, x, ctx):
            return x + (100 if ctx.training or ctx.recording else 1), unrecorded_pullback

    np.testing.assert_array_equal(Mode().predict(np.zeros(2)), [1, 1])
