import numpy as np

from neuralzoo.experiments.datasets import conflicting_subtasks as subtasks
from neuralzoo.experiments.datasets import load


def test_what_is_right_for_one_sub_task_is_wrong_for_the_others():
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 6))
    answers = subtasks.answers(points)
    np.testing.assert_allclose(answers.sum(axis=1), 0, atol=1e-12)
    correlation = np.corrcoef(answers.T)
    np.testing.assert_allclose(correlation[~np.eye(4, dtype=bool)], -1 / 3, atol=0.1)


def test_the_answer_is_that_of_the_sub_task_that_the_field_names():
    x, y = load("four-subtasks", train=400).train
    assert set(np.unique(x[:, 6:])) == {0, 1}
    assert (x[:, 6:].sum(axis=1) == 1).all()
    asked = x[:, 6:].argmax(axis=1)
    np.testing.assert_allclose(y[:, 0], subtasks.answers(x[:, :6])[np.arange(400), asked], atol=1e-5)
    for subtask in range(4):
        own = asked == subtask
        found = np.linalg.lstsq(x[own, :6], y[own, 0], rcond=None)[0]
        np.testing.assert_allclose(found, subtasks.WEIGHTS[subtask], atol=1e-4)


def test_no_weighted_sum_of_all_inputs_says_more_than_nothing():
    x, y = load("four-subtasks").train
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    assert rest.var() > 0.97 * y.var()
