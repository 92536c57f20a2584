import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.files import save_figure
from neuralzoo.registry import SettingError, Task, create, get


def train(network, x, y, *, epochs, lr=0.01, batch=None, seed=0):
    """Train a network on (x, y) and return it."""
    architecture = get("fnn")
    task = Task(kind="classification", input="tabular", shape=x.shape[1:], outputs=int(y.max()) + 1)
    config = architecture.configure({})
    learner = architecture.learner(network, config, task, lambda module: Adam(module, lr))
    Trainer(learner, epochs=epochs, seed=seed).run(ArrayBatches((x, y), batch or len(x), shuffle=True))
    return network


def accuracy(network, x, y):
    return float((network.predict(x).argmax(axis=1) == y).mean())


XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])


@pytest.mark.parametrize("check", checks_for_architecture(get("fnn")), ids=str)
def test_fnn_conforms(check):
    check()


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_a_hidden_layer_learns_exclusive_or(activation):
    network = create("fnn", inputs=(2,), outputs=2, hidden=(16,), activation=activation, seed=3)
    train(network, *XOR, epochs=600, lr=0.02)
    assert accuracy(network, *XOR) == 1.0


@pytest.mark.parametrize("settings", [{"hidden": ()}, {"hidden": (16, 16), "activation": "identity"}])
def test_without_a_nonlinearity_no_depth_learns_exclusive_or(settings):
    network = create("fnn", inputs=(2,), outputs=2, seed=3, **settings)
    train(network, *XOR, epochs=600, lr=0.02)
    assert accuracy(network, *XOR) <= 0.75  # a line gets at most three of the four points


def test_the_identity_activation_makes_a_linear_model():
    network = create("fnn", inputs=(5,), outputs=3, hidden=(8, 8), activation="identity").astype(np.float64)
    x = np.random.default_rng(0).normal(size=(20, 5))
    weight = np.linalg.multi_dot([layer.weight.value for layer in network.dense])
    np.testing.assert_allclose(network.predict(x) - network.predict(np.zeros((1, 5))), x @ weight, atol=1e-12)


def test_two_spirals_are_separated_on_all_194_points_where_a_linear_model_is_at_chance():
    data = datasets.load("two-spirals")
    (x, y), (x_test, y_test) = data.train, data.test
    network = create("fnn", inputs=(2,), outputs=2, hidden=(64, 64), activation="tanh", seed=1)
    train(network, x / 3, y, epochs=1500, lr=0.005)
    assert accuracy(network, x / 3, y) == 1.0
    assert accuracy(network, x_test / 3, y_test) > 0.9  # between the training points
    linear = train(create("fnn", inputs=(2,), outputs=2, hidden=()), x, y, epochs=300)
    assert 0.35 < accuracy(linear, x, y) < 0.65


def test_settings_decide_the_layers():
    network = create("fnn", inputs=(8, 8, 1), outputs=4, hidden=(7, 5), dropout=0.5, input_dropout=0.1)
    assert [layer.weight.value.shape for layer in network.dense] == [(64, 7), (7, 5), (5, 4)]
    assert network.num_parameters == 64 * 7 + 7 + 7 * 5 + 5 + 5 * 4 + 4
    kinds = [type(layer).__name__ for layer in network.layers.layers]
    assert kinds == ["Flatten", "Dropout", "Dense", "ReLU", "Dropout", "Dense", "ReLU", "Dropout", "Dense"]


def test_dropout_changes_training_and_not_prediction():
    network = create("fnn", hidden=(64,), dropout=0.5)
    x = np.ones((3, 4), np.float32)
    first, _ = network(x, Context(training=True, rng=np.random.default_rng(0)))
    second, _ = network(x, Context(training=True, rng=np.random.default_rng(1)))
    assert not np.array_equal(first, second)
    assert np.array_equal(network.predict(x), network.predict(x))


def test_regression_fits_a_line_exactly():
    architecture = get("fnn")
    task = Task(kind="regression", input="tabular", shape=(3,), outputs=1)
    config = architecture.configure({"hidden": ()})
    network = architecture.build(config, task, np.random.default_rng(0))
    learner = architecture.learner(network, config, task, lambda module: Adam(module, 0.05))
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    y = (x @ np.array([[1.0], [-2.0], [0.5]]) + 3).astype(np.float32)
    Trainer(learner, epochs=400).run(ArrayBatches((x, y), 64))
    np.testing.assert_allclose(network.dense[0].weight.value.ravel(), [1, -2, 0.5], atol=1e-3)
    np.testing.assert_allclose(network.dense[0].bias.value, [3], atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hiden": (3,)}, ("hiden", "did you mean hidden")),
        ({"hidden": (0,)}, ("hidden", "0", "greater than or equal to 1")),
        ({"activation": "rleu"}, ("rleu", "did you mean relu")),
        ({"dropout": 1.0}, ("dropout", "1.0", "less than 1")),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises(SettingError) as caught:
        create("fnn", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_example_of_another_size_is_refused_in_one_sentence():
    network = create("fnn", inputs=(4,))
    with pytest.raises(ValueError, match=r"Dense got .*5.* needs .*4"):
        network.predict(np.zeros((2, 5), np.float32))


def test_dense_layers_are_found_in_order():
    assert all(isinstance(layer, Dense) for layer in create("fnn", hidden=(3, 2)).dense)


def test_the_figure_shows_first_layer_weights_in_the_shape_of_an_example(tmp_path):
    data = datasets.load("fashion-mnist-5k")
    network = create("fnn", inputs=(28, 28, 1), outputs=10, hidden=(5,))
    with save_figure(tmp_path / "weights.png") as figure:
        get("fnn").figures[0].draw(figure, network, data)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    columns = network.dense[0].weight.value.T.reshape(5, 28, 28)
    assert len(drawn) == 5
    assert all(any(np.array_equal(image, column) for column in columns) for image in drawn)
