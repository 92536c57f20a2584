from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.layer import Context


def learner(kind, outputs=3, target="class"):
    module = Dense(4, outputs, np.random.default_rng(0))
    return supervised(module, None, SimpleNamespace(kind=kind, target=target), lambda module: Adam(module, 0.1))


@pytest.mark.parametrize(
    ("kind", "target", "loss", "metrics"),
    [
        ("classification", "class", CrossEntropy, {"accuracy"}),
        ("classification", "multilabel", BinaryCrossEntropy, {"accuracy"}),
        ("sequence-labelling", "class", CrossEntropy, {"accuracy"}),
        ("sequence-labelling", "multilabel", BinaryCrossEntropy, {"accuracy", "nats_per_step"}),
        ("language-modelling", "class", CrossEntropy, {"accuracy"}),
        ("regression", "continuous", MeanSquaredError, {"mean_absolute_error"}),
        ("reconstruction", "continuous", MeanSquaredError, set()),
    ],
)
def test_the_kinds_of_task_and_target_decide_loss_and_metrics(kind, target, loss, metrics):
    assert isinstance(learner(kind, target=target).loss, loss)
    assert learner(kind, target=target).metrics.keys() == metrics


def test_classes_are_learned():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    batch = (x, x[:, :3].argmax(axis=1))
    learning = learner("classification")
    before = learning.evaluate(batch)
    for _ in range(150):
        learning.learn(batch, Context(training=True, rng=rng))
    after = learning.evaluate(batch)
    assert after["accuracy"] > 0.95 > before["accuracy"]
    assert after["loss"] < before["loss"]


def test_a_linear_function_is_learned_exactly():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    batch = (x, x @ np.float32([[1], [-2], [3], [0]]) + np.float32(0.5))
    learning = learner("regression", outputs=1)
    for _ in range(500):
        learning.learn(batch, Context(training=True, rng=rng))
    np.testing.assert_allclose(learning.module.weight.value.ravel(), [1, -2, 3, 0], atol=1e-3)
    assert learning.evaluate(batch)["mean_absolute_error"] < 1e-3


class Framewise(Dense):
    """A dense layer for each step of padded sequences, which come with their lengths."""

    def __call__(self, inputs, ctx):
        return super().__call__(inputs[0], ctx)


def padded_learner(target, seed=0):
    module = Framewise(4, 3, np.random.default_rng(seed))
    task = SimpleNamespace(kind="sequence-labelling", target=target)
    return supervised(module, None, task, lambda module: Adam(module, 0.1))


def sequences(target):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 6, 4)).astype(np.float32)
    y = rng.integers(0, 3, (5, 6)) if target == "class" else rng.integers(0, 2, (5, 6, 3)).astype(np.float32)
    return x, np.array([6, 1, 3, 2, 5]), y


@pytest.mark.parametrize("target", ["class", "multilabel"])
def test_padding_is_masked(target):
    x, lengths, y = sequences(target)
    other_x, other_y = x.copy(), y.copy()
    for row, length in enumerate(lengths):
        other_x[row, length:], other_y[row, length:] = 7, 1
    states = []
    for batch in ((x, lengths, y), (other_x, lengths, other_y)):
        learning = padded_learner(target)
        metrics = learning.evaluate(batch), learning.learn(batch, Context(training=True, rng=None))
        states.append((metrics, learning.module.weight.value.tobytes(), learning.num_examples(batch)))
    assert states[0] == states[1]


@pytest.mark.parametrize(("target", "each"), [("class", 1), ("multilabel", 3)])
def test_batches_are_weighted_by_their_unmasked_targets(target, each):
    x, lengths, y = sequences(target)
    learning = padded_learner(target)
    assert learning.num_examples((x, lengths, y)) == 17 * each
    halves = [(x[:2], lengths[:2], y[:2]), (x[2:], lengths[2:], y[2:])]
    whole, parts = learning.evaluate((x, lengths, y)), learning.evaluate_all(halves)
    assert parts == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(("kind", "target"), [("generation", "continuous"), ("classification", "classes")])
def test_another_kind_of_task_is_refused_in_one_sentence(kind, target):
    words = f"^supervised got a task of kind {kind!r} with targets of kind {target!r}; it needs .*continuous$"
    with pytest.raises(ValueError, match=words):
        learner(kind, target=target)
