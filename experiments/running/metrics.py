"""Metrics by name: what they measure, unit, direction, and how a value is formatted."""

import math
import re
import warnings
from collections.abc import Mapping

from neuralzoo.core.metric import MetricInfo as MetricInfo

COMMON = {
    "loss": MetricInfo("loss", "lower"),
    "accuracy": MetricInfo("accuracy", "higher", "fraction"),
    "mean_absolute_error": MetricInfo("mean absolute error", "lower"),
    "mean_squared_error": MetricInfo("mean squared error", "lower"),
    "nats_per_step": MetricInfo("negative log-likelihood of a step", "lower", "nats/step"),
    "grad_norm": MetricInfo("norm of the gradient", "neither"),
    "lr": MetricInfo("learning rate", "neither"),
    # of the run
    "train_s": MetricInfo("training time", "lower", "s"),
    "epochs": MetricInfo("epochs", "lower", "epochs"),
    "n_params": MetricInfo("parameters", "neither", "parameters"),
}
"""By name without the split; an architecture declares its own, and a learner what its loss measures."""


def metric_info(metric: str, *declared: Mapping[str, MetricInfo]) -> MetricInfo | None:
    """Return the declaration of a metric, or None where there is none: its runs can't be ranked.

    The split before the slash and numbers at the end do not count. `declared` come before the common ones: those of the
    learner, since only it knows what its loss measures, and those of the architecture.
    """
    name = metric.rpartition("/")[2]
    names = name, re.sub(r"(_\d+)+$", "", name)
    return next((known[each] for known in (*declared, COMMON) for each in names if each in known), None)


class NotFiniteWarning(UserWarning):
    """A run has metrics that are NaN or infinite, although it trained to its end."""


def warn_of_not_finite(metrics: Mapping[str, float]) -> None:
    """Warn of metrics that are NaN or infinite: evaluation may overflow where no training step did."""
    if bad := [name for name, value in metrics.items() if not math.isfinite(value)]:
        remedy = "it needs a smaller learning rate, or optimizer.clip"
        text = f"{', '.join(bad)} not finite: the network has diverged; {remedy}"
        warnings.warn(text, NotFiniteWarning, stacklevel=2)


def format_metric(value: float, decimals: int = 4) -> str:
    """Return a metric with fixed decimals, or with three significant digits where these would leave one or none."""
    return f"{value:.{decimals}f}" if abs(value) >= 10 ** (1 - decimals) or not value else f"{value:.3g}"


def format_value(value: float) -> str:
    """Return a count with thousands separators, any other value as a metric."""
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:,.0f}"
    return format_metric(value)
