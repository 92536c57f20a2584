import numpy as np
import pytest

from neuralzoo.experiments.datasets import load, toy_2d


def test_two_spirals_are_the_published_points():
    x, y = load("two-spirals").train
    assert x.shape == (194, 2)
    assert np.bincount(y).tolist() == [97, 97]
    np.testing.assert_allclose(x[0], [0, 6.5], atol=1e-6)
    np.testing.assert_allclose(x[8], [6.0, 0], atol=1e-6)  # a quarter turn: radius 6.5 * 96 / 104
    np.testing.assert_allclose(x[96], [0, 0.5], atol=1e-6)  # three whole turns
    np.testing.assert_array_equal(x[97:], -x[:97])


def test_the_test_points_of_the_spirals_lie_between_the_training_points():
    data = load("two-spirals")
    (x, y), (between, labels) = data.train, data.test
    distance = np.linalg.norm(between[:, None] - x, axis=-1)
    assert distance.min() > 0.01
    assert np.array_equal(y[distance.argmin(axis=1)], labels)


def test_a_linear_classifier_fails_on_the_spirals():
    x, y = load("two-spirals").train
    weights = np.linalg.lstsq(np.column_stack([x, np.ones(194)]), 2.0 * y - 1, rcond=None)[0]
    assert np.mean((np.column_stack([x, np.ones(194)]) @ weights > 0) == y) < 0.6


@pytest.mark.parametrize(
    ("name", "means", "std"),
    [("gaussian-ring", toy_2d.ring(), 0.02), ("gaussian-grid", toy_2d.grid(), 0.05)],
)
def test_all_modes_have_equal_weight_and_standard_deviation(name, means, std):
    x, mode = load(name, train=50_000).train
    nearest = np.linalg.norm(x[:, None] - means, axis=-1).argmin(axis=1)
    assert np.array_equal(nearest, mode)
    np.testing.assert_allclose(np.bincount(mode) / 50_000, 1 / len(means), rtol=0.1)
    np.testing.assert_allclose((x - means[mode]).std(axis=0), std, rtol=0.02)


def test_the_ring_has_radius_two_and_the_grid_spacing_two():
    np.testing.assert_allclose(np.linalg.norm(toy_2d.ring(), axis=1), 2)
    assert {tuple(mean) for mean in toy_2d.grid()} == {
        (float(a), float(b)) for a in (-4, -2, 0, 2, 4) for b in (-4, -2, 0, 2, 4)
    }
