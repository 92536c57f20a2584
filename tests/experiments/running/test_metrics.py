"""Metrics: formatting, unit and direction."""

import math

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import Supervised
from neuralzoo.core.testing.examples import tiny_data
from neuralzoo.experiments.claims.results import load
from neuralzoo.experiments.running.assembly import primary_metric_info
from neuralzoo.experiments.running.metrics import (
    MetricInfo,
    NotFiniteWarning,
    format_metric,
    format_value,
    lower_is_better,
    metric_info,
    unit_of,
    warn_of_not_finite,
)
from neuralzoo.registry import Task, build, get, learner, names


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.98765, 4, "0.9877"),
        (-370.5544, 3, "-370.554"),
        (2.0413e-6, 3, "2.04e-06"),
        (-0.00071249, 4, "-0.000712"),
        (0.005, 3, "0.005"),
        (0.0, 3, "0.000"),
        (math.nan, 3, "nan"),
        (math.inf, 4, "inf"),
    ],
)
def test_a_small_metric_keeps_three_significant_digits(value, decimals, text):
    assert format_metric(value, decimals) == text


def test_counts_are_written_with_thousands_separators_and_metrics_with_four_decimals():
    written = [format_value(x) for x in (133378.0, 0.51234567, 0.00001234, 0.0, 1.0)]
    assert written == ["133,378", "0.5123", "1.23e-05", "0.0000", "1.0000"]


@pytest.mark.parametrize(
    ("metric", "unit", "direction"),
    [
        ("test/accuracy", "fraction", "higher"),
        ("test/loss", "", "lower"),
        ("test/nats_per_step", "nats/step", "lower"),
        ("test/mean_squared_error", "", "lower"),
        ("denoised_psnr", "dB", "higher"),
        ("accuracy_drop_3", "fraction", "lower"),
        ("variance_1956_1979", "", "lower"),
        ("time/train_s", "s", "lower"),
        ("train/grad_norm", "", "neither"),
    ],
)
def test_a_metric_declares_unit_and_direction(metric, unit, direction):
    assert (metric_info(metric).unit, metric_info(metric).direction) == (unit, direction)


@pytest.mark.parametrize("metric", ["test/top_1", "test/my_accuracy", "test/newloss", "test/glossy"])
def test_a_metric_that_is_not_declared_has_no_direction_by_the_end_of_its_name(metric):
    assert metric_info(metric) is None
    assert not lower_is_better(metric)
    assert unit_of(metric) == ""


def test_a_learner_declares_metrics_of_its_own():
    own = MetricInfo("seconds of silence", "higher", "s")

    class Own(Supervised):
        metric_info = {"silence": own}  # noqa: RUF012

    learner = Own.__new__(Own)
    assert metric_info("test/silence", learner) == own
    assert metric_info("test/silence") is None


LOSSES = [
    ("fnn", {}, {}, "cross-entropy"),
    ("fnn", {}, {"kind": "regression"}, "mean squared error"),
    ("rbfn", {}, {}, "cross-entropy"),
    ("modular", {}, {}, "cross-entropy"),
    ("modular", {"loss": "cooperative"}, {}, "cross-entropy"),
    ("modular", {}, {"kind": "regression"}, "negative log-likelihood, normal with standard deviation"),
    ("modular", {"loss": "cooperative"}, {"kind": "regression"}, "mean squared error"),
]


@pytest.mark.parametrize(("name", "model", "task", "quantity"), LOSSES, ids=str)
def test_a_loss_says_what_it_measures(name, model, task, quantity):
    plain = {"kind": "classification", "input": "tabular", "shape": (3,), "outputs": 3}
    assert metric_info("test/loss", learner_of(name, model, Task(**plain | task))).quantity.startswith(quantity)


@pytest.mark.parametrize("name", sorted(names()))
def test_every_metric_of_a_built_in_learner_is_declared(name):
    task = get(name).example
    learner, data = learner_of(name, {}, task), tiny_data(task)
    ctx = Context(training=True, rng=np.random.default_rng(0))
    learner.prepare(ArrayBatches(data, len(data[0])), ctx)
    reported = learner.learn(data, ctx) | learner.evaluate(data)
    assert [metric for metric in reported if metric_info(metric, learner) is None] == []
    assert metric_info("loss", learner) != metric_info("loss"), "its loss says what it measures"


def test_every_metric_of_the_saved_verdicts_is_declared():
    saved = {metric for verdict in load() for by_metric in verdict.values.values() for metric in by_metric}
    assert [metric for metric in sorted(saved) if metric_info(metric) is None] == []


def test_an_experiment_knows_what_its_primary_metric_measures():
    experiment = get("fnn").experiments["quick"]
    loss = experiment.set(["primary_metric=test/loss"])
    assert primary_metric_info(experiment).quantity == "accuracy"
    assert primary_metric_info(loss).quantity == "cross-entropy"
    assert primary_metric_info(experiment.set(["primary_metric=test/unheard_of"])) is None


def learner_of(name, model, task):
    architecture = get(name)
    module = build(architecture, model, task, 0)
    return learner(architecture, module, architecture.configure(model), task, lambda module: Adam(module, 0.01))


def test_metrics_that_are_not_finite_are_warned_of():
    with pytest.warns(NotFiniteWarning, match="^val/loss, test/loss not finite: the network has diverged"):
        warn_of_not_finite({"train/loss": 1.0, "val/loss": float("nan"), "test/loss": float("inf")})
