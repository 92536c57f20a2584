"""Metrics by name: what they measure, unit, direction, and how a value is formatted."""

import math
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from neuralzoo.core.metric import MetricInfo as MetricInfo

if TYPE_CHECKING:  # the command line imports this file to format what it lists
    from neuralzoo.core.learner import Learner

KNOWN = {
    "loss": MetricInfo("loss", "lower"),
    "accuracy": MetricInfo("accuracy", "higher", "fraction"),
    "class_accuracy": MetricInfo("accuracy of single classes", "higher", "fraction"),
    "mean_absolute_error": MetricInfo("mean absolute error", "lower"),
    "mean_squared_error": MetricInfo("mean squared error", "lower"),
    "nats_per_step": MetricInfo("negative log-likelihood of a step", "lower", "nats/step"),
    "sse_per_example": MetricInfo("squared error of an example", "lower"),
    "psnr": MetricInfo("peak signal-to-noise ratio", "higher", "dB"),
    "denoised_psnr": MetricInfo("peak signal-to-noise ratio after denoising", "higher", "dB"),
    "grad_norm": MetricInfo("norm of the gradient", "neither"),
    "lr": MetricInfo("learning rate", "neither"),
    "exact_match": MetricInfo("sequences that are right in every step", "higher", "fraction"),
    "nrmse": MetricInfo("root mean squared error over standard deviation", "lower"),
    # of built-in learners
    "kl": MetricInfo("KL divergence of the code from the standard normal", "neither", "nats"),
    "sparsity": MetricInfo("sparsity penalty on the code", "neither"),
    "margin_loss": MetricInfo("margin loss", "lower"),
    "true_class_length": MetricInfo("length of the capsules of present classes", "neither"),
    "other_class_length": MetricInfo("length of the capsules of other classes", "neither"),
    "gate_entropy": MetricInfo("entropy of the mean gate", "neither", "nats"),
    "max_expert_load": MetricInfo("largest load of an expert", "neither", "fraction"),
    "load_balance_loss": MetricInfo("load-balancing loss", "neither"),
    "std_ratio": MetricInfo("standard deviation of samples over that of examples", "neither"),
    "coverage": MetricInfo("coverage", "higher", "fraction"),
    "modes_covered": MetricInfo("modes covered", "higher", "modes"),
    "high_quality_fraction": MetricInfo("samples near a mode", "higher", "fraction"),
    "generator_loss": MetricInfo("generator's loss", "neither"),
    "discriminator_loss": MetricInfo("discriminator's loss", "neither"),
    "discriminator_accuracy": MetricInfo("discriminator's accuracy", "neither", "fraction"),
    "discriminator_grad_norm": MetricInfo("norm of the discriminator's gradient", "neither"),
    # of evaluators of built-in claims
    "train_accuracy": MetricInfo("accuracy", "higher", "fraction"),
    "translated_accuracy": MetricInfo("accuracy after translation", "higher", "fraction"),
    "accuracy_after_shift": MetricInfo("accuracy after a shift", "higher", "fraction"),
    "accuracy_drop": MetricInfo("loss of accuracy by a shift", "lower", "fraction"),
    "oldest_key_accuracy": MetricInfo("accuracy for the oldest key", "higher", "fraction"),
    "knn_accuracy": MetricInfo("nearest-neighbour accuracy", "higher", "fraction"),
    "pca_knn_accuracy": MetricInfo("nearest-neighbour accuracy of PCA", "higher", "fraction"),
    "knn_gain_over_pca": MetricInfo("nearest-neighbour accuracy above that of PCA", "higher", "fraction"),
    "psnr_denoised": MetricInfo("peak signal-to-noise ratio after denoising", "higher", "dB"),
    "psnr_noisy_input": MetricInfo("peak signal-to-noise ratio of the noisy input", "higher", "dB"),
    "psnr_gain_over_pca": MetricInfo("peak signal-to-noise ratio above that of PCA", "higher", "dB"),
    "psnr_gain_over_noisy_input": MetricInfo("peak signal-to-noise ratio above the input's", "higher", "dB"),
    "pca_sse_per_example": MetricInfo("squared error of an example with PCA", "lower"),
    "sse_saved_over_pca": MetricInfo("squared error of an example below that of PCA", "higher"),
    "frechet": MetricInfo("Fréchet distance", "lower"),
    "frechet_floor": MetricInfo("Fréchet distance of training images", "neither"),
    "frechet_ceiling": MetricInfo("Fréchet distance of noise", "neither"),
    "classes_present": MetricInfo("classes among the samples", "higher", "classes"),
    "gate_task_nmi": MetricInfo("normalised mutual information of gate and sub-task", "higher"),
    "ablation_specificity": MetricInfo("harm of ablation in the own sub-task", "higher"),
    "distance_from_bias": MetricInfo("distance of predictions from the bias", "lower"),
    "variance": MetricInfo("relative variance", "lower"),
    "recurrent_weights": MetricInfo("recurrent weights", "neither"),
    # of the run
    "train_s": MetricInfo("training time", "lower", "s"),
    "epochs": MetricInfo("epochs", "lower", "epochs"),
    "n_params": MetricInfo("parameters", "neither", "parameters"),
}
"""By name without the split; a learner says what its loss is, and declares the metrics that are not here."""


def metric_info(metric: str, learner: "Learner | None" = None) -> MetricInfo | None:
    """Return the declaration of a metric, or None where there is none: its runs can't be ranked.

    The split before the slash and numbers at the end do not count. That of the learner comes first: only it knows
    what its loss measures.
    """
    name = metric.rpartition("/")[2]
    own = learner.metric_info.get(name) if learner is not None else None
    return own or KNOWN.get(name) or KNOWN.get(re.sub(r"(_\d+)+$", "", name))


def unit_of(metric: str) -> str:
    """Return the unit of a metric, empty where it has none or is not declared."""
    info = metric_info(metric)
    return info.unit if info is not None else ""


def lower_is_better(metric: str) -> bool:
    """Return whether a smaller value of a metric is declared to be the better one."""
    info = metric_info(metric)
    return info is not None and info.direction == "lower"


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
