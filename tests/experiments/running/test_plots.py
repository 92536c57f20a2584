"""What the pictures say that every run has."""

from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments.running.figures import answers, confusion_matrix, has_one_class_each, learning_curve, page
from neuralzoo.registry import Task

pytest.importorskip("matplotlib", reason="pictures need the extra 'experiments'")


class Fixed:
    """A network whose answers are given."""

    def __init__(self, classes, outputs):
        self.logits = np.eye(outputs)[np.asarray(classes)]

    def predict(self, inputs):
        return self.logits


def labelled(task, *arrays):
    return SimpleNamespace(task=task, test=arrays)


def test_the_confusion_of_labelled_steps_leaves_out_the_padding():
    task = Task(kind="sequence-labelling", input="sequence", shape=(3, 1), outputs=2, lengths=True)
    x = np.zeros((2, 3, 1), np.float32)
    predicted = [[0, 1, 1], [1, 0, 0]]
    truth = np.array([[0, 0, 1], [1, 1, -1]])  # the last step of the first is beyond its length, and yet not marked
    found, true = answers(Fixed(predicted, 2), labelled(task, x, np.array([2, 2]), truth))
    assert list(zip(found, true, strict=True)) == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_the_confusion_of_whole_sequences_is_one_answer_each():
    task = Task(kind="classification", input="sequence", shape=(3, 1), outputs=2, lengths=True)
    data = labelled(task, np.zeros((2, 3, 1), np.float32), np.array([1, 3]), np.array([1, 0]))
    found, true = answers(Fixed([1, 1], 2), data)
    assert (found.tolist(), true.tolist()) == ([1, 1], [1, 0])


@pytest.mark.parametrize(
    ("kind", "answer", "one"),
    [
        ("classification", "class", True),
        ("sequence-labelling", "class", True),
        ("classification", "classes", False),
        ("classification", "marks", False),
        ("sequence-labelling", "marks", False),
        ("language-modelling", "class", False),
        ("regression", "numbers", False),
    ],
)
def test_a_confusion_matrix_is_drawn_where_an_answer_is_one_class(kind, answer, one):
    task = Task(kind=kind, answer=answer, input="sequence", shape=(3, 1), outputs=2)
    assert has_one_class_each(task) is one


def test_the_confusion_matrix_says_the_share_that_is_right(tmp_path):
    with page(tmp_path / "c.png") as figure:
        confusion_matrix(figure, np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]), (), 2)
    (axes,) = figure.axes
    assert axes.get_title() == "75.0% right"
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "1", (1, 0): "1", (1, 1): "2"}  # (predicted, true)


def drawn_curves(tmp_path, history):
    with page(tmp_path / "l.png") as figure:
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


def test_where_there_is_neither_loss_nor_accuracy_the_learning_curve_has_what_there_is(tmp_path):
    history = [{"train/generator": 1.0, "train/discriminator": 2.0, "val/generator": 3.0, "time/train_s": 0.1}]
    assert drawn_curves(tmp_path, history) == {
        "generator": {"train": [1.0], "val": [3.0]},
        "discriminator": {"train": [2.0]},
    }
