"""Targets of every architecture: what they may be, and what is refused, is the same for all."""

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.testing.examples import tiny_data
from neuralzoo.registry import Task, build, get, learner, names

SHAPES = {"tabular": (5,), "image": (28, 28, 1), "sequence": (6, 3)}
CLASSIFIERS = sorted(name for name in names() if "classification" in get(name).tasks)
LABELLERS = sorted(name for name in names() if "sequence-labelling" in get(name).tasks)


def task_of(name, kind, **more):
    fitting = (chosen for chosen in SHAPES if chosen in get(name).inputs)
    chosen = "sequence" if kind == "sequence-labelling" else next(fitting)
    return Task(kind=kind, input=chosen, shape=SHAPES[chosen], outputs=3, **more)


def trained(name, task, data):
    """Return the metrics after `prepare` and a step."""
    architecture = get(name)
    settings = {"units": 4} if name == "rbfn" else {}
    module = build(architecture, settings, task, 0)
    config = architecture.configure(settings)
    made = learner(architecture, module, config, task, lambda module: Adam(module, 0.01))
    ctx = Context(training=True, rng=np.random.default_rng(0))
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
        with pytest.raises(ValueError, match=r"^[^.;]* got [^.;]*; it needs [^.;]*$"):
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
