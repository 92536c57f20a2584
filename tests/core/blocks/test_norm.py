import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.norm import BatchNorm, LayerNorm
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.checkpoint import load_checkpoint, save_checkpoint
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.learner import Supervised
from neuralzoo.core.testing import checks_for_layer
from neuralzoo.core.trainer import Trainer

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(5, 3))
STEPS = RNG.normal(size=(4, 5, 3))
IMAGES = RNG.normal(size=(3, 4, 2, 3))
INPUTS = {"rows": ROWS, "steps": STEPS, "images": IMAGES}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, x in INPUTS.items()
        for check in checks_for_layer(lambda rng: BatchNorm(3), x)
    ],
)
def test_batch_norm_conforms(check):
    check()


def train(layer, x):
    return layer(x, Context(training=True))[0]


@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
def test_each_feature_has_zero_mean_and_unit_variance_in_training(x):
    y = train(BatchNorm(3).astype(np.float64), 7 * x + 100).reshape(-1, 3)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=0), 1, atol=1e-5)


def test_gain_and_bias_are_the_std_and_mean_of_the_output():
    layer = BatchNorm(3).astype(np.float64)
    layer.gain.value[...], layer.bias.value[...] = [1, 2, -3], [4, 5, 6]
    y = train(layer, ROWS)
    np.testing.assert_allclose(y.mean(axis=0), [4, 5, 6])
    np.testing.assert_allclose(y.std(axis=0), [1, 2, 3], rtol=1e-4)


def test_batch_norm_is_invariant_to_scale_and_shift_of_its_input_in_training():
    layer = BatchNorm(3).astype(np.float64)
    np.testing.assert_allclose(train(layer, 1000 * IMAGES - 5), train(layer, 1000 * IMAGES), atol=1e-9)
    np.testing.assert_allclose(train(layer, 1e4 * ROWS), train(layer, 1e3 * ROWS), atol=1e-9)


def test_running_statistics_move_a_tenth_of_the_way_with_an_unbiased_variance():
    layer = BatchNorm(3).astype(np.float64)
    train(layer, ROWS + 10)
    np.testing.assert_allclose(layer.running_mean.value, 0.1 * (ROWS.mean(axis=0) + 10))
    np.testing.assert_allclose(layer.running_variance.value, 0.9 + 0.1 * ROWS.var(axis=0, ddof=1))


def test_evaluation_uses_only_the_running_statistics():
    layer = BatchNorm(3, epsilon=1e-12).astype(np.float64)
    layer.running_mean.value[...], layer.running_variance.value[...] = [1, 2, 3], [4, 9, 16]
    np.testing.assert_allclose(layer.predict(ROWS), (ROWS - [1, 2, 3]) / [2, 3, 4])
    np.testing.assert_allclose(layer.predict(ROWS[:1]), (ROWS[:1] - [1, 2, 3]) / [2, 3, 4])


def test_running_statistics_converge_to_those_of_the_data():
    layer = BatchNorm(3, momentum=0.5)
    x = (3 * IMAGES + 2).astype(np.float32)
    for _ in range(60):
        y = train(layer, x)
    unbiased = np.sqrt(23 / 24)
    np.testing.assert_allclose(layer.predict(x), y * unbiased, atol=1e-5)


@pytest.mark.parametrize("grads", [False, True], ids=["plain", "recording"])
def test_only_a_training_pass_updates_the_running_statistics(grads):
    layer = BatchNorm(3).astype(np.float64)
    before = layer.state()
    y, pull = layer(ROWS, Context(grads=Gradients(layer if grads else None)))
    if grads:
        pull(np.ones_like(y))
    assert all(np.array_equal(before[name], array) for name, array in layer.state().items())


def test_the_pullback_of_an_evaluation_uses_the_statistics_of_its_forward_pass():
    layer = BatchNorm(3).astype(np.float64)
    found = []
    for trains in (False, True):
        layer.running_mean.value[...] = 0
        grads = Gradients(layer)
        _, pull = layer(ROWS, Context(grads=grads))
        if trains:
            train(layer, ROWS + 5)
        pull(np.ones_like(ROWS))
        found.append(grads.vector.copy())
    np.testing.assert_array_equal(*found)


def test_running_statistics_are_saved_but_not_trained():
    layer = BatchNorm(3)
    assert set(layer.trainable_parameters()) == {"gain", "bias"}
    assert layer.num_parameters == 6
    assert set(layer.state()) == {"gain", "bias", "running_mean", "running_variance"}


def test_a_checkpoint_restores_the_running_statistics_to_the_bit(tmp_path):
    def trainer():
        rng = np.random.default_rng(0)
        module = Sequential(Dense(3, 4, rng), BatchNorm(4), Dense(4, 2, rng))
        return Trainer(Supervised(module, CrossEntropy(), Adam(module, 0.01)), epochs=2)

    first = trainer()
    x, y = RNG.normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2
    first.run(ArrayBatches((x, y), 8, shuffle=True))
    save_checkpoint(tmp_path / "checkpoint.safetensors", first, {})
    second = trainer()
    load_checkpoint(tmp_path / "checkpoint.safetensors", second, {})
    one, two = first.learner.module.state(), second.learner.module.state()
    assert one["layers.1.running_mean"].any()
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_the_variance_is_accurate_at_a_large_mean():
    x = (1000 + RNG.normal(size=(400, 3))).astype(np.float32)
    layer = BatchNorm(3)
    y = train(layer, x)
    np.testing.assert_allclose(y, train(BatchNorm(3).astype(np.float64), x.astype(np.float64)), atol=1e-3)


