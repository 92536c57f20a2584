import numpy as np
import pytest

from neuralzoo.core.blocks.metrics import accuracy, mark_accuracy, mean_absolute_error, nats_per_step


def test_accuracy_is_the_share_of_largest_logits_that_are_right():
    logits = np.array([[[1, 2, 3], [3, 2, 1]], [[0, 5, 0], [0, 0, 9]]])
    assert accuracy(logits, np.array([[2, 0], [1, 0]])) == 0.75


def test_padding_does_not_count_in_accuracy():
    logits = np.array([[[1, 2, 3], [3, 2, 1]], [[0, 5, 0], [0, 0, 9]]])
    assert accuracy(logits, np.array([[2, -1], [-1, 0]])) == 0.5


def test_mark_accuracy_is_the_share_of_signs_that_are_right():
    assert mark_accuracy(np.array([[3.0, -2.0], [-1.0, 4.0]]), np.array([[1, 0], [1, 1]])) == 0.75
    assert mark_accuracy(np.array([[3.0, -2.0], [-1.0, 4.0]]), np.array([[1, -1], [1, -1]])) == 0.5


@pytest.mark.parametrize(("measure", "targets"), [(accuracy, np.full(3, -1)), (mark_accuracy, np.full((3, 2), -1))])
def test_padding_alone_has_no_accuracy(measure, targets):
    with pytest.raises(ValueError, match=rf"^{measure.__name__} got no target that counts; it needs one that is not"):
        measure(np.zeros((3, 2)), targets)


def test_mean_absolute_error_is_the_mean_distance():
    assert mean_absolute_error(np.array([[1.0, -2.0]]), np.array([[0.0, 3.0]])) == 3.0


@pytest.mark.parametrize("measure", [accuracy, mark_accuracy, mean_absolute_error])
def test_shapes_that_would_only_broadcast_are_refused(measure):
    with pytest.raises(ValueError, match=rf"^{measure.__name__} got .*\(3, 2\).*\(3, 1\); it needs"):
        measure(np.zeros((3, 2)), np.zeros((3, 1)))


def test_nats_per_step_are_the_sum_over_a_steps_marks():
    prediction, target = np.zeros((2, 3, 88)), np.random.default_rng(0).integers(0, 2, (2, 3, 88)).astype(float)
    assert nats_per_step(prediction, target) == pytest.approx(88 * np.log(2))


def test_nats_per_step_leave_padding_out():
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(2, 4, 5)), rng.integers(0, 2, (2, 4, 5)).astype(float)
    target[1, 2:] = -1
    each = np.log1p(np.exp(prediction)) - target * prediction
    expected = (each[0].sum() + each[1, :2].sum()) / 6
    assert nats_per_step(prediction, target) == pytest.approx(expected)
