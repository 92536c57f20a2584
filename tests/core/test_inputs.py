"""What comes in at the door of a network: converted, or refused in one sentence."""

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.conv import Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.blocks.norm import BatchNorm
from neuralzoo.core.layer import Context
from neuralzoo.registry import Task, create, get, names

RNG = np.random.default_rng(0)
PREDICTORS = [name for name in names() if name != "gan"]  # which samples instead
NO_NUMBERS = [None, "abc", b"abc", 5, 2.5j, [[1, 2], [3]], [["a"]], {}, np.array(["a"]), np.array(5.0)]


def test_a_convolution_of_bytes_is_that_of_their_values():
    layer = Conv2D(16, 16, 3, RNG)
    x = RNG.integers(0, 256, (2, 12, 12, 16)).astype(np.uint8)
    np.testing.assert_array_equal(layer.predict(x), layer.predict(x.astype(np.float32)))


def test_batch_statistics_of_integers_are_those_of_their_values():
    x = RNG.integers(0, 256, (8, 3)).astype(np.uint8)
    layers = BatchNorm(3), BatchNorm(3)
    outputs = [layer(a, Context(training=True))[0] for layer, a in zip(layers, (x, x.astype(np.float32)), strict=True)]
    np.testing.assert_array_equal(*outputs)
    np.testing.assert_allclose(layers[0].running_mean.value, 0.1 * x.mean(axis=0), rtol=1e-5)


def test_a_network_of_float64_computes_in_float64():
    layer = Dense(3, 2, RNG).astype(np.float64)
    assert layer.predict(np.ones((2, 3), np.float32)).dtype == np.float64
    assert Dense(3, 2, RNG).predict(np.ones((2, 3))).dtype == np.float32


def test_float32_comes_in_without_a_copy():
    x = np.ones((2, 3), np.float32)
    assert Dense(3, 2, RNG).as_input(x) is x


def test_the_gradient_of_converted_examples_is_not_computed_where_none_is_needed():
    x = np.ones((2, 3), np.uint8)
    _, pull = Dense(3, 2, RNG)(x, Context(training=True, inputs_without_grad=x))
    assert not pull(np.ones((2, 2), np.float32)).any()


def test_a_number_too_large_for_float32_is_refused():
    with pytest.raises(ValueError, match=r"^Dense got float64 inputs too large for float32, in which it computes$"):
        Dense(1, 1, RNG).predict(np.array([[1e300]]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_])
def test_tokens_that_are_no_integers_are_refused(dtype):
    words = f"^Embedding got tokens of dtype {np.dtype(dtype)}; it needs integers$"
    for call in (Embedding(3, 2, RNG).predict, lambda x: Embedding(3, 2, RNG)(x, Context())):
        with pytest.raises(ValueError, match=words):
            call(np.zeros((2, 2), dtype))


@pytest.mark.parametrize("name", PREDICTORS)
@pytest.mark.parametrize("x", NO_NUMBERS, ids=repr)
def test_what_is_no_array_of_numbers_is_refused_in_one_sentence(name, x):
    network = create(name)
    for predict in (network.predict, lambda x: predict_in_batches(network.predict, x)):
        with pytest.raises(
            ValueError, match=r"^[^;]* got an? [^;]*; it needs an array of numbers, a row for each example$"
        ):
            predict(x)


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictions_of_no_examples_have_the_shape_of_predictions(name):
    shape, network = get(name).example.shape, create(name)
    needed = network.predict(np.zeros((1, *shape), np.float32)).shape[1:]
    assert network.predict(np.zeros((0, *shape))).shape == (0, *needed)
    assert predict_in_batches(network.predict, np.zeros((0, *shape))).shape == (0, *needed)


def test_samples_and_codes_of_no_examples_are_empty():
    assert create("gan").sample(0, RNG).shape == (0, 2)
    autoencoder = create("autoencoder", variational=True, code=3)
    assert autoencoder.sample(0, RNG).shape == (0, 6, 6, 1)
    assert autoencoder.encode(np.zeros((0, 6, 6, 1))).shape == (0, 3)
    assert create("capsnet").capsules(np.zeros((0, 20, 20, 1))).shape == (0, 3, 16)
    assert create("modular").gates(np.zeros((0, 4))).shape == (0, 4)
    assert create("rbfn", units=7).features(np.zeros((0, 4))).shape == (0, 7)


def test_the_decoded_targets_of_no_sources_are_empty():
    task = Task(kind="sequence-labelling", input="tokens", shape=(6,), outputs=3, vocab_size=5)
    assert create("transformer", task=task, decoder=True).predict(np.zeros((0, 6), np.int64)).shape == (0, 6, 3)


def test_missing_values_give_missing_outputs_of_a_mixture():
    y = create("modular").predict(np.full((2, 4), np.nan, np.float32))
    assert np.isnan(y).all()


def test_batches_of_lists_are_those_of_arrays():
    batches = ArrayBatches(([[1, 2], [3, 4], [5, 6]], [0, 1, 1]), 2, shuffle=True)
    rows = [row for x, _ in batches.epoch(np.random.default_rng(0)) for row in x.tolist()]
    assert sorted(rows) == [[1, 2], [3, 4], [5, 6]]
