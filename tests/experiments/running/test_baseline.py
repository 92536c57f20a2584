"""The constant answer: what it has, which runs are worse, and where that is said."""

import json
import math
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.metric import MetricInfo
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running.baseline import WorseThanConstantWarning, constant_answer, worse_than_constant
from neuralzoo.registry import Task


def assembled(train, test, quantity, **task):
    """Return what an assembly needs to have: the targets, the task, and what the loss measures."""
    x = np.zeros((len(train), 4, 1), np.float32)
    return SimpleNamespace(
        train=SimpleNamespace(arrays=(x, train)),
        test=SimpleNamespace(arrays=(x[: len(test)], test)),
        data=SimpleNamespace(task=Task(input="sequence", shape=(4, 1), **task)),
        learner=SimpleNamespace(metric_info={"loss": MetricInfo(quantity, "lower")}),
    )


def classes(train=(0, 0, 0, 1, 2), test=(0, 0, 1, 2), quantity="cross-entropy"):
    return assembled(np.array(train), np.array(test), quantity, kind="classification", outputs=3)


def numbers(quantity="mean squared error", kind="regression"):
    return assembled(np.array([[1.0], [3.0]]), np.array([[2.0], [6.0]]), quantity, kind=kind, outputs=1)


def test_of_classes_it_is_the_most_frequent_one_and_the_frequencies():
    found = constant_answer(classes())
    assert found["accuracy"] == 0.5
    assert found["loss"] == pytest.approx(-(2 * math.log(4 / 8) + 2 * math.log(2 / 8)) / 4)
    assert constant_answer(classes(quantity="margin loss")) == {"accuracy": 0.5}


def test_padding_is_not_counted():
    padded = np.array([[0, 0, -1, -1], [1, 0, 0, -1]])
    found = constant_answer(assembled(padded, padded, "cross-entropy", kind="sequence-labelling", outputs=2))
    assert found["accuracy"] == 4 / 5
    assert found["loss"] == pytest.approx(-(4 * math.log(5 / 7) + math.log(2 / 7)) / 5)


def test_of_numbers_it_is_the_mean_of_the_training_targets():
    assert constant_answer(numbers()) == {"mean_squared_error": 8.0, "sse_per_example": 8.0, "loss": 8.0}
    assert "loss" not in constant_answer(numbers("another loss"))
    assert constant_answer(numbers(kind="generation")) == {}


@pytest.mark.parametrize(
    ("a", "metrics", "worse"),
    [
        (classes(), {"test/loss": 4e16, "test/accuracy": 0.33}, ["test/loss"]),
        (classes(), {"test/loss": 1.2, "test/accuracy": 0.4}, []),  # hardly trained
        (classes((0,) * 90 + (1,) * 10, (0,) * 90 + (1,) * 10), {"test/accuracy": 0.5}, ["test/accuracy"]),
        (classes((0, 1, 2) * 100, (0, 1, 2) * 100), {"test/loss": 5.0, "test/accuracy": 0.6}, []),  # too sure
        (classes((0, 1, 2) * 100, (0, 1, 2) * 100), {"test/loss": 1.3, "test/accuracy": 0.30}, []),
        (classes(), {"test/loss": math.nan, "test/accuracy": math.nan}, []),  # has its own warning
        (numbers(), {"test/loss": 13.0, "test/mean_absolute_error": 3.0}, ["test/loss"]),
        (numbers(), {"test/loss": 11.0}, []),
        (numbers("another loss"), {"test/loss": 1e9}, []),
    ],
)
def test_metrics_are_worse_by_a_clear_margin_only(a, metrics, worse):
    assert list(worse_than_constant(a, metrics, steps=1000)) == worse


def test_a_network_that_is_hardly_trained_is_judged_by_its_loss_beyond_ten_times():
    imbalanced = classes((0,) * 90 + (1,) * 10, (0,) * 90 + (1,) * 10)
    assert worse_than_constant(imbalanced, {"test/loss": 3.0, "test/accuracy": 0.5}, steps=99) == {}
    assert list(worse_than_constant(imbalanced, {"test/loss": 1e4, "test/accuracy": 0.5}, steps=1)) == ["test/loss"]


def test_a_useless_run_warns_once_in_one_sentence_and_its_result_says_so(tiny, tmp_path):
    wild = tiny.set(["optimizer.lr=1e6", "epochs=1"])
    with pytest.warns(WorseThanConstantWarning) as caught:
        result = runner.run(wild, track=False, root=tmp_path)
    (warning,) = caught
    assert re.fullmatch(
        r"the network has test/loss \S+ \(against 0.69\d+\), which is worse than always answering the most frequent "
        "class of the training targets; it needs another learning rate, or more epochs",
        str(warning.message),
    )
    assert list(json.loads(result.folder.result.read_text()).get("worse_than_constant", {})) == ["test/loss"]


def test_a_run_that_learns_says_nothing(tiny, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", WorseThanConstantWarning)
        result = runner.run(tiny.set(["epochs=1"]), track=False, root=tmp_path)
    assert not json.loads(result.folder.result.read_text()).get("worse_than_constant")
