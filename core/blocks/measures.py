"""Measures: what people read beside the loss. Each is a mean over the batch, so that batches can be averaged."""

import numpy as np

from neuralzoo.core.module import Array


def accuracy(prediction: Array, target: Array) -> float:
    """Return the share of targets that have the largest logit of their row.

    Shapes: prediction is (N, ..., K), target is (N, ...).
    Raises: ValueError when the shapes do not fit.
    """
    if prediction.shape[:-1] != target.shape:
        raise ValueError(
            f"accuracy got logits of shape {prediction.shape} and targets of shape {target.shape}; "
            "it needs (N, ..., K) and (N, ...)"
        )
    return float(np.mean(prediction.argmax(axis=-1) == target))


def mean_absolute_error(prediction: Array, target: Array) -> float:
    """Return the mean distance between predictions and targets, in the targets' unit.

    Shapes: prediction and target have one shape.
    Raises: ValueError when the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"mean_absolute_error got predictions of shape {prediction.shape} and targets of shape "
            f"{target.shape}; it needs one shape"
        )
    return float(np.mean(np.abs(prediction - target)))
