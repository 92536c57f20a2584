import logging

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import SGD, Adam
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.core.testing.differences import compare_with_differences
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments import datasets
from neuralzoo.experiments.comparing.matching import equal_parameters, num_parameters
from neuralzoo.plugins.capsnet.learner import MarginLoss, longest, translated
from neuralzoo.plugins.capsnet.network import lengths, mask, overlay
from neuralzoo.registry import Candidate, Experiment, SettingError, Task, create, get

RNG = np.random.default_rng(0)
TINY = {"channels": (4,), "kernels": (3,), "strides": (1,), "primary_types": 2, "primary_dim": 4}
TINY |= {"primary_kernel": 3, "class_dim": 4, "decoder": (8,)}
TASKS = {
    "image": Task(kind="classification", input="image", shape=(9, 8, 2), outputs=4),
    "sequence": Task(kind="classification", input="sequence", shape=(20, 2), outputs=4),
    "classes": Task(kind="classification", input="image", shape=(9, 9, 1), outputs=4, target="classes"),
}
VARIANTS = {
    "translation": {"translate_augment": 1},
    "shared": {"shared": True, "routing_iterations": 1},
    "bare": {"reconstruction": 0.0},
    "constant": {"backprop_all_iterations": False},
    "no-convolution": {"channels": (), "kernels": (), "strides": ()},
}


def cases():
    for check in checks_for_architecture(get("capsnet")):
        yield pytest.param(check, id=f"default-{check}")
    for name, task in TASKS.items():
        for check in checks_for_architecture(get("capsnet"), task, settings=TINY):
            yield pytest.param(check, id=f"{name}-{check}")
    for name, settings in VARIANTS.items():
        for check in checks_for_architecture(get("capsnet"), TASKS["image"], settings=TINY | settings):
            if not (name == "constant" and check.name == "gradients_match_finite_differences"):  # not exact by design
                yield pytest.param(check, id=f"{name}-{check}")


@pytest.mark.parametrize("check", list(cases()))
def test_capsnet_conforms(check):
    check()


def learning(task="image", optimizer_factory=lambda module: Adam(module, 0.01), **settings):
    """Return a small network in float64 and its learner."""
    architecture, task = get("capsnet"), TASKS[task]
    config = architecture.configure(TINY | settings)
    network = architecture.build(config, task, np.random.default_rng(1)).astype(np.float64)
    return network, architecture.learner(network, config, task, optimizer_factory)


def examples(task="image", n=6):
    task = TASKS[task]
    x, target = RNG.random((n, *task.shape)), RNG.integers(0, 4, n)
    if task.target == "classes":
        target = np.stack([target, (target + RNG.integers(1, 4, n)) % 4], axis=1)
    return x, target


def context():
    return Context(training=True, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("y", "target", "loss"),
    [
        ([0.9, 0.1, 0.05, 0.0], 0, 0.0),  # no loss at the margins
        ([0.95, 0.1, 0.1, 0.1], 0, 0.0),  # nor beyond them
        ([0.5, 0.3, 0.0, 0.0], 0, 0.4**2 + 0.5 * 0.2**2),
        ([0.5, 0.3, 0.0, 0.0], 1, 0.6**2 + 0.5 * 0.4**2),
        ([0.0, 0.0, 0.0, 0.0], 3, 0.9**2),
        ([1.0, 1.0, 1.0, 1.0], 2, 3 * 0.5 * 0.9**2),
    ],
)
def test_the_margin_loss_has_the_values_computed_by_hand(y, target, loss):
    assert MarginLoss()(np.array([y]), np.array([target]))[0] == pytest.approx(loss, abs=1e-12)


def test_the_margin_loss_of_two_classes_needs_both_capsules_long():
    y = np.array([[0.9, 0.5, 0.3, 0.0]])
    assert MarginLoss()(y, np.array([[0, 1]]))[0] == pytest.approx(0.4**2 + 0.5 * 0.2**2)


