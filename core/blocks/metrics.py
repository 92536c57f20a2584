"""Measures: what people read beside the loss. Each is a mean over the batch, so that batches can be averaged."""

import numpy as np

from neuralzoo.core.blocks.losses import PADDING, BinaryCrossEntropy
from neuralzoo.core.module import Array


def accuracy(prediction: Array, target: Array) -> float:
    """Return the share of targets that have the largest logit of their row; targets of -1, padding, do not count.

    Shapes: prediction is (N, ..., K), target is (N, ...).
    Raises: ValueError when the shapes do not fit, or all targets are padding.
    """
    if prediction.shape[:-1] != target.shape:
        raise ValueError(
            f"accuracy got logits of shape {prediction.shape} and targets of shape {target.shape}; "
            "it needs (N, ..., K) and (N, ...)"
        )
    right = (prediction.argmax(axis=-1) == target)[target != -1]
    if right.size == 0:
        raise ValueError("accuracy got no target that counts; it needs one that is not -1, padding")
    return float(np.mean(right))


def mark_accuracy(prediction: Array, target: Array) -> float:
    """Return the share of 0-or-1 targets whose logit has the right sign; targets of -1, padding, do not count.

    Shapes: prediction and target have one shape.
    Raises: ValueError when the shapes differ, or all targets are padding.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"mark_accuracy got logits of shape {prediction.shape} and targets of shape {target.shape}; "
            "it needs one shape"
        )
    right = ((prediction > 0) == (target > 0.5))[target != -1]
    if right.size == 0:
        raise ValueError("mark_accuracy got no target that counts; it needs one that is not -1, padding")
    return float(np.mean(right))


def nats_per_step(prediction: Array, target: Array) -> float:
    """Return the mean negative log-likelihood of a step's marks, in nats: what is usual for music, frame by frame.

    The marks of a step are independent of each other; steps of -1, padding, do not count.

    Shapes: prediction and target are (N, T, K).
    Raises: ValueError when the shapes differ, or all targets are padding.
    """
    counts = (target != PADDING).any(axis=-1)
    loss, _ = BinaryCrossEntropy()(prediction[counts], target[counts])
    return float(loss * target.shape[-1])


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
