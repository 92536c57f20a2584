"""Tiny data follow the whole task: lengths, and kinds of targets."""

import itertools

import numpy as np
import pytest

from neuralzoo.core.task import TARGET_KINDS
from neuralzoo.core.testing import tiny_data
from neuralzoo.core.testing.examples import prediction_shape
from neuralzoo.registry import Task

SHAPES = {"image": (4, 4, 1), "sequence": (5, 2), "tokens": (6,), "tabular": (3,)}
STEPS = ("language-modelling", "sequence-labelling")


def tasks():
    for (kind, answers), (name, shape) in itertools.product(TARGET_KINDS.items(), SHAPES.items()):
        if kind in STEPS and name not in ("sequence", "tokens"):
            continue
        for answer, lengths in itertools.product(
            answers, (False, True) if name in ("sequence", "tokens") else (False,)
        ):
            vocab_size = 4 if name == "tokens" else None
            sizes = {"shape": shape, "outputs": 4, "vocab_size": vocab_size}
            yield Task(kind=kind, input=name, target=answer, variable_length=lengths, **sizes)


TASKS = list(tasks())
IDS = [f"{t.kind}-{t.target}-{t.input}{'-lengths' * t.variable_length}" for t in TASKS]


@pytest.mark.parametrize("task", TASKS, ids=IDS)
def test_every_task_has_its_inputs_lengths_and_targets(task):
    batch = tiny_data(task)
    x, target = batch[0], batch[-1]
    assert len(batch) == 2 + task.variable_length
    assert x.shape == (8, *task.shape)
    answer = {"class": (), "classes": (2,)}.get(task.target, (task.outputs,))
    steps = task.shape[:1] if task.kind in STEPS else ()
    needed = task.shape if task.kind in ("reconstruction", "generation") else (*steps, *answer)
    assert target.shape == (8, *needed)
    if target is not x:
        assert target.dtype == (np.int64 if task.target in ("class", "classes") else np.float32)
    if task.target == "multilabel":
        assert set(np.unique(target)) == {0, 1}
        assert target.shape == prediction_shape(task, 8)
    if task.target in ("class", "classes"):
        assert -task.variable_length <= target.min() <= target.max() < task.outputs


@pytest.mark.parametrize(
    "task", [task for task in TASKS if task.variable_length], ids=lambda task: f"{task.kind}-{task.input}"
)
def test_padding_is_zero(task):
    x, lengths, target = tiny_data(task)
    assert lengths.dtype == np.int64
    assert lengths.min() >= 1
    assert lengths[0] == task.shape[0]
    assert len(set(lengths)) > 1
    nothing = -1 if task.target == "class" else 0
    for row, length in enumerate(lengths):
        assert not x[row, length:].any()
        if task.kind in STEPS:
            assert (target[row, length:] == nothing).all()
            assert (target[row, :length] >= 0).all()


def test_two_classes_of_an_example_differ():
    first, second = tiny_data(Task(kind="classification", input="tabular", shape=(3,), outputs=2, target="classes"))[
        1
    ].T
    assert (first != second).all()


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize(("kind", "answer"), [("classification", "class"), ("regression", "continuous")])
def test_equal_examples_have_equal_targets(kind, answer, lengths):
    sizes = {"shape": (2,), "vocab_size": 2, "outputs": 3}
    *inputs, target = tiny_data(Task(kind=kind, input="tokens", target=answer, variable_length=lengths, **sizes))
    answers = {}
    for *example, known in zip(*inputs, target, strict=True):
        answers.setdefault(repr(example), set()).add(repr(known))
    assert len(answers) < len(target)  # there are equal ones
    assert {len(known) for known in answers.values()} == {1}
