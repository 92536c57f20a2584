import numpy as np
import pytest

from neuralzoo.experiments.datasets import load, time_series


def test_sunspot_windows_are_the_years_before_their_target():
    data, (years, numbers) = load("sunspots"), time_series.sunspots()
    assert (years[0], years[-1]) == (1700, 2008)
    assert numbers[years == 1957] == numbers[years < 1980].max() == 190.2
    for part, first, last in (
        (data.train, 1712, 1920),
        (data.test, 1921, 1979),
        (data.extra_test_sets["1921-1955"], 1921, 1955),
        (data.extra_test_sets["1956-1979"], 1956, 1979),
    ):
        x, y = part
        assert len(x) == last - first + 1
        np.testing.assert_allclose(y[:, 0] * 200, numbers[(years >= first) & (years <= last)], atol=1e-4)
        np.testing.assert_allclose(x[0, :, 0] * 200, numbers[(years >= first - 12) & (years < first)], atol=1e-4)
        np.testing.assert_array_equal(x[1:, -1], y[:-1])


def test_linear_prediction_of_sunspots_is_worse_in_the_later_period():
    data = load("sunspots")
    x, y = data.train
    weights = np.linalg.lstsq(np.column_stack([x[..., 0], np.ones(len(x))]), y, rcond=None)[0]
    whole = np.concatenate([x[0, :, 0], y[:, 0], data.test[1][:, 0]]).var()
    error = {
        name: float(np.mean((np.column_stack([a[..., 0], np.ones(len(a))]) @ weights - b) ** 2) / whole)
        for name, (a, b) in data.extra_test_sets.items()
    }
    assert error["1921-1955"] < 0.2 < error["1956-1979"] < 0.6


def test_mackey_glass_begins_with_its_closed_form():
    # While the delayed term is the constant history, dx/dt = c - 0.1 x.
    x, t = time_series.mackey_glass(17), np.arange(18)
    level = 0.2 * 1.2 / (1 + 1.2**10) / 0.1
    np.testing.assert_allclose(x, level + (1.2 - level) * np.exp(-0.1 * t), rtol=1e-9)


def test_mackey_glass_stays_at_its_fixed_point():
    np.testing.assert_allclose(time_series.mackey_glass(50, start=1.0), 1.0, rtol=1e-12)


def test_mackey_glass_converges_with_smaller_steps():
    coarse, fine, finest = (time_series.mackey_glass(60, substeps=n) for n in (10, 20, 80))
    errors = np.abs(coarse - finest).max(), np.abs(fine - finest).max()
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize(("name", "ahead"), [("mackey-glass", 6), ("mackey-glass-84", 84)])
def test_mackey_glass_windows_are_those_of_the_literature(name, ahead):
    data, x = load(name), time_series.mackey_glass(1300)
    for part, first in ((data.train, 118), (data.test, 618)):
        t = first + np.arange(500)
        np.testing.assert_allclose(part[0], np.stack([x[t - 18], x[t - 12], x[t - 6], x[t]], axis=1), rtol=1e-6)
        np.testing.assert_allclose(part[1][:, 0], x[t + ahead], rtol=1e-6)