def test_the_margin_loss_has_the_gradient_of_finite_differences():
    y, loss = RNG.random((5, 4)), MarginLoss(0.8, 0.2, 0.7)
    for target in (RNG.integers(0, 4, 5), np.array([[0, 1], [2, 1], [3, 0], [1, 2], [0, 3]])):
        compare_with_differences("y", loss(y, target)[1], y, lambda t=target: loss(y, t)[0])


def test_lengths_of_vectors_and_their_gradient_where_they_are_zero():
    v = np.array([[[3.0, 4.0], [0.0, 0.0]]])
    y, pull = lengths(v)
    np.testing.assert_allclose(y, [[5, 0]])
    np.testing.assert_allclose(pull(np.ones((1, 2))), [[[0.6, 0.8], [0, 0]]])


def test_the_mask_keeps_one_capsule_for_each_given_class():
    v = 1 + np.arange(2 * 3 * 2.0).reshape(2, 3, 2)
    masked, pull = mask(v, np.array([[0, 2], [1, 0]]), 3)
    expected = [[1, 2, 0, 0, 0, 0], [0, 0, 9, 10, 0, 0], [0, 0, 0, 0, 5, 6], [7, 8, 0, 0, 0, 0]]
    np.testing.assert_array_equal(masked, expected)
    np.testing.assert_array_equal(pull(np.ones_like(masked)).sum(axis=2), [[2, 0, 2], [2, 2, 0]])


def test_an_overlay_is_as_bright_as_each_image_where_they_do_not_overlap():
    parts = np.array([[[0.0, 1.0, 0.3, 0.5]], [[0.4, 0.2, 0.0, 0.5]]])
    np.testing.assert_allclose(overlay(parts)[0], [[0.4, 1.0, 0.3, 0.75]])
    parts, dy = RNG.random((3, 2, 4)), RNG.normal(size=(2, 4))
    compare_with_differences("parts", overlay(parts)[1](dy), parts, lambda: float((overlay(parts)[0] * dy).sum()))


def test_reconstruction_is_from_the_true_class_in_training_and_the_longest_capsule_in_evaluation():
    network, learner = learning(optimizer_factory=lambda module: SGD(module, 1e-300))
    x, _ = examples()
    y = network.predict(x)
    wrong = y.argmin(axis=1)
    v = network.capsules(x)

    def error(classes):
        return np.square(network.decode(v, classes) - x).sum() / len(x)

    assert learner.evaluate((x, wrong))["sse_per_example"] == pytest.approx(error(y.argmax(axis=1)))
    assert learner.learn((x, wrong), context())["sse_per_example"] == pytest.approx(error(wrong))
    assert error(wrong) != pytest.approx(error(y.argmax(axis=1)))


@pytest.mark.parametrize("task", ["image", "sequence", "classes"])
def test_the_whole_loss_has_the_gradients_of_finite_differences(task):
    network, learner = learning(task, lambda module: SGD(module, 1e-300), reconstruction=0.2)
    batch = examples(task)
    learner.learn(batch, context())
    gradients = {p: learner.grads["main"][p].copy() for p in network.trainable_parameters().values()}
    assert isinstance(learner.grads["main"], Gradients)
    for name, parameter in network.trainable_parameters().items():
        at, gradient = parameter.value, gradients[parameter]
        compare_with_differences(name, gradient, at, lambda: learner.learn(batch, context())["loss"], 12)


def test_the_loss_is_the_margin_loss_plus_the_weighted_squared_error():
    network, learner = learning(reconstruction=0.01)
    x, target = examples()
    metrics = learner.evaluate((x, target))
    y = network.predict(x)
    np.testing.assert_allclose(y, np.linalg.norm(network.capsules(x), axis=2))
    assert metrics["margin_loss"] == pytest.approx(MarginLoss()(y, target)[0])
    assert metrics["loss"] == pytest.approx(metrics["margin_loss"] + 0.01 * metrics["sse_per_example"])
    assert metrics["accuracy"] == pytest.approx((y.argmax(axis=1) == target).mean())
    assert metrics["true_class_length"] == pytest.approx(y[np.arange(6), target].mean())
    others = np.delete(y, target + 4 * np.arange(6)).mean()
    assert metrics["other_class_length"] == pytest.approx(others)


