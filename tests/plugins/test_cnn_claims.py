from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments.running.figures import page
from neuralzoo.plugins.cnn.shifts import SHIFTS, accuracy_lost, accuracy_moved, draw_accuracy_by_shift, moved
from neuralzoo.registry import get

CLAIMS = {claim.name: claim for claim in get("cnn").claims}


def test_a_moved_image_keeps_what_stays_inside_and_is_empty_elsewhere():
    image = np.arange(1, 10).reshape(1, 3, 3, 1)
    for rows, columns, needed in (
        (0, 0, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (1, 0, [[0, 0, 0], [1, 2, 3], [4, 5, 6]]),
        (-1, 0, [[4, 5, 6], [7, 8, 9], [0, 0, 0]]),
        (0, 2, [[0, 0, 1], [0, 0, 4], [0, 0, 7]]),
        (-2, -1, [[8, 9, 0], [0, 0, 0], [0, 0, 0]]),
        (3, 0, np.zeros((3, 3))),
    ):
        np.testing.assert_array_equal(moved(image, rows, columns)[0, ..., 0], needed)


class Looks:
    """Tells an image by where its ink is, or by how much ink it has."""

    def __init__(self, *, place):
        self.place = place

    def predict(self, x):
        ink = x.sum(axis=(1, 2, 3))
        right = x[:, :, 3:].sum(axis=(1, 2, 3)) if self.place else np.minimum(ink - 1, 1)
        return np.stack([1 - right, right], axis=1)


def dots():
    """Images with a dot on the left, and with two on the right, away from the border."""
    x = np.zeros((2, 6, 6, 1))
    x[0, 3, 2], x[1, 2:4, 3] = 1, 1
    return SimpleNamespace(test=(x, np.array([0, 1])))


def test_who_looks_at_places_loses_by_a_shift_and_who_counts_does_not():
    data = dots()
    for place in (False, True):
        assert accuracy_moved(0)(Looks(place=place), data) == 1
    assert accuracy_lost(1)(Looks(place=False), data) == 0
    # One step to the right, the dot on the left is taken for one on the right, and the other way round to the left.
    assert accuracy_lost(1)(Looks(place=True), data) == 1 - (1 + 1 + 0.5 + 0.5) / 4


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


def test_the_rival_of_the_arena_has_as_many_parameters_and_the_same_data():
    cnn, fnn, *shuffled = (candidate.experiment for candidate in CLAIMS["mnist1d"].candidates)
    assert fnn.architecture == "fnn"
    assert fnn.dataset == cnn.dataset == "mnist1d"
    assert [experiment.set(["dataset=mnist1d"]) for experiment in shuffled] == [cnn, fnn]


def test_the_curve_over_shifts_is_drawn_for_every_candidate(tmp_path):
    rng = np.random.default_rng(0)
    labels = ("max-pooling", "no-pooling")
    values = {label: {f"moved_{by}": tuple(rng.random(5)) for by in SHIFTS} for label in labels}
    with page(tmp_path / "shifts.png") as figure:
        draw_accuracy_by_shift(figure, values, {})
    (axes,) = figure.axes
    means = {line.get_label(): line.get_ydata() for line in axes.lines if line.get_label() in labels}
    for label in labels:
        np.testing.assert_allclose(means[label], [np.mean(values[label][f"moved_{by}"]) for by in SHIFTS])


@pytest.mark.parametrize("name", CLAIMS)
def test_what_a_claim_draws_and_decides_is_measured(name):
    claim = CLAIMS[name]
    measured = {*claim.evaluators, "test/accuracy"}
    assert {condition.metric for condition in claim.conditions} <= measured
    assert set(claim.metrics) <= measured
    assert len(claim.seeds) == (5 if claim.profile == "quick" else 3)
