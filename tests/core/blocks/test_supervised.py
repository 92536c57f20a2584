from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.losses import CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.layer import Context


def learner(kind, outputs=3):
    module = Dense(4, outputs, np.random.default_rng(0))
    return supervised(module, None, SimpleNamespace(kind=kind), lambda module: Adam(module, 0.1))


@pytest.mark.parametrize(
    ("kind", "loss", "measures"),
    [
        ("classification", CrossEntropy, {"accuracy"}),
        ("sequence-labelling", CrossEntropy, {"accuracy"}),
        ("language-modelling", CrossEntropy, {"accuracy"}),
        ("regression", MeanSquaredError, {"mean_absolute_error"}),
        ("reconstruction", MeanSquaredError, set()),
    ],
)
def test_the_kind_of_task_decides_loss_and_measures(kind, loss, measures):
    assert isinstance(learner(kind).loss, loss)
    assert learner(kind).measures.keys() == measures


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


def test_another_kind_of_task_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"^supervised got a task of kind 'generation'; it needs .*reconstruction$"):
        learner("generation")
