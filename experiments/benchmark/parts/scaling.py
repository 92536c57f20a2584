"""Scaling of the time of a training step with batch size, width and sequence length."""

import math
from collections.abc import Sequence
from typing import Any

from neuralzoo.experiments.benchmark import isolated
from neuralzoo.experiments.benchmark.flop_counter import counter
from neuralzoo.experiments.benchmark.scaled_workload import axes, scaled, seconds

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
MAX_STEP_S = 1.5  # larger sizes than one whose step takes longer are skipped
TOLERANCE = 0.15
CONFIDENCE = 0.95


def measure(name: str, factors: Sequence[float] = FACTORS) -> list[dict[str, Any]]:
    """Return a row for each axis of an architecture: sizes, seconds, multiply-adds, and their fitted exponents.

    Raises: MeasurementError when a step cannot be measured.
    """
    timed: dict[str, list[float]] = isolated.measure("parts.scaling", "times", name, list(factors))
    counted: dict[str, list[int]] = isolated.measure(
        "parts.scaling",
        "counts",
        name,
        {axis: list(factors)[: len(times)] for axis, times in timed.items()},
        counted=True,
    )
    return [row(name, axis, list(factors)[: len(timed[axis])], timed[axis], counted[axis]) for axis in timed]


def row(
    name: str, axis: str, factors: Sequence[float], timed: Sequence[float], counted: Sequence[int]
) -> dict[str, Any]:
    """Return the row of an axis, with the fitted exponents of time and of multiply-adds.

    `faster_than_macs`: even the lower end of the interval of the time's exponent exceeds that of the multiply-adds by
    more than TOLERANCE.
    """
    exponent, half_width = fit(factors, timed)
    macs_exponent, _ = fit(factors, counted) if min(counted) > 0 else (math.nan, 0.0)
    return {
        "architecture": name,
        "axis": axis,
        "factors": list(factors),
        "seconds": list(timed),
        "multiply_adds": list(counted),
        "exponent": exponent,
        "half_width": half_width,
        "macs_exponent": macs_exponent,
        "faster_than_macs": exponent - half_width > macs_exponent + TOLERANCE,
    }


def fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Return b of y = a x^b, by linear regression of the logarithms, and the half-width of its 95 % t interval."""
    from scipy import stats

    line = stats.linregress([math.log(each) for each in x], [math.log(each) for each in y])
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(x) - 2))
    return float(line.slope), quantile * float(line.stderr)


def times(name: str, factors: Sequence[float]) -> dict[str, list[float]]:
    """Return the seconds of a step by axis and size, up to the first one longer than MAX_STEP_S."""
    found: dict[str, list[float]] = {}
    for axis in axes(name):
        found[axis] = []
        for factor in factors:
            found[axis].append(seconds(scaled(name, axis, factor).step()))
            if found[axis][-1] > MAX_STEP_S:
                break
    return found


def counts(name: str, sizes: dict[str, list[float]]) -> dict[str, list[int]]:
    """Return the multiply-adds of the matrix products of a step by axis and size; it needs a counting process."""
    return {axis: [count(scaled(name, axis, factor).step()) for factor in factors] for axis, factors in sizes.items()}


def count(step: Any) -> int:
    """Return the multiply-adds of the second step; the first may include one-time work."""
    step()
    counter.multiply_adds = 0
    step()
    return counter.multiply_adds
