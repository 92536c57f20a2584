import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.losses import CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import Learner, Mean, Supervised
from neuralzoo.core.optimizer import DivergenceError


def mean_of(prediction, target):
    return float(prediction.mean())


@pytest.fixture
def learner():
    layer = Dense(3, 2, np.random.default_rng(0))
    return Supervised(layer, MeanSquaredError(), SGD(layer, 0.1), {"mean": mean_of})


def batch(examples=6, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(examples, 3)).astype(np.float32), rng.normal(size=(examples, 2)).astype(np.float32)


def training():
    return Context(training=True, rng=np.random.default_rng(2))


def test_a_step_goes_down_the_gradient_of_the_mean_squared_error(learner):
    x, y = batch()
    weight, bias = learner.layer.weight.value.copy(), learner.layer.bias.value.copy()
    error = 2 * (x @ weight + bias - y) / y.size
    learner.learn((x, y), training())
    np.testing.assert_allclose(learner.layer.weight.value, weight - 0.1 * x.T @ error, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(learner.layer.bias.value, bias - 0.1 * error.sum(axis=0), rtol=1e-5, atol=1e-6)


def test_a_step_returns_loss_metrics_gradient_norm_and_learning_rate(learner):
    x, y = batch()
    prediction = learner.layer.predict(x)
    metrics = learner.learn((x, y), training())
    assert metrics.keys() == {"loss", "mean", "grad_norm", "lr"}
    assert metrics["loss"] == pytest.approx(float(((prediction - y) ** 2).mean()), rel=1e-5)
    assert metrics["mean"] == pytest.approx(float(prediction.mean()), rel=1e-5)
    assert metrics["lr"] == 0.1


def test_gradients_of_earlier_steps_are_discarded(learner):
    layer = learner.layer.copy()
    twin = Supervised(layer, MeanSquaredError(), SGD(layer, 0.1), {"mean": mean_of})
    learner.learn(batch(seed=5), training())
    layer.load_state(learner.layer.state())
    first, second = (one.learn(batch(), training()) for one in (learner, twin))
    assert first == second


def test_evaluation_changes_nothing(learner):
    before = learner.state()
    assert learner.evaluate(batch()) == learner.evaluate(batch())
    for name, array in learner.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_evaluation_is_without_dropout(small_run):
    learner = small_run.trainer().learner  # with dropout
    x, y = small_run.data
    assert learner.evaluate((x, y))["loss"] == CrossEntropy()(learner.layer.predict(x), y)[0]


def test_every_step_reuses_the_workspace(small_run):
    learner = small_run.trainer().learner
    for _ in range(3):
        learner.learn(small_run.data, training())
        lent = len(learner.workspace._arrays)
    learner.learn(small_run.data, training())
    assert len(learner.workspace._arrays) == lent


def test_metrics_in_batches_equal_those_of_one_batch(learner):
    x, y = batch(examples=10)
    whole = learner.evaluate((x, y))
    parts = learner.evaluate_all(ArrayBatches((x, y), 3).epoch(np.random.default_rng(0)))
    assert parts == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_a_divergence_error_and_changes_nothing(learner, poison):
    x, y = batch()
    learner.learn((x, y), training())
    before = learner.state()
    y[0] = poison
    with pytest.raises(DivergenceError, match=r"the loss at step 1 is (nan|inf); training needs a finite loss"):
        learner.learn((x, y), training())
    for name, array in learner.state().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("lr", [1e38, 3e38])
def test_divergence_is_one_error_without_numpy_warnings(lr):
    layer = Dense(3, 2, np.random.default_rng(0))
    learner = Supervised(layer, CrossEntropy(), SGD(layer, lr))  # warnings are errors here
    x, labels = 9 * batch()[0], np.arange(6) % 2
    learner.learn((x, labels), training())
    with pytest.raises(DivergenceError, match=r"the (loss|gradient) at step 1 "):
        learner.learn((x, labels), training())
    assert not np.isfinite(learner.evaluate((x, labels))["loss"])


def test_a_learner_restores_numpy_error_handling(learner):
    before = np.geterr()
    learner.learn(batch(), training())
    learner.evaluate(batch())
    assert np.geterr() == before


def test_load_state_makes_a_fresh_learner_equal(learner):
    learner.learn(batch(), training())
    layer = Dense(3, 2, np.random.default_rng(9))
    fresh = Supervised(layer, MeanSquaredError(), SGD(layer, 0.1), {"mean": mean_of})
    fresh.load_state(learner.state())
    assert fresh.learn(batch(seed=3), training()) == learner.learn(batch(seed=3), training())
    np.testing.assert_array_equal(fresh.layer.weight.value, learner.layer.weight.value)
    assert fresh.optimizers["main"].steps == 2


def test_the_state_of_a_learner_with_other_optimizers_is_refused(learner):
    state = {name: array for name, array in learner.state().items() if not name.startswith("optimizer.")}
    with pytest.raises(ValueError, match="SGD got no value for steps"):
        learner.load_state(state)


def test_a_learner_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Learner(Dense(1, 1, np.random.default_rng(0)), {})


def test_a_mean_weighs_batches_by_their_size():
    mean = Mean()
    mean.add({"loss": 1.0, "accuracy": 0.0}, 30)
    mean.add({"loss": 4.0}, 10)
    assert mean.value() == {"loss": 1.75, "accuracy": 0.0}


def test_a_mean_is_a_python_number_so_that_json_can_hold_it():
    mean = Mean()
    mean.add({"loss": np.float32(0.5)}, 2)
    assert type(mean.value()["loss"]) is float
    assert mean.value()["loss"] == 0.5
