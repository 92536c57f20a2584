import numpy as np
import pytest

from neuralzoo.core.blocks.metrics import accuracy, mean_absolute_error, multilabel_accuracy, nats_per_step


def test_accuracy_is_the_fraction_of_correct_argmax_predictions():
    logits = np.array([[[1, 2, 3], [3, 2, 1]], [[0, 5, 0], [0, 0, 9]]])
    assert accuracy(logits, np.array([[2, 0], [1, 0]])) == 0.75


def test_accuracy_ignores_masked_targets():
    logits = np.array([[[1, 2, 3], [3, 2, 1]], [[0, 5, 0], [0, 0, 9]]])
    assert accuracy(logits, np.array([[2, -1], [-1, 0]])) == 0.5


def test_multilabel_accuracy_is_the_fraction_of_correct_signs():
    assert multilabel_accuracy(np.array([[3.0, -2.0], [-1.0, 4.0]]), np.array([[1, 0], [1, 1]])) == 0.75
    assert multilabel_accuracy(np.array([[[3.0, -2.0], [-1.0, 4.0]]]), np.array([[[1, -1], [1, -1]]])) == 0.5


@pytest.mark.parametrize(
    ("metric", "targets"), [(accuracy, np.full((3, 1), -1)), (multilabel_accuracy, np.full((3, 1, 2), -1))]
)
def test_accuracy_of_masked_targets_alone_raises(metric, targets):
    with pytest.raises(
        ValueError, match=rf"^{metric.__name__} got only targets of -1, which are masked; it needs one that is not"
    ):
        metric(np.zeros((3, 1, 2)), targets)


def test_mean_absolute_error_has_known_values():
    assert mean_absolute_error(np.array([[1.0, -2.0]]), np.array([[0.0, 3.0]])) == 3.0


@pytest.mark.parametrize("metric", [accuracy, multilabel_accuracy, mean_absolute_error])
def test_shapes_that_would_only_broadcast_raise(metric):
    with pytest.raises(ValueError, match=rf"^{metric.__name__} got .*\(3, 2\).*\(3, 1\); it needs"):
        metric(np.zeros((3, 2)), np.zeros((3, 1)))


def test_nats_per_step_sum_over_the_labels_of_a_step():
    prediction, target = np.zeros((2, 3, 88)), np.random.default_rng(0).integers(0, 2, (2, 3, 88)).astype(float)
    assert nats_per_step(prediction, target) == pytest.approx(88 * np.log(2))


def test_nats_per_step_ignore_masked_steps():
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(2, 4, 5)), rng.integers(0, 2, (2, 4, 5)).astype(float)
    target[1, 2:] = -1
    each = np.log1p(np.exp(prediction)) - target * prediction
    expected = (each[0].sum() + each[1, :2].sum()) / 6
    assert nats_per_step(prediction, target) == pytest.approx(expected)
