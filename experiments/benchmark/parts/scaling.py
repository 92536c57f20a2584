"""How the time of a training step grows with its batch, its widths and the length of its sequences."""

import math
from collections.abc import Sequence
from typing import Any

from neuralzoo.experiments.benchmark import isolated as apart
from neuralzoo.experiments.benchmark.flop_counter import counter
from neuralzoo.experiments.benchmark.scaled_workload import axes, seconds, sized

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
LONGEST_S = 1.5  # a step of twice the size after one of so many seconds is left out
TOLERANCE = 0.15
CONFIDENCE = 0.95


def measure(name: str, factors: Sequence[float] = FACTORS) -> list[dict[str, Any]]:
    """Return a row for each axis of an architecture: sizes, seconds, multiply-adds, and the exponents fitted to them.

    Raises: MeasurementError when a step can't be measured.
    """
    timed: dict[str, list[float]] = apart.measure("scaling", "times", name, list(factors))
    counted: dict[str, list[int]] = apart.measure(
        "scaling", "counts", name, {axis: list(factors)[: len(found)] for axis, found in timed.items()}, counted=True
    )
    return [row(name, axis, list(factors)[: len(timed[axis])], timed[axis], counted[axis]) for axis in timed]


def row(
    name: str, axis: str, factors: Sequence[float], timed: Sequence[float], counted: Sequence[int]
) -> dict[str, Any]:
    """Return the row of an axis; it is marked where the time grows faster than its arithmetic.

    Faster means: by more than TOLERANCE, even with the smallest exponent of the interval.
    """
    exponent, half = fit(factors, timed)
    arithmetic, _ = fit(factors, counted) if min(counted) > 0 else (math.nan, 0.0)
    return {
        "architecture": name,
        "axis": axis,
        "factors": list(factors),
        "seconds": list(timed),
        "multiply_adds": list(counted),
        "exponent": exponent,
        "half": half,
        "arithmetic": arithmetic,
        "faster_than_arithmetic": exponent - half > arithmetic + TOLERANCE,
    }


def fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Return b of y = a x^b by least squares in the logarithms, and half the width of its 95 % t interval."""
    from scipy import stats

    found = stats.linregress([math.log(each) for each in x], [math.log(each) for each in y])
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(x) - 2))
    return float(found.slope), quantile * float(found.stderr)


def times(name: str, factors: Sequence[float]) -> dict[str, list[float]]:
    """Return the seconds of a step by axis, up to the first size that takes too long."""
    found: dict[str, list[float]] = {}
    for axis in axes(name):
        found[axis] = []
        for factor in factors:
            found[axis].append(seconds(sized(name, axis, factor).step()))
            if found[axis][-1] > LONGEST_S:
                break
    return found


def counts(name: str, wanted: dict[str, list[float]]) -> dict[str, list[int]]:
    """Return the multiply-adds of the matrix products of a step by axis; it needs a process that counts."""
    return {axis: [count(sized(name, axis, factor).step()) for factor in factors] for axis, factors in wanted.items()}


def count(step: Any) -> int:
    """Return the multiply-adds of the second step: the first may prepare something for all others."""
    step()
    counter.multiply_adds = 0
    step()
    return counter.multiply_adds
