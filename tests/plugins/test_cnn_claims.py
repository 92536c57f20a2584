from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments.running.files import save_figure
from neuralzoo.plugins.cnn.claims import SHIFTS, accuracy_after_shift, accuracy_drop, draw_accuracy_by_shift, translate
from neuralzoo.registry import get

CLAIMS = {claim.name: claim for claim in get("cnn").claims}


def test_translate_shifts_the_image_and_fills_with_zeros():
    image = np.arange(1, 10).reshape(1, 3, 3, 1)
    for rows, columns, needed in (
        (0, 0, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (1, 0, [[0, 0, 0], [1, 2, 3], [4, 5, 6]]),
        (-1, 0, [[4, 5, 6], [7, 8, 9], [0, 0, 0]]),
        (0, 2, [[0, 0, 1], [0, 0, 4], [0, 0, 7]]),
        (-2, -1, [[8, 9, 0], [0, 0, 0], [0, 0, 0]]),
        (3, 0, np.zeros((3, 3))),
    ):
        np.testing.assert_array_equal(translate(image, rows, columns)[0, ..., 0], needed)


class InkClassifier:
    """Classifies an image by the position of its ink, or by the amount."""

    def __init__(self, *, by_position):
        self.by_position = by_position

    def predict(self, x):
        ink = x.sum(axis=(1, 2, 3))
        right = x[:, :, 3:].sum(axis=(1, 2, 3)) if self.by_position else np.minimum(ink - 1, 1)
        return np.stack([1 - right, right], axis=1)


def dots():
    """Images with a dot on the left, and with two on the right, away from the border."""
    x = np.zeros((2, 6, 6, 1))
    x[0, 3, 2], x[1, 2:4, 3] = 1, 1
    return SimpleNamespace(test=(x, np.array([0, 1])))


def test_a_classifier_by_position_drops_in_accuracy_after_a_shift_and_one_by_amount_does_not():
    data = dots()
    for by_position in (False, True):
        assert accuracy_after_shift(0)(InkClassifier(by_position=by_position), data) == 1
    assert accuracy_drop(1)(InkClassifier(by_position=False), data) == 0
    # A shift to the right moves the left dot into the right half, one to the left the right dots into the left half.
    assert accuracy_drop(1)(InkClassifier(by_position=True), data) == 1 - (1 + 1 + 0.5 + 0.5) / 4


def test_candidates_with_and_without_pooling_differ_in_nothing_else():
    pooled, strided, average = (candidate.experiment.settings() for candidate in CLAIMS["shifts"].candidates)
    differing = {
        key
        for key in pooled["model"].keys() | strided["model"]
        if pooled["model"].get(key) != strided["model"].get(key)
    }
    assert differing == {"pooling", "stride"}
    assert average == pooled | {"model": pooled["model"] | {"pooling": "average"}}
    assert strided == pooled | {"model": strided["model"]}
    assert "translated" not in pooled["dataset"]


def test_the_fnn_of_the_mnist1d_claim_trains_on_the_same_data():
    cnn, fnn, *shuffled = (candidate.experiment for candidate in CLAIMS["mnist1d"].candidates)
    assert fnn.architecture == "fnn"
    assert fnn.dataset == cnn.dataset == "mnist1d"
    assert [experiment.set(["dataset=mnist1d"]) for experiment in shuffled] == [cnn, fnn]


def test_the_accuracy_by_shift_is_drawn_for_every_candidate(tmp_path):
    rng = np.random.default_rng(0)
    labels = ("max-pooling", "no-pooling")
    values = {label: {f"accuracy_after_shift_{pixels}": tuple(rng.random(5)) for pixels in SHIFTS} for label in labels}
    with save_figure(tmp_path / "shifts.png") as figure:
        draw_accuracy_by_shift(figure, values, {})
    (axes,) = figure.axes
    means = {line.get_label(): line.get_ydata() for line in axes.lines if line.get_label() in labels}
    for label in labels:
        needed = [np.mean(values[label][f"accuracy_after_shift_{pixels}"]) for pixels in SHIFTS]
        np.testing.assert_allclose(means[label], needed)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_metric_of_a_claim_is_measured(name):
    claim = CLAIMS[name]
    measured = {*claim.evaluators, "test/accuracy"}
    assert {condition.metric for condition in claim.conditions} <= measured
    assert set(claim.metrics) <= measured
    assert len(claim.seeds) == (5 if claim.profile == "quick" else 3)
