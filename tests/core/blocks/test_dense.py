import numpy as np
import pytest

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.init import he_normal
from neuralzoo.core.layer import Context, Gradients, Workspace


@pytest.fixture
def dense():
    layer = Dense(2, 3, np.random.default_rng(0))
    layer.weight.value[...] = [[1, 2, 3], [4, 5, 6]]
    layer.bias.value[...] = [10, 20, 30]
    return layer


def test_dense_has_known_values(dense):
    np.testing.assert_array_equal(dense.predict(np.float32([[1, 0], [1, -1]])), [[11, 22, 33], [7, 17, 27]])


def test_dense_gradients_have_known_values(dense):
    grads = Gradients(dense)
    _, pull = dense(np.float32([[1, 0], [1, -1]]), Context(training=True, grads=grads))
    dx = pull(np.float32([[1, 0, 0], [0, 1, 2]]))
    np.testing.assert_array_equal(dx, [[1, 4], [8, 17]])
    np.testing.assert_array_equal(grads[dense.weight], [[1, 1, 2], [0, -1, -2]])
    np.testing.assert_array_equal(grads[dense.bias], [1, 1, 2])


def test_all_leading_axes_are_examples(dense):
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    np.testing.assert_allclose(dense.predict(x)[2, 1], dense.predict(x[2, 1]), rtol=1e-6)
    assert dense.predict(x).shape == (3, 4, 3)


def test_gradients_of_the_data_are_skipped_and_those_of_the_weights_are_not(dense):
    x = np.ones((4, 2), np.float32)
    grads = Gradients(dense)
    _, pull = dense(x.reshape(2, 2, 2), Context(training=True, grads=grads, inputs_without_grad=x))
    dx = pull(np.ones((2, 2, 3), np.float32))
    assert dx.shape == (2, 2, 2)
    assert not dx.any()
    np.testing.assert_array_equal(grads[dense.weight], np.full((2, 3), 4))


def test_every_step_reuses_the_workspace(dense):
    workspace = Workspace()
    ctx = Context(training=True, grads=Gradients(dense), workspace=workspace)
    addresses = []
    for _ in range(2):
        workspace.reset()
        y, pull = dense(np.ones((4, 2), np.float32), ctx)
        addresses.append((y.ctypes.data, pull(y).ctypes.data))
    assert addresses[0] == addresses[1]


def test_the_initializer_is_the_given_one_and_the_bias_is_zero():
    layer = Dense(4, 3, np.random.default_rng(1), init=he_normal)
    np.testing.assert_array_equal(layer.weight.value, he_normal((4, 3), np.random.default_rng(1)))
    assert not layer.bias.value.any()


def test_a_wrong_last_axis_raises_one_sentence(dense):
    with pytest.raises(ValueError, match=r"^Dense got x of shape \(5, 4\); it needs a last axis of 2$"):
        dense.predict(np.ones((5, 4), np.float32))


def test_dense_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    rng = np.random.default_rng(0)
    layer = Dense(5, 3, rng).astype(np.float64)
    x, dy = rng.normal(size=(4, 2, 5)), rng.normal(size=(4, 2, 3))
    theirs = torch.nn.Linear(5, 3, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(layer.weight.value.T))
        theirs.bias.zero_()
    inputs = torch.tensor(x, requires_grad=True)
    needed = theirs(inputs)
    needed.backward(torch.tensor(dy))
    grads = Gradients(layer)
    y, pull = layer(x, Context(training=True, grads=grads))
    np.testing.assert_allclose(y, needed.detach().numpy(), atol=1e-14)
    np.testing.assert_allclose(pull(dy), inputs.grad.numpy(), atol=1e-14)
    np.testing.assert_allclose(grads[layer.weight], theirs.weight.grad.numpy().T, atol=1e-14)
    np.testing.assert_allclose(grads[layer.bias], theirs.bias.grad.numpy(), atol=1e-14)