def test_both_classes_have_to_be_found_and_their_order_does_not_matter():
    network, learner = learning("classes")
    x, _ = examples("classes")
    best = longest(network.predict(x), 3)
    first_two, in_turn, half = best[:, :2], best[:, 1::-1], best[:, [0, 2]]
    for target, accuracy, found in ((first_two, 1, 1), (in_turn, 1, 1), (half, 0, 0.5)):
        metrics = learner.evaluate((x, target))
        assert (metrics["accuracy"], metrics["class_accuracy"]) == (accuracy, found)


def test_without_reconstruction_there_is_no_decoder():
    network, learner = learning(reconstruction=0.0)
    assert network.decoder is None
    metrics = learner.evaluate(examples())
    assert "sse_per_example" not in metrics
    assert metrics["loss"] == metrics["margin_loss"]
    with pytest.raises(ValueError, match="decode with reconstruction=0; it needs a weight above 0"):
        network.decode(network.capsules(examples()[0]), np.zeros(6, int))


def test_translated_examples_are_complete_and_all_translations_occur():
    x = np.zeros((2000, 7, 6, 1))
    x[:, 3, 2] = 1
    shifted = translated(x, 2, np.random.default_rng(0))
    assert (shifted.sum(axis=(1, 2, 3)) == 1).all()
    rows, columns = np.nonzero(shifted[..., 0])[1:]
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {(r, c) for r in range(1, 6) for c in range(5)}
    sequence = np.zeros((50, 9, 1))
    sequence[:, 4] = 1
    assert set(np.nonzero(translated(sequence, 1, RNG))[1].tolist()) == {3, 4, 5}


def test_translation_drops_pixels_beyond_the_border_and_pads_with_zero():
    shifted = translated(np.ones((200, 4, 4, 1)), 1, RNG)
    assert set(shifted.sum(axis=(1, 2, 3)).tolist()) == {9, 12, 16}


def test_examples_are_translated_in_training_only_and_the_translated_one_is_reconstructed():
    network, learner = learning(translate_augment=2, optimizer_factory=lambda module: SGD(module, 1e-300))
    still, plain = learning()
    still.load_state(network.state())
    batch = examples()
    assert learner.evaluate(batch) == plain.evaluate(batch)
    metrics = learner.learn(batch, context())
    shifted = translated(batch[0], 2, np.random.default_rng(0))
    error = np.square(network.decode(network.capsules(shifted), batch[1]) - shifted).sum() / 6
    assert metrics["sse_per_example"] == pytest.approx(error)


def test_training_that_diverges_names_the_step_and_the_loss():
    network, learner = learning()
    x, target = examples()
    learner.learn((x, target), context())
    with pytest.raises(DivergenceError, match="the loss at step 1 is nan"):
        learner.learn((x * np.nan, target), context())
    assert all(np.isfinite(value).all() for value in network.state().values())


def test_vanishing_capsules_are_warned_about_once_with_the_step_and_the_length(caplog):
    network, learner = learning(optimizer_factory=lambda module: SGD(module, 1e-300), reconstruction=0.0)
    network.routing.weight.value *= 1e-2
    x, target = examples(n=500)
    with caplog.at_level(logging.WARNING):
        for _ in range(12):
            learner.learn((x, target), context())
    assert len(caplog.records) == 1
    assert "at step 3 the longest capsule of an example has a mean length of 0.00" in caplog.text


