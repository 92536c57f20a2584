"""Metrics to report beside the loss. Each is a mean over the batch, so that batches can be averaged."""

import numpy as np

from neuralzoo.core.blocks.losses import BinaryCrossEntropy
from neuralzoo.core.blocks.targets import IGNORE_INDEX, check_fractions, class_indices
from neuralzoo.core.module import Array


def accuracy(prediction: Array, target: Array) -> float:
    """Return the fraction of targets with the largest logit of their row.

    Where there are several targets for each example, those of -1 (IGNORE_INDEX) are masked.

    Shapes: prediction is (N, ..., K), target is (N, ...).
    Raises: ValueError when the shapes do not fit, a target is no class, or all are masked.
    """
    if prediction.shape[:-1] != target.shape:
        raise ValueError(
            f"accuracy got logits of shape {prediction.shape} and targets of shape {target.shape}; "
            "it needs (N, ..., K) and (N, ...)"
        )
    target = class_indices("accuracy", target, prediction.shape[-1], padding=target.ndim > 1)
    correct = (prediction.argmax(axis=-1) == target)[target != IGNORE_INDEX]
    if correct.size == 0:
        raise ValueError("accuracy got only targets of -1, which are masked; it needs one that is not")
    return float(np.mean(correct))


def multilabel_accuracy(prediction: Array, target: Array) -> float:
    """Return the fraction of 0-or-1 targets whose logit has the right sign.

    Targets with steps that are -1 (IGNORE_INDEX) are masked.

    Shapes: prediction and target have one shape.
    Raises: ValueError when the shapes differ, a target is out of range, or all are masked.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"multilabel_accuracy got logits of shape {prediction.shape} and targets of shape {target.shape}; "
            "it needs one shape"
        )
    check_fractions("multilabel_accuracy", target, padding=target.ndim > 2)
    correct = ((prediction > 0) == (target > 0.5))[target != IGNORE_INDEX]
    if correct.size == 0:
        raise ValueError("multilabel_accuracy got only targets of -1, which are masked; it needs one that is not")
    return float(np.mean(correct))


def nats_per_step(prediction: Array, target: Array) -> float:
    """Return the mean negative log-likelihood per step of multilabel targets, in nats: the metric of polyphonic music.

    The labels of a step are independent of each other; steps of -1 (IGNORE_INDEX) are masked.

    Shapes: prediction and target are (N, T, K).
    Raises: ValueError when the shapes differ, or all targets are masked.
    """
    unmasked = (target != IGNORE_INDEX).any(axis=-1)
    loss, _ = BinaryCrossEntropy()(prediction[unmasked][None], target[unmasked][None])
    return float(loss * target.shape[-1])


def mean_absolute_error(prediction: Array, target: Array) -> float:
    """Return the mean absolute error, in the targets' unit.

    Shapes: prediction and target have one shape.
    Raises: ValueError when the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"mean_absolute_error got predictions of shape {prediction.shape} and targets of shape "
            f"{target.shape}; it needs one shape"
        )
    return float(np.mean(np.abs(prediction - target)))
