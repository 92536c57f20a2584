import numpy as np
import pytest

from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.experiments.comparing.matching import equal_parameters, num_parameters
from neuralzoo.plugins.cnn.receptive_field import receptive_fields
from neuralzoo.registry import Candidate, SettingError, Task, create, get

SEQUENCE = Task(kind="classification", input="sequence", shape=(12, 2), outputs=3)
REGRESSION = Task(kind="regression", input="image", shape=(8, 6, 2), outputs=2)
MULTILABEL = Task(kind="classification", input="image", shape=(8, 8, 1), outputs=3, target="multilabel")
VARIANTS = {
    "default": (None, {}),
    "sequence": (SEQUENCE, {"kernel": 5, "stride": 2, "pooling": None, "dropout": 0.2}),
    "sequence_residual": (SEQUENCE, {"channels": (4, 6), "residual": 1, "head": "max", "pooling": "average"}),
    "regression": (REGRESSION, {"channels": (4, 6), "head": "average", "norm": None, "activation": "gelu"}),
    "multilabel": (MULTILABEL, {"channels": (4,), "hidden": ()}),
    "resnet": (None, {"preset": "resnet", "channels": (4, 6, 8)}),
}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, (task, settings) in VARIANTS.items()
        for check in checks_for_architecture(get("cnn"), task, settings=settings)
    ],
)
def test_cnn_conforms(check):
    check()