def test_capsules_that_learn_are_not_warned_about(caplog):
    _, learner = learning(reconstruction=0.0)
    x, target = examples(n=500)
    for _ in range(12):
        learner.learn((x, target), context())
    assert not caplog.records


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (np.array([0, 1, 4, 2, 3, 0]), r"targets from 0 to 4; it needs classes from 0 to 3"),
        (np.array([0, 1, -1, 2, 3, 0]), r"targets from -1 to 3; it needs classes from 0 to 3"),
        (np.zeros(6), r"targets of dtype float64; it needs integers from 0 to 3"),
        (np.zeros(5, int), r"targets of shape \(5,\) for 6 examples"),
    ],
)
def test_targets_that_are_no_classes_are_refused_in_one_sentence(target, words):
    _, learner = learning()
    with pytest.raises(ValueError, match=words) as caught:
        learner.evaluate((examples()[0], target))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"routing_iterations": 0}, ("routing_iterations", "0", "greater than or equal to 1")),
        ({"m_plus": 0.1, "m_minus": 0.3}, ("m_minus is 0.3", "below")),
        ({"channels": (8, 8)}, ("2 channels", "1 kernel", "each")),
        ({"routing_iteration": 2}, ("routing_iteration", "did you mean routing_iterations")),
        ({"kernels": (21,)}, ("images of 20 x 20", "21 x 21")),
        ({"primary_kernel": 17}, ("images of 8 x 8", "17 x 17")),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises((SettingError, ValueError)) as caught:
        create("capsnet", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_examples_of_another_shape_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"CapsNet got x of shape \(2, 20, 19, 1\); it needs \('N', 20, 20, 1\)"):
        create("capsnet").predict(np.zeros((2, 20, 19, 1), np.float32))


def test_the_published_size_has_the_published_number_of_capsules_and_parameters():
    settings = {"channels": (256,), "kernels": (9,), "strides": (1,), "primary_types": 32, "primary_kernel": 9}
    network = create("capsnet", inputs=(28, 28, 1), outputs=10, decoder=(512, 1024), **settings)
    assert network.primary_grid == (6, 6)
    assert network.routing.weight.value.shape == (1152, 8, 10, 16)
    assert (
        network.num_parameters - network.decoder.num_parameters
        == 81 * 256 + 256 + 81 * 256 * 256 + 256 + 1152 * 8 * 160
    )


def test_shared_transformations_are_one_for_each_type_and_initialized_as_large_as_unshared_ones():
    free, shared = (create("capsnet", shared=shared) for shared in (False, True))
    num_primary = free.primary_grid[0] * free.primary_grid[1] * 8
    assert free.routing.weight.value.shape == (num_primary, 8, 3, 16)
    assert shared.routing.weight.value.shape == (8, 8, 3, 16)
    assert shared.routing.weight.value.std() == pytest.approx(free.routing.weight.value.std(), rel=0.1)


def test_scale_width_matches_the_parameters_of_another_architecture():
    architecture = get("capsnet")
    config = architecture.scale_width(architecture.configure({"channels": (10,), "primary_types": 4}), 0.5)
    assert (config.channels, config.primary_types, config.decoder, config.class_dim) == ((5,), 2, (128, 256), 16)
    task = Task(kind="classification", input="image", shape=(28, 28, 1), outputs=10)
    wide = Candidate(label="capsnet", experiment=architecture.experiments["quick"])
    thin = Candidate(
        label="fnn",
        experiment=Experiment(architecture="fnn", dataset="fashion-mnist-5k", epochs=1, batch_size=8),
    )
    sizes = [num_parameters(c, task) for c in equal_parameters([wide, thin], task)]
    assert max(sizes) <= 1.02 * min(sizes)


def test_fashion_mnist_is_classified_after_a_few_steps():
    data = datasets.entry("fashion-mnist-5k").load(0, {})
    architecture = get("capsnet")
    config = architecture.configure({"channels": (8,), "primary_types": 4, "decoder": (64,)})
    network = architecture.build(config, data.task, np.random.default_rng(0))
    learner = architecture.learner(network, config, data.task, lambda module: Adam(module, 3e-3))
    train, held_out = ([array[rows] for array in data.train] for rows in (slice(0, 1500), slice(1500, 2000)))
    Trainer(learner, epochs=4).run(ArrayBatches(tuple(train), 50, shuffle=True))
    metrics = learner.evaluate(tuple(held_out))
    assert metrics["accuracy"] > 0.65
    assert metrics["true_class_length"] > 0.4 > 0.2 > metrics["other_class_length"]
