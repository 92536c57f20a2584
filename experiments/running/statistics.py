"""Statistics over seeds."""

import math
from collections.abc import Sequence

CONFIDENCE = 0.95


def t_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its two-sided 95 % Student t interval; that of a single value is unbounded."""
    from scipy import stats

    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, -math.inf, math.inf
    if max(values) == min(values):
        return mean, mean, mean
    # Not scipy's interval, which warns where values differ in the last digits only.
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * deviation / math.sqrt(len(values))
    return mean, mean - half, mean + half
