"""Losses: the mean over the batch and its derivative with respect to the prediction.

loss, d loss / d prediction = CrossEntropy()(prediction, target)
"""

import numpy as np

from neuralzoo.core.blocks.activation import sigmoid, softplus
from neuralzoo.core.blocks.reductions import row_max, row_sum
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array

PADDING = -1
"""The target where there is nothing to answer, as beyond the end of a sequence."""


class CrossEntropy:
    """Compare rows of logits with classes, softmax included.

        p = softmax(x)          q_k = (1 - s) [k = target] + s / K          s is the label smoothing
        loss = -sum_k q_k log(p_k)          d loss / dx = p - q              (means over the targets that count)

    A target of -1 is padding: it does not count, and its logits have no gradient.

    Shapes: prediction is (N, ..., K), target is (N, ...) integers from 0 to K - 1, or -1.
    Raises: ValueError when the smoothing is not in [0, 1), the shapes do not fit, a target is no class, or all are
    padding.
    Source: label smoothing: Szegedy et al. (2015), Rethinking the Inception Architecture for Computer Vision,
    https://arxiv.org/abs/1512.00567
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"CrossEntropy got label_smoothing={label_smoothing}; it needs a number in [0, 1)")
        self.label_smoothing = label_smoothing

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean cross-entropy in nats and its derivative."""
        _check_classes(prediction, target)
        if target.min() == PADDING:
            return _where_it_counts(self, prediction, target)
        classes, smoothing = prediction.shape[-1], self.label_smoothing
        x = prediction.reshape(-1, classes)
        hit = (np.arange(len(x)), target.reshape(-1))
        z = x - row_max(x)
        gradient = np.exp(z)
        total = row_sum(gradient)
        loss = float(np.mean(np.log(total))) - (1 - smoothing) * float(np.mean(z[hit]))
        total *= len(x)
        gradient /= total
        gradient[hit] -= (1 - smoothing) / len(x)
        if smoothing:
            loss -= smoothing * float(np.mean(z))
            gradient -= smoothing / (classes * len(x))
        return loss, gradient.reshape(prediction.shape)


class BinaryCrossEntropy:
    """Compare logits with yes-or-no targets, the logistic function included.

        loss = log(1 + exp(x)) - t x          d loss / dx = 1 / (1 + exp(-x)) - t          (means over all that count)

    A target of -1 is padding: it does not count, and its logit has no gradient.

    Shapes: prediction and target have one shape; targets are in [0, 1], or -1.
    Raises: ValueError when the shapes differ, a target is out of range, or all are padding.
    """

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean cross-entropy in nats and its derivative."""
        _check_shape(self, prediction, target)
        if target.min() == PADDING:
            return _where_it_counts(self, prediction, target)
        if target.min() < 0 or target.max() > 1:
            raise ValueError(
                f"BinaryCrossEntropy got targets from {target.min()} to {target.max()}; it needs numbers in [0, 1], "
                "or -1 for padding"
            )
        x, t = prediction, target.astype(prediction.dtype, copy=False)
        loss = float(np.mean(softplus(x))) - float(np.vdot(t, x)) / x.size
        gradient = sigmoid(x)
        gradient -= t
        gradient *= 1 / x.size
        return loss, gradient


class MeanSquaredError:
    """Compare numbers by their squared distance.

        loss = (x - t)²          d loss / dx = 2 (x - t)          (means over all numbers)

    Shapes: prediction and target have one shape.
    Raises: ValueError when the shapes differ.
    """

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean squared error and its derivative."""
        _check_shape(self, prediction, target)
        gradient = np.subtract(prediction, target, dtype=prediction.dtype)
        loss = float(np.vdot(gradient, gradient)) / gradient.size
        gradient *= 2 / gradient.size
        return loss, gradient


class Huber:
    """Compare numbers by their squared distance when it is short and by their distance when it is long.

        d = x - t          c = d clipped to [-delta, delta]
        loss = c (d - c / 2)          d loss / dx = c          (means over all numbers)

    Shapes: prediction and target have one shape.
    Raises: ValueError when delta is not positive or the shapes differ.
    Source: Huber (1964), Robust Estimation of a Location Parameter, https://doi.org/10.1214/aoms/1177703732
    """

    def __init__(self, delta: float = 1.0) -> None:
        if not delta > 0:
            raise ValueError(f"Huber got delta={delta}; it needs a positive number")
        self.delta = delta

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean Huber loss and its derivative."""
        _check_shape(self, prediction, target)
        distance = np.subtract(prediction, target, dtype=prediction.dtype)
        gradient = np.clip(distance, -self.delta, self.delta)
        loss = float(np.vdot(gradient, distance) - np.vdot(gradient, gradient) / 2) / gradient.size
        gradient *= 1 / gradient.size
        return loss, gradient


def _where_it_counts(loss: Loss, prediction: Array, target: Array) -> tuple[float, Array]:
    """Return the loss of what is not padding, and its derivative, zero where there is padding."""
    counts = target != PADDING
    if not counts.any():
        raise ValueError(f"{type(loss).__name__} got only targets of -1, padding; it needs one that counts")
    gradient = np.zeros_like(prediction)
    value, gradient[counts] = loss(prediction[counts], target[counts])
    return value, gradient


def _check_classes(prediction: Array, target: Array) -> None:
    if prediction.ndim == 0 or prediction.shape[:-1] != target.shape or target.size == 0:
        raise ValueError(
            f"CrossEntropy got logits of shape {prediction.shape} and targets of shape {target.shape}; "
            "it needs (N, ..., K) and (N, ...)"
        )
    if target.dtype.kind not in "iu":
        raise ValueError(f"CrossEntropy got targets of dtype {target.dtype}; it needs integers")
    if target.min() < PADDING or target.max() >= prediction.shape[-1]:
        raise ValueError(
            f"CrossEntropy got targets from {target.min()} to {target.max()}; "
            f"it needs classes from 0 to {prediction.shape[-1] - 1}, or -1 for padding"
        )


def _check_shape(loss: object, prediction: Array, target: Array) -> None:
    if prediction.shape != target.shape or prediction.size == 0:
        raise ValueError(
            f"{type(loss).__name__} got predictions of shape {prediction.shape} and targets of shape "
            f"{target.shape}; it needs one shape that is not empty"
        )
