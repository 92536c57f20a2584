import numpy as np

from neuralzoo.experiments.datasets import conflicting_subtasks as subtasks
from neuralzoo.experiments.datasets import load


def test_targets_of_the_sub_tasks_are_in_conflict():
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 6))
    targets = subtasks.subtask_targets(points)
    np.testing.assert_allclose(targets.sum(axis=1), 0, atol=1e-12)
    correlation = np.corrcoef(targets.T)
    np.testing.assert_allclose(correlation[~np.eye(4, dtype=bool)], -1 / 3, atol=0.1)


def test_the_target_is_that_of_the_selected_sub_task():
    x, y = load("four-subtasks", train=400).train
    assert set(np.unique(x[:, 6:])) == {0, 1}
    assert (x[:, 6:].sum(axis=1) == 1).all()
    selected = x[:, 6:].argmax(axis=1)
    np.testing.assert_allclose(y[:, 0], subtasks.subtask_targets(x[:, :6])[np.arange(400), selected], atol=1e-5)
    for subtask in range(4):
        own = selected == subtask
        found = np.linalg.lstsq(x[own, :6], y[own, 0], rcond=None)[0]
        np.testing.assert_allclose(found, subtasks.WEIGHTS[subtask], atol=1e-4)


def test_no_linear_model_of_all_inputs_explains_the_targets():
    x, y = load("four-subtasks").train
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    assert residual.var() > 0.97 * y.var()