def test_one_value_per_feature_raises_in_training_and_works_in_evaluation():
    layer = BatchNorm(3)
    for x in (ROWS[:1], STEPS[:1, :1], IMAGES[:1, :1, :1]):
        with pytest.raises(ValueError, match=r"^BatchNorm got a training batch of shape \(1, .*3\), a single value"):
            train(layer, x)
        assert layer.predict(x).shape == x.shape
    assert not layer.running_mean.value.any()


def test_a_single_image_has_enough_values():
    y = train(BatchNorm(3).astype(np.float64), IMAGES[:1])
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: BatchNorm(0), "features=0"),
        (lambda: BatchNorm(3, momentum=2), "momentum=2"),
        (lambda: BatchNorm(3, epsilon=0), "epsilon=0"),
        (lambda: BatchNorm(3).predict(np.ones((2, 4))), r"^BatchNorm got x of shape \(2, 4\); it needs \(N, ..., 3\)$"),
        (lambda: BatchNorm(3).predict(np.ones(3)), r"^BatchNorm got x of shape \(3,\)"),
    ],
)
def test_invalid_arguments_raise_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", INPUTS)
def test_batch_norm_agrees_with_pytorch(name, training):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    theirs = {"rows": torch.nn.BatchNorm1d, "steps": torch.nn.BatchNorm1d, "images": torch.nn.BatchNorm2d}[name]
    theirs = theirs(3, dtype=torch.float64)
    layer = BatchNorm(3).astype(np.float64)
    counterparts = {
        "gain": theirs.weight,
        "bias": theirs.bias,
        "running_mean": theirs.running_mean,
        "running_variance": theirs.running_var,
    }
    with torch.no_grad():
        for key, parameter in layer.named_parameters().items():
            parameter.value[...] = RNG.uniform(0.5, 2, 3)
            counterparts[key].copy_(torch.tensor(parameter.value))
    theirs.train(training)
    for x in (INPUTS[name], 2 * INPUTS[name][::-1] + 1):  # twice: the running statistics move on
        x = np.ascontiguousarray(x)
        grads = Gradients(layer)
        y, pull = layer(x, Context(training=training, grads=grads))
        dy = RNG.normal(size=y.shape)
        inputs = torch.tensor(x, requires_grad=True)
        needed = torch.moveaxis(theirs(torch.moveaxis(inputs, -1, 1)), 1, -1)
        theirs.zero_grad()
        needed.backward(torch.tensor(dy))
        np.testing.assert_allclose(y, needed.detach().numpy(), atol=1e-11)
        np.testing.assert_allclose(pull(dy), inputs.grad.numpy(), atol=1e-11)
        np.testing.assert_allclose(grads[layer.gain], theirs.weight.grad.numpy(), atol=1e-11)
        np.testing.assert_allclose(grads[layer.bias], theirs.bias.grad.numpy(), atol=1e-11)
        for key in ("running_mean", "running_variance"):
            needed_state = counterparts[key].numpy()
            np.testing.assert_allclose(layer.state()[key], needed_state, atol=1e-12)


def test_layer_norm_is_invariant_to_scale_and_shift_of_its_input():
    x = RNG.normal(size=(4, 5, 8))
    layer = LayerNorm(8, epsilon=1e-12).astype(np.float64)
    np.testing.assert_allclose(layer.predict(3 * x + 7), layer.predict(x), atol=1e-9)
    np.testing.assert_allclose(layer.predict(x).mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(layer.predict(x).std(axis=-1), 1, atol=1e-9)


def test_layer_norm_of_another_width_raises_one_sentence():
    with pytest.raises(ValueError, match=r"^LayerNorm got x of shape \(2, 4\); it needs a last axis of 3$"):
        LayerNorm(3).predict(np.ones((2, 4)))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_layer_norm_agrees_with_pytorch(dtype, tolerance):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    rng = np.random.default_rng(3)
    x, dy = (rng.normal(size=(40, 24)).astype(dtype) for _ in range(2))
    layer, theirs = LayerNorm(24).astype(dtype), torch.nn.LayerNorm(24, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for parameter, counterpart in ((layer.gain, theirs.weight), (layer.bias, theirs.bias)):
            parameter.value[...] = rng.normal(size=24)
            counterpart.copy_(torch.tensor(parameter.value))
    inputs = torch.tensor(3 * x, requires_grad=True)
    needed = theirs(inputs)
    needed.backward(torch.tensor(dy))
    grads = Gradients(layer)
    y, pull = layer(3 * x, Context(training=True, grads=grads))
    np.testing.assert_allclose(y, needed.detach().numpy(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(pull(dy), inputs.grad.numpy(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(grads[layer.gain], theirs.weight.grad.numpy(), rtol=tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(grads[layer.bias], theirs.bias.grad.numpy(), rtol=tolerance, atol=10 * tolerance)
