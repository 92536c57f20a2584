"""Time-series prediction: the yearly sunspot numbers, and the Mackey-Glass equation."""

import csv
import io
from functools import partial

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.datasets import files as sources
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, File, Sizes, require_min

SUNSPOT_SCALE = 200.0  # sunspots in one unit of the arrays; a round number, not fitted to the test years
SUNSPOTS_FILE = File("sunspots.csv", "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b")
SUNSPOTS = DatasetInfo(
    name="sunspots",
    summary="one-step prediction of the yearly sunspot number from the last twelve, 1700-1979",
    task=Task(kind="regression", input="sequence", shape=(12, 1), outputs=1),
    sizes=Sizes(209, 59),
    kind="embedded",
    licence="public domain",
    citation="Weigend, Huberman and Rumelhart (1990), Predicting the future: a connectionist approach",
    url="https://doi.org/10.1142/S0129065790000102",
    files=(SUNSPOTS_FILE,),
)


def _mackey_glass_info(ahead: int) -> DatasetInfo:
    return DatasetInfo(
        name="mackey-glass" if ahead == 6 else f"mackey-glass-{ahead}",
        summary=f"Mackey-Glass series (chaotic): prediction {ahead} steps ahead from four values six steps apart",
        task=Task(kind="regression", input="tabular", shape=(4,), outputs=1),
        sizes=Sizes(500, 500),
        kind="generated",
        licence="no rights: computed from an equation",
        citation="Mackey and Glass (1977), Oscillation and chaos in physiological control systems; "
        "windows of Jang (1993), ANFIS",
        url="https://doi.org/10.1109/21.256541",
    )


def sunspots() -> tuple[Array, Array]:
    """Return the years 1700-2008 and their mean sunspot numbers, in the version before the revision of 2015."""
    rows = list(csv.reader(io.StringIO(sources.embedded(SUNSPOTS_FILE).decode())))[1:]
    return np.array([int(year) for year, _ in rows]), np.array([float(number) for _, number in rows])


def load_sunspots(info: DatasetInfo, seed: int, *, window: int = 12) -> Dataset:
    """Cut the series into windows: train on 1700-1920, test on 1921-1979 and on two periods of it by name.

    Sunspot numbers are divided by 200. The relative variance of the literature is the mean squared error of a period
    over the variance of the whole record, 1700-1979.

    Shapes: inputs (N, window, 1), targets (N, 1).
    """
    require_min("window", window, 1)
    years, numbers = sunspots()
    scaled = (numbers / SUNSPOT_SCALE).astype(np.float32)

    def period(first: int, last: int) -> Arrays:
        at = np.flatnonzero((years >= first) & (years <= last) & (years >= years[0] + window))
        return scaled[at[:, None] + np.arange(-window, 0)][..., None], scaled[at, None]

    extra = {"1921-1955": period(1921, 1955), "1956-1979": period(1956, 1979)}
    task = {"shape": (window, 1)}
    return Dataset.of(info, period(1700, 1920), period(1921, 1979), extra_test_sets=extra, task=task)


def mackey_glass(times: int, *, delay: int = 17, substeps: int = 10, start: float = 1.2) -> Array:
    """Return x(0), x(1), ..., x(times) of the Mackey-Glass equation, from a constant history.

        dx/dt = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x(t)        x(t <= 0) = start

    Fourth-order Runge-Kutta with `substeps` steps in a unit of time; the delayed term at midpoints is a mean.
    The system is chaotic: another integrator agrees at first and then only in its statistics.

    Shapes: (times + 1,) float64.
    Source: Mackey and Glass (1977), https://doi.org/10.1126/science.267326
    """
    past, h = delay * substeps, 1 / substeps
    x = [start] * (past + 1)
    for n in range(past, past + times * substeps):
        now, then, next_ = x[n], x[n - past], x[n - past + 1]
        half = (then + next_) / 2
        k1 = _slope(now, then)
        k2 = _slope(now + h / 2 * k1, half)
        k3 = _slope(now + h / 2 * k2, half)
        k4 = _slope(now + h * k3, next_)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[past::substeps])


def _slope(x: float, delayed: float) -> float:
    square = delayed * delayed  # products instead of a power: the same bits on every machine
    fourth = square * square
    return 0.2 * delayed / (1 + fourth * fourth * square) - 0.1 * x


def load_mackey_glass(info: DatasetInfo, seed: int, *, ahead: int = 6, first: int = 118) -> Dataset:
    """Cut the series into windows x(t-18), x(t-12), x(t-6), x(t) -> x(t+ahead) for a thousand t from `first` on.

    The first 500 are for training, the last 500 for the test; nothing is random. The normalised error (NRMSE) is the
    root mean squared error over the standard deviation of the series.

    Shapes: inputs (N, 4), targets (N, 1).
    """
    require_min("ahead", ahead, 1)
    require_min("first", first, 18)
    t = np.arange(first, first + 1000)
    series = mackey_glass(first + 1000 + ahead).astype(np.float32)
    x, y = series[t[:, None] + np.array([-18, -12, -6, 0])], series[t + ahead, None]
    return Dataset.of(info, (x[:500], y[:500]), (x[500:], y[500:]))


ENTRIES = (
    DatasetEntry(SUNSPOTS, load_sunspots),
    DatasetEntry(_mackey_glass_info(6), load_mackey_glass),
    DatasetEntry(_mackey_glass_info(84), partial(load_mackey_glass, ahead=84)),
)
