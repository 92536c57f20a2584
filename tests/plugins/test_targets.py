"""Targets of every architecture: what they may be, and what is refused, is the same for all."""

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.testing.examples import tiny_data
from neuralzoo.core.testing.training import watch_gradients
from neuralzoo.registry import Task, build, get, learner, names

SHAPES = {"tabular": (5,), "image": (28, 28, 1), "sequence": (6, 3)}
CLASSIFIERS = sorted(name for name in names() if "classification" in get(name).tasks)
LABELLERS = sorted(name for name in names() if "sequence-labelling" in get(name).tasks)


def task_of(name, kind, **more):
    fitting = (chosen for chosen in SHAPES if chosen in get(name).inputs)
    chosen = "sequence" if kind == "sequence-labelling" else next(fitting)
    return Task(kind=kind, input=chosen, shape=SHAPES[chosen], outputs=3, **more)


def trained(name, task, data):
    """Return the metrics after `prepare` and a step, whose gradients have the dtype of their parameters."""
    architecture = get(name)
    settings = {"rbfn": {"units": 4}, "autoencoder": {"loss": "squared_error", "hidden": (8,)}}.get(name, {})
    module = build(architecture, settings, task, 0)
    config = architecture.configure(settings)
    made = learner(architecture, module, config, task, lambda module: Adam(module, 0.01))
    ctx = Context(training=True, rng=np.random.default_rng(0))
    watch_gradients(made)
    made.prepare(ArrayBatches(data, len(data[0])), ctx)
    step = made.learn(data, ctx)
    return step | {f"then {name}": value for name, value in made.evaluate(data).items()}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_takes_integers_of_any_kind_and_truth_values(name):
    task = task_of(name, "classification")
    *inputs, target = tiny_data(task)
    expected = trained(name, task, (*inputs, target))
    for dtype in (np.uint8, np.int16, np.uint64):
        assert trained(name, task, (*inputs, target.astype(dtype))) == expected
    truth = target > 0
    assert trained(name, task, (*inputs, truth)) == trained(name, task, (*inputs, truth.astype(np.int64)))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_refuses_what_is_no_class_in_one_sentence(name):
    task = task_of(name, "classification")
    *inputs, target = tiny_data(task)
    for wrong in (np.where(target == 0, -1, target), np.where(target == 0, 3, target), target - 5):
        with pytest.raises(ValueError, match=r"got targets from .*; it needs classes from 0 to 2$"):
            trained(name, task, (*inputs, wrong))
    for dtype in (np.float32, np.float64, str, object):
        with pytest.raises(ValueError, match=r": [^.;]* got [^.;]*; it needs [^.;]*$"):
            trained(name, task, (*inputs, target.astype(dtype)))


@pytest.mark.parametrize(
    ("name", "target"), [(n, t) for n in LABELLERS for t in ("class", "multilabel") if t in get(n).targets]
)
def test_padding_is_masked_in_every_kind_of_target(name, target):
    task = task_of(name, "sequence-labelling", target=target, variable_length=True)
    *inputs, y = tiny_data(task)
    y = np.where(y > 0, 1, 0)  # nothing but the lengths says what is padding
    expected = trained(name, task, (*inputs, y))
    for dtype in (bool, np.uint8, np.int8, np.uint64, *([np.float32, np.float64] if target == "multilabel" else ())):
        assert trained(name, task, (*inputs, y.astype(dtype))) == expected


@pytest.mark.parametrize("name", LABELLERS)
def test_a_batch_of_nothing_but_padding_changes_nothing(name):
    task = task_of(name, "sequence-labelling")
    x, y = tiny_data(task)
    architecture = get(name)
    module = build(architecture, {}, task, 0)
    made = learner(architecture, module, architecture.configure({}), task, lambda module: Adam(module, 0.01))
    before = {key: array.tobytes() for key, array in made.state().items()}
    masked = (x, np.full_like(y, -1))
    assert made.learn(masked, Context(training=True, rng=np.random.default_rng(0))) == {}
    assert made.evaluate(masked) == {}
    assert made.num_examples(masked) == 0
    assert {key: array.tobytes() for key, array in made.state().items()} == before
    assert made.evaluate_all([masked, (x, y)]) == made.evaluate((x, y))


@pytest.mark.parametrize(
    ("name", "kind"),
    [(n, kind) for n in sorted(names()) for kind in ("regression", "reconstruction") if kind in get(n).tasks],
)
def test_continuous_targets_of_any_dtype_have_the_gradient_of_float32(name, kind):
    task = get(name).example.model_copy(update={"kind": kind, "target": "continuous"})
    if kind == "regression":
        task = task_of(name, kind, target="continuous")
    *inputs, target = tiny_data(task)
    target = np.rint(target * 3) if kind == "regression" else np.rint(target)
    expected = trained(name, task, (*inputs, target.astype(np.float32)))
    for dtype in (np.float64, np.int64):
        found = trained(name, task, (*inputs, target.astype(dtype)))
        assert found.get("grad_norm") == expected.get("grad_norm")
        assert found == pytest.approx(expected, rel=1e-5)  # a metric may be computed in float64
