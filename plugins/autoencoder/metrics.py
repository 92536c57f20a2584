"""Metrics of reconstructions and of codes."""

from typing import Any

import numpy as np

from neuralzoo.core.metric import MetricInfo
from neuralzoo.core.module import Array

METRICS = {
    "sse_per_example": MetricInfo("squared error of an example", "lower"),
    "psnr": MetricInfo("peak signal-to-noise ratio", "higher", "dB"),
    "denoised_psnr": MetricInfo("peak signal-to-noise ratio after denoising", "higher", "dB"),
    "kl": MetricInfo("KL divergence of the code from the standard normal", "neither", "nats"),
    "sparsity": MetricInfo("sparsity penalty on the code", "neither"),
    "knn_accuracy": MetricInfo("nearest-neighbour accuracy", "higher", "fraction"),
    "pca_knn_accuracy": MetricInfo("nearest-neighbour accuracy of PCA", "higher", "fraction"),
    "knn_gain_over_pca": MetricInfo("nearest-neighbour accuracy above that of PCA", "higher", "fraction"),
    "psnr_denoised": MetricInfo("peak signal-to-noise ratio after denoising", "higher", "dB"),
    "psnr_noisy_input": MetricInfo("peak signal-to-noise ratio of the noisy input", "higher", "dB"),
    "psnr_gain_over_pca": MetricInfo("peak signal-to-noise ratio above that of PCA", "higher", "dB"),
    "psnr_gain_over_noisy_input": MetricInfo("peak signal-to-noise ratio above the input's", "higher", "dB"),
    "pca_sse_per_example": MetricInfo("squared error of an example with PCA", "lower"),
    "sse_saved_over_pca": MetricInfo("squared error of an example below that of PCA", "higher"),
}

MAX_PSNR_DB = 100.0  # of a reconstruction without any error, whose ratio is infinite


def psnr(y: Array, target: Array) -> Array:
    """Return the peak signal-to-noise ratio of each reconstruction in dB, -10 log10 of its mean squared error.

    Shapes: y and target are (N, ...) with values in [0, 1]; the ratios are (N,).
    """
    rows = (y - target).reshape(len(y), -1)
    errors = np.einsum("nd,nd->n", rows, rows) / rows.shape[1]
    ratios: Array = -10 * np.log10(np.maximum(errors, 10 ** (-MAX_PSNR_DB / 10)))
    return ratios


def squared_errors(y: Array, x: Array) -> Array:
    """Return the squared error of each example, summed over its dimensions.

    Shapes: y and x are (N, ...), the errors are (N,).
    """
    rows = (y.reshape(len(y), -1) - x.reshape(len(x), -1)).astype(np.float64)
    errors: Array = np.square(rows).sum(axis=1)
    return errors


def nearest_neighbour_hits(codes: Array, labels: Array, test_codes: Array, test_labels: Array) -> Array:
    """Return for each test example whether a 1-nearest-neighbour classifier on the codes predicts its class.

    Shapes: codes are (N, code), labels (N,); the hits are (M,) of 0 and 1.
    """
    from sklearn.neighbors import KNeighborsClassifier

    predicted = KNeighborsClassifier(1).fit(codes, labels).predict(test_codes)
    hits: Array = (predicted == test_labels).astype(np.float64)
    return hits


def class_labels(data: Any, split: str) -> Array | None:
    """Return the classes of the examples of a split, or None where the dataset has none.

    In reconstruction the targets are the examples, and `original_labels` holds the targets that they replaced; in
    generation the targets are unchanged.
    """
    replaced = data.original_labels.get(split)
    targets: Array = getattr(data, split)[-1] if replaced is None else replaced
    return targets if targets.ndim == 1 and targets.dtype.kind in "iu" else None