def rows(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def task_of(shape, outputs):
    """Return the task of classifying images or sequences of a shape."""
    kind = "image" if len(shape) == 3 else "sequence"
    return Task(kind="classification", input=kind, shape=shape, outputs=outputs)


def small(**settings):
    """Return a network for images of 12 x 12 in float64."""
    return create("cnn", inputs=(12, 12, 1), outputs=3, **settings).astype(np.float64)


def test_lenet5_has_the_layers_and_the_number_of_parameters_of_the_paper():
    network = create("cnn", inputs=(28, 28, 1), outputs=10, preset="lenet5")
    maps = network.feature_maps(np.zeros((1, 28, 28, 1), np.float32))
    assert [m.shape for m in maps] == [(1, 14, 14, 6), (1, 5, 5, 16)]
    kinds = [[type(layer).__name__ for layer in part.layers] for part in (*network.stages, network.head)]
    assert kinds == [["Conv2D", "Tanh", "AveragePool2D"]] * 2 + [["Flatten", *["Dense", "Tanh"] * 2, "Dense"]]
    weights = (5 * 5 * 1 + 1) * 6 + (5 * 5 * 6 + 1) * 16 + (400 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10
    assert network.num_parameters == weights == 61_706


def test_settings_override_a_preset():
    config = get("cnn").configure({"preset": "lenet5", "activation": "relu"})
    assert (config.channels, config.kernel, config.activation) == ((6, 16), 5, "relu")
    assert get("cnn").configure({"preset": "none"}) == get("cnn").configure({})
    again = get("cnn").configure(config.model_dump(mode="json"))
    assert again == config


def test_the_last_stage_has_no_pooling_before_a_global_head():
    for head, last in (("flatten", "MaxPool2D"), ("average", "ReLU"), ("max", "ReLU")):
        network = small(channels=(2, 3), head=head)
        assert type(network.stages[1].layers[-1]).__name__ == last
        assert type(network.stages[0].layers[-1]).__name__ == "MaxPool2D"


def test_convolutions_before_batch_norm_have_no_bias():
    assert not [name for name in small(residual=1).trainable_parameters() if name.endswith("0.bias")]
    assert "stages.0.layers.0.bias" in small(norm=None).trainable_parameters()


def test_feature_maps_are_translation_equivariant():
    network = small(channels=(4,), pooling="none", norm=None)
    x = np.zeros((1, 12, 12, 1))
    x[0, 3:6, 3:6] = rows(3, 3, 1)
    (before,), (after,) = network.feature_maps(x), network.feature_maps(np.roll(x, (2, 3), axis=(1, 2)))
    np.testing.assert_allclose(after, np.roll(before, (2, 3), axis=(1, 2)), atol=1e-12)


@pytest.mark.parametrize("head", ["average", "max"])
def test_a_global_head_is_invariant_to_translation_and_image_size(head):
    network = small(channels=(4, 4), pooling="none", norm=None, head=head)
    x = np.zeros((1, 20, 20, 1))
    x[0, 6:9, 6:9] = rows(3, 3, 1)
    translated = np.roll(x, (3, 4), axis=(1, 2))
    np.testing.assert_allclose(network.predict(translated), network.predict(x), atol=1e-12)
    if head == "max":
        np.testing.assert_allclose(network.predict(x[:, 2:14, 2:14]), network.predict(x), atol=1e-12)


def test_a_cnn_learns_a_local_pattern_at_a_random_position():
    from neuralzoo.core.batches import ArrayBatches
    from neuralzoo.core.blocks.optimizers import Adam
    from neuralzoo.core.trainer import Trainer

    def steps(n, rng):
        """Sequences with a rise or a fall at a random position."""
        x, y = 0.3 * rng.normal(size=(n, 30, 1)), rng.integers(0, 2, n)
        position = rng.integers(2, 27, n)
        x[np.arange(n), position, 0] += np.where(y, 2, -2)
        x[np.arange(n), position + 1, 0] += np.where(y, -2, 2)
        return x.astype(np.float32), y

    rng = np.random.default_rng(0)
    task = Task(kind="classification", input="sequence", shape=(30, 1), outputs=2)
    config = get("cnn").configure({"channels": (8,), "head": "max", "hidden": ()})
    network = get("cnn").build(config, task, rng)
    learner = get("cnn").learner(network, config, task, lambda module: Adam(module, 0.01))
    Trainer(learner, epochs=20).run(ArrayBatches(steps(200, rng), 20, shuffle=True))
    x, y = steps(500, rng)
    assert (network.predict(x).argmax(axis=1) == y).mean() > 0.97


FIELDS = {
    "images": ((16, 16, 1), {"channels": (2, 3), "pooling": "average"}),
    "valid": ((17, 18, 1), {"channels": (2, 3), "padding": "valid", "kernel": 4, "pooling": "average"}),
    "strides": ((20, 20, 1), {"channels": (2, 2), "stride": 2, "pooling": None, "convolutions": 2}),
    "residual": ((24, 24, 1), {"channels": (2, 2), "residual": 1, "pooling": "average"}),
    "sequence": ((60, 2), {"channels": (2, 2, 2), "kernel": 5, "padding": "first", "pooling": "average"}),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_unit_reads_its_receptive_field_and_nothing_else(name):
    shape, settings = FIELDS[name]
    network = create("cnn", task=task_of(shape, 2), **settings, activation="tanh").astype(np.float64)
    x = rows(1, *shape)
    for stage, fields in enumerate(receptive_fields(network)):
        maps, pull = Sequential(*network.stages[: stage + 1])(x, Context(grads=Gradients(network)))
        for unit in (
            (0,) * len(fields),
            tuple(n // 2 for n in maps.shape[1:-1]),
            tuple(n - 1 for n in maps.shape[1:-1]),
        ):
            dy = np.zeros_like(maps)
            dy[(0, *unit, slice(None))] = 1
            read = np.abs(pull(dy)[0]).sum(axis=-1) > 0
            needed = np.zeros_like(read)
            positions = [field.positions(at) for field, at in zip(fields, unit, strict=True)]
            needed[np.ix_(*[[p for p in axis if 0 <= p < n] for axis, n in zip(positions, shape, strict=False)])] = True
            np.testing.assert_array_equal(read, needed)


@pytest.mark.parametrize("hidden", [60, 40, 20, 10])
def test_scale_width_reaches_any_number_of_parameters(hidden):
    large = get("cnn").experiments["arena"].set(["model.channels=[32,32,32]", "model.hidden=[64]"])
    small = get("fnn").experiments["arena"].set([f"model.hidden=[{hidden},{hidden}]"])
    candidates = [Candidate(label="cnn", experiment=large), Candidate(label="fnn", experiment=small)]
    task = Task(kind="classification", input="sequence", shape=(40, 1), outputs=10)
    scaled, same = equal_parameters(candidates, task)
    assert same is candidates[1]
    assert abs(num_parameters(scaled, task) / num_parameters(same, task) - 1) < 0.02


@pytest.mark.parametrize(
    ("shape", "settings", "words"),
    [
        ((4, 4, 1), {"channels": (2, 2, 2)}, r"stage 3 does not fit: MaxPool2D got images of 1 x 1; .* at least 2 x 2"),
        ((4, 9, 1), {"kernel": 5, "padding": "valid"}, r"stage 1 does not fit: Conv2D got images of 4 x 9; .* 5 x 5"),
        ((3, 1), {"kernel": 5, "padding": "valid"}, r"stage 1 does not fit: Conv1D got sequences of 3 steps; .* 5"),
    ],
)
def test_an_input_that_is_too_small_raises_with_the_stage_and_the_layer(shape, settings, words):
    with pytest.raises(SettingError, match=rf"^cnn can't be built: {words}[^\n]*$"):
        create("cnn", task=task_of(shape, 2), **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channels": ()}, ("channels",)),
        ({"channels": (0,)}, ("channels", "greater than or equal to 1")),
        ({"preset": "lenet"}, ("preset", "lenet5")),
        ({"pooling": "maximum"}, ("pooling", "max")),
        ({"kernels": 3}, ("kernels", "did you mean kernel")),
        ({"dropout": 1}, ("dropout", "less than 1")),
    ],
)
def test_an_invalid_setting_raises_with_its_name_and_bounds(settings, words):
    with pytest.raises(SettingError) as caught:
        create("cnn", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_examples_of_another_shape_raise_one_sentence():
    with pytest.raises(ValueError, match=r"^CNN got x of shape \(2, 9, 12, 1\); it needs \('N', 12, 12, 1\)$"):
        small().predict(np.zeros((2, 9, 12, 1)))
    with pytest.raises(ValueError, match=r"^Conv2D got x of shape \(2, 12, 12, 3\); it needs \(N, H, W, 1\)$"):
        small(head="max").predict(np.zeros((2, 12, 12, 3)))
