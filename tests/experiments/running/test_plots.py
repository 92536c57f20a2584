"""Learning curve and confusion matrix."""

from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments.running.files import save_figure
from neuralzoo.experiments.running.plots import confusion_matrix, is_single_label, learning_curve, predicted_and_true
from neuralzoo.registry import Task

pytest.importorskip("matplotlib", reason="figures need the extra 'experiments'")


class Fixed:
    """A network with given predictions."""

    def __init__(self, classes, outputs):
        self.logits = np.eye(outputs)[np.asarray(classes)]

    def predict(self, inputs):
        return self.logits


def labelled(task, *arrays):
    return SimpleNamespace(task=task, test=arrays)


def test_the_confusion_matrix_of_labelled_steps_excludes_the_padding():
    task = Task(kind="sequence-labelling", input="sequence", shape=(3, 1), outputs=2, variable_length=True)
    x = np.zeros((2, 3, 1), np.float32)
    predicted = [[0, 1, 1], [1, 0, 0]]
    truth = np.array([[0, 0, 1], [1, 1, -1]])  # the last step of the first is beyond its length, and yet not masked
    found, true = predicted_and_true(Fixed(predicted, 2), labelled(task, x, np.array([2, 2]), truth))
    assert list(zip(found, true, strict=True)) == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_the_confusion_matrix_of_whole_sequences_has_one_prediction_each():
    task = Task(kind="classification", input="sequence", shape=(3, 1), outputs=2, variable_length=True)
    data = labelled(task, np.zeros((2, 3, 1), np.float32), np.array([1, 3]), np.array([1, 0]))
    found, true = predicted_and_true(Fixed([1, 1], 2), data)
    assert (found.tolist(), true.tolist()) == ([1, 1], [1, 0])


@pytest.mark.parametrize(
    ("kind", "target", "one"),
    [
        ("classification", "class", True),
        ("sequence-labelling", "class", True),
        ("classification", "classes", False),
        ("classification", "multilabel", False),
        ("sequence-labelling", "multilabel", False),
        ("language-modelling", "class", False),
        ("regression", "continuous", False),
    ],
)
def test_a_confusion_matrix_is_drawn_for_single_label_targets(kind, target, one):
    task = Task(kind=kind, target=target, input="sequence", shape=(3, 1), outputs=2)
    assert is_single_label(task) is one


def test_the_confusion_matrix_has_the_accuracy_as_its_title(tmp_path):
    with save_figure(tmp_path / "c.png") as figure:
        confusion_matrix(figure, np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]), (), 2)
    (axes,) = figure.axes
    assert axes.get_title() == "accuracy 75.0%"
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "1", (1, 0): "1", (1, 1): "2"}  # (predicted, true)


def drawn_curves(tmp_path, history):
    with save_figure(tmp_path / "l.png") as figure:
        learning_curve(figure, history)
    return {axes.get_title(): {line.get_label(): list(line.get_ydata()) for line in axes.lines} for axes in figure.axes}


def test_the_learning_curve_has_loss_and_accuracy_of_both_splits(tmp_path):
    history = [
        {"train/loss": 2.0, "train/accuracy": 0.5, "train/norm": 9.0, "val/loss": 3.0, "val/accuracy": 0.4},
        {"train/loss": 1.0, "train/accuracy": 0.7, "train/norm": 8.0, "val/loss": 2.5, "val/accuracy": 0.6},
    ]
    assert drawn_curves(tmp_path, history) == {
        "loss": {"train": [2.0, 1.0], "val": [3.0, 2.5]},
        "accuracy": {"train": [0.5, 0.7], "val": [0.4, 0.6]},
    }


def test_without_loss_and_accuracy_the_learning_curve_has_the_other_metrics(tmp_path):
    history = [{"train/generator": 1.0, "train/discriminator": 2.0, "val/generator": 3.0, "time/train_s": 0.1}]
    assert drawn_curves(tmp_path, history) == {
        "generator": {"train": [1.0], "val": [3.0]},
        "discriminator": {"train": [2.0]},
    }
