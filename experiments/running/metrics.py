"""Metrics by name: unit, direction, and how a value is formatted."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class MetricInfo:
    """Unit and direction of a metric."""

    unit: str
    lower_is_better: bool = False


KNOWN = {
    "loss": MetricInfo("", lower_is_better=True),
    "nll": MetricInfo("nats", lower_is_better=True),
    "nats_per_step": MetricInfo("nats/step", lower_is_better=True),
    "perplexity": MetricInfo("", lower_is_better=True),
    "error": MetricInfo("", lower_is_better=True),
    "mse": MetricInfo("", lower_is_better=True),
    "nrmse": MetricInfo("", lower_is_better=True),
    "sse_per_example": MetricInfo("", lower_is_better=True),
    "accuracy": MetricInfo("fraction"),
    "accuracy_after_shift": MetricInfo("fraction"),
    "accuracy_drop": MetricInfo("fraction", lower_is_better=True),
    "exact_match": MetricInfo("fraction"),
    "high_quality_fraction": MetricInfo("fraction"),
    "modes_covered": MetricInfo("modes"),
    "classes_present": MetricInfo("classes"),
    "psnr": MetricInfo("dB"),
    "psnr_denoised": MetricInfo("dB"),
    "psnr_noisy_input": MetricInfo("dB"),
    "psnr_gain_over_pca": MetricInfo("dB"),
    "psnr_gain_over_noisy_input": MetricInfo("dB"),
    "knn_gain_over_pca": MetricInfo("fraction"),
    "frechet": MetricInfo("", lower_is_better=True),
    "nmi": MetricInfo(""),
    "train_s": MetricInfo("s", lower_is_better=True),
    "epochs": MetricInfo("epochs", lower_is_better=True),
    "n_params": MetricInfo("parameters", lower_is_better=True),
}
"""By name, or by the end of a name: `test/class_accuracy` is an accuracy."""

LOWER_IS_BETTER = ("loss", "error", "mse", "nll", "perplexity")


def metric_info(metric: str) -> MetricInfo:
    """Return unit and direction of a metric; the split before the slash and a number at the end do not count."""
    name = re.sub(r"_\d+$", "", metric.rpartition("/")[2])
    known = [key for key in KNOWN if f"_{name}".endswith(f"_{key}")]
    return KNOWN[max(known, key=len)] if known else MetricInfo("", name.endswith(LOWER_IS_BETTER))


def lower_is_better(metric: str) -> bool:
    """Return whether a smaller value of a metric is the better one."""
    return metric_info(metric).lower_is_better


def format_metric(value: float, decimals: int = 4) -> str:
    """Return a metric with fixed decimals, or with three significant digits where these would leave one or none."""
    return f"{value:.{decimals}f}" if abs(value) >= 10 ** (1 - decimals) or not value else f"{value:.3g}"


def format_value(value: float) -> str:
    """Return a count with thousands separators, any other value as a metric."""
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:,.0f}"
    return format_metric(value)
