import numpy as np
import pytest

from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.init import he_normal
from neuralzoo.core.layer import Context, Gradients


@pytest.fixture
def embedding():
    layer = Embedding(4, 2, np.random.default_rng(0))
    layer.weight.value[...] = [[0, 1], [10, 11], [20, 21], [30, 31]]
    return layer


def test_embedding_looks_up_the_vector_of_each_token(embedding):
    y = embedding.predict(np.array([[3, 0], [1, 3]]))
    np.testing.assert_array_equal(y, [[[30, 31], [0, 1]], [[10, 11], [30, 31]]])


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 2), (0, 4)])
def test_tokens_of_any_shape_get_one_more_axis(embedding, shape):
    assert embedding.predict(np.ones(shape, np.uint8)).shape == (*shape, 2)


def test_gradients_of_repeated_tokens_accumulate(embedding):
    grads = Gradients(embedding)
    _, pull = embedding(np.array([[2, 0], [2, 2]]), Context(training=True, grads=grads))
    dx = pull(np.float32([[[1, 2], [3, 4]], [[10, 20], [100, 200]]]))
    np.testing.assert_array_equal(grads[embedding.weight], [[3, 4], [0, 0], [111, 222], [0, 0]])
    assert dx.shape == (2, 2)
    assert not dx.any()


def test_an_embedding_is_a_dense_layer_without_bias_on_one_hot_rows(embedding):
    tokens, dy = np.random.default_rng(0).integers(0, 4, (3, 5)), np.random.default_rng(1).normal(size=(3, 5, 2))
    one_hot, grads = np.eye(4)[tokens], Gradients(embedding.astype(np.float64))
    y, pull = embedding(tokens, Context(training=True, grads=grads))
    pull(dy)
    np.testing.assert_allclose(y, one_hot @ embedding.weight.value)
    np.testing.assert_allclose(grads[embedding.weight], np.einsum("ntk,ntd->kd", one_hot, dy), atol=1e-14)


def test_the_output_is_a_copy_of_the_weights(embedding):
    y = embedding.predict(np.array([1]))
    y[...] = 7
    np.testing.assert_array_equal(embedding.weight.value[1], [10, 11])


def test_vectors_are_initialized_standard_normal_or_by_the_given_initializer():
    weight = Embedding(500, 40, np.random.default_rng(0)).weight.value
    assert abs(weight.mean()) < 0.02
    assert weight.std() == pytest.approx(1, abs=0.02)
    chosen = Embedding(5, 4, np.random.default_rng(1), init=he_normal).weight.value
    np.testing.assert_array_equal(chosen, he_normal((5, 4), np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ([[0, 4]], "Embedding got token 4; it needs tokens from 0 to 3"),
        ([[2, -1]], "Embedding got token -1; it needs tokens from 0 to 3"),
        ([[0.0, 1.0]], "Embedding got tokens of dtype float64; it needs integers"),
        ([[True]], "Embedding got tokens of dtype bool; it needs integers"),
    ],
)
def test_unknown_tokens_raise_one_sentence(embedding, tokens, words):
    with pytest.raises(ValueError, match=f"^{words}$"):
        embedding.predict(np.array(tokens))


def test_embedding_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    rng = np.random.default_rng(2)
    layer, tokens, dy = Embedding(6, 3, rng).astype(np.float64), rng.integers(0, 6, (4, 7)), rng.normal(size=(4, 7, 3))
    theirs = torch.nn.Embedding(6, 3, _weight=torch.tensor(layer.weight.value), dtype=torch.float64)
    needed = theirs(torch.tensor(tokens))
    needed.backward(torch.tensor(dy))
    grads = Gradients(layer)
    y, pull = layer(tokens, Context(training=True, grads=grads))
    pull(dy)
    np.testing.assert_array_equal(y, needed.detach().numpy())
    np.testing.assert_allclose(grads[layer.weight], theirs.weight.grad.numpy(), atol=1e-14)
