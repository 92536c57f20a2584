"""Metrics: formatting, unit and direction."""

import math

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.testing.examples import tiny_data
from neuralzoo.experiments.claims.results import load
from neuralzoo.experiments.running.assembly import primary_metric_info
from neuralzoo.experiments.running.metrics import (
    COMMON,
    MetricInfo,
    NotFiniteWarning,
    format_metric,
    format_value,
    metric_info,
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
    ("architecture", "metric", "unit", "direction"),
    [
        ("fnn", "test/accuracy", "fraction", "higher"),
        ("fnn", "test/loss", "", "lower"),
        ("lstm", "test/nats_per_step", "nats/step", "lower"),
        ("fnn", "test/mean_squared_error", "", "lower"),
        ("autoencoder", "denoised_psnr", "dB", "higher"),
        ("cnn", "accuracy_drop_3", "fraction", "lower"),
        ("rnn", "variance_1956_1979", "", "lower"),
        ("fnn", "time/train_s", "s", "lower"),
        ("fnn", "train/grad_norm", "", "neither"),
    ],
)
def test_a_metric_declares_unit_and_direction(architecture, metric, unit, direction):
    info = metric_info(metric, get(architecture).metrics)
    assert (info.unit, info.direction) == (unit, direction)


@pytest.mark.parametrize("metric", ["test/top_1", "test/my_accuracy", "test/newloss", "test/glossy"])
def test_a_metric_that_is_not_declared_has_no_direction_by_the_end_of_its_name(metric):
    assert metric_info(metric, *(get(name).metrics for name in names())) is None


def test_what_was_declared_first_counts():
    own = MetricInfo("seconds of silence", "higher", "s")
    assert metric_info("test/silence", {"silence": own}) == own
    assert metric_info("test/loss", {}, {"loss": own}) == own
    assert metric_info("test/loss_3", {"loss_3": own}, {"loss": MetricInfo("another", "lower")}) == own
    assert metric_info("test/silence", {}) is None


def test_only_metrics_that_no_architecture_has_for_itself_are_declared_for_all():
    own = {metric for name in names() for metric in get(name).metrics}
    assert own.isdisjoint(COMMON)
    assert {"accuracy_drop", "frechet", "kl", "nrmse"} <= own


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
    learner = learner_of(name, model, Task(**plain | task))
    assert metric_info("test/loss", learner.metric_info).quantity.startswith(quantity)


@pytest.mark.parametrize("name", sorted(names()))
def test_every_metric_of_a_built_in_learner_is_declared(name):
    task = get(name).example
    learner, data = learner_of(name, {}, task), tiny_data(task)
    ctx = Context(training=True, rng=np.random.default_rng(0))
    learner.prepare(ArrayBatches(data, len(data[0])), ctx)
    reported = learner.learn(data, ctx) | learner.evaluate(data)
    declared = learner.metric_info, get(name).metrics
    assert [metric for metric in reported if metric_info(metric, *declared) is None] == []
    assert metric_info("loss", *declared) != metric_info("loss"), "its loss says what it measures"


def test_every_metric_of_the_saved_verdicts_is_declared():
    saved = {(v.architecture, metric) for v in load() for by_metric in v.values.values() for metric in by_metric}
    assert [one for one in sorted(saved) if metric_info(one[1], get(one[0]).metrics) is None] == []


def test_every_evaluator_of_a_built_in_claim_is_declared():
    found = {(name, metric) for name in names() for claim in get(name).claims for metric in claim.evaluators}
    assert [one for one in sorted(found) if metric_info(one[1], get(one[0]).metrics) is None] == []


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
