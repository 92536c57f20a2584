"""Loss functions: the mean over the batch and its gradient with respect to the prediction.

loss, d loss / d prediction = CrossEntropy()(prediction, target)
"""

import numpy as np

from neuralzoo.core.blocks.activation import sigmoid, softplus
from neuralzoo.core.blocks.reductions import max_last_axis, sum_last_axis
from neuralzoo.core.blocks.targets import IGNORE_INDEX, check_fractions, class_indices
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array
from neuralzoo.core.ranges import require_fraction, require_positive


class CrossEntropy:
    """Softmax cross-entropy of logits and class indices.

        p = softmax(x)          q_k = (1 - s) [k = target] + s / K          s is the label smoothing
        loss = -sum_k q_k log(p_k)          d loss / dx = p - q              (means over the unmasked targets)

    Where there are several targets for each example, as in a sequence, those of -1 (IGNORE_INDEX) are masked: they do
    not enter the mean, and the gradient of their logits is 0.

    Shapes: prediction is (N, ..., K), target is (N, ...) integers from 0 to K - 1, or -1 where it has more than one
    axis.
    Raises: ValueError when the smoothing is not in [0, 1), the shapes do not fit, a target is no class, or all are
    masked.
    Source: label smoothing: Szegedy et al. (2015), Rethinking the Inception Architecture for Computer Vision,
    https://arxiv.org/abs/1512.00567
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        require_fraction("CrossEntropy", label_smoothing=label_smoothing)
        self.label_smoothing = label_smoothing
        self.quantity = "cross-entropy" + (f" with label smoothing {label_smoothing:g}" if label_smoothing else "")

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean cross-entropy in nats and its gradient."""
        _check_logits(prediction, target)
        target = class_indices("CrossEntropy", target, prediction.shape[-1], padding=target.ndim > 1)
        if target.min() == IGNORE_INDEX:
            return _masked(self, prediction, target)
        classes, smoothing = prediction.shape[-1], self.label_smoothing
        x = prediction.reshape(-1, classes)
        hit = (np.arange(len(x)), target.reshape(-1))
        z = x - max_last_axis(x)
        gradient = np.exp(z)
        total = sum_last_axis(gradient)
        loss = float(np.mean(np.log(total))) - (1 - smoothing) * float(np.mean(z[hit]))
        total *= len(x)
        gradient /= total
        gradient[hit] -= (1 - smoothing) / len(x)
        if smoothing:
            loss -= smoothing * float(np.mean(z))
            gradient -= smoothing / (classes * len(x))
        return loss, gradient.reshape(prediction.shape)


class BinaryCrossEntropy:
    """Binary cross-entropy of logits and targets in [0, 1], sigmoid included.

        loss = log(1 + exp(x)) - t x          d loss / dx = sigmoid(x) - t          (means over the unmasked targets)

    Targets with steps that are -1 (IGNORE_INDEX) are masked: they do not enter the mean, and the gradient of their
    logits is 0.

    Shapes: prediction and target have one shape; targets are in [0, 1], or -1 where they have more than two axes.
    Raises: ValueError when the shapes differ, a target is out of range, or all are masked.
    """

    quantity = "binary cross-entropy"

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean cross-entropy in nats and its gradient."""
        _check_shape(self, prediction, target)
        check_fractions("BinaryCrossEntropy", target, padding=target.ndim > 2)
        if target.min() == IGNORE_INDEX:
            return _masked(self, prediction, target)
        x, t = prediction, target.astype(prediction.dtype, copy=False)
        loss = float(np.mean(softplus(x))) - float(np.vdot(t, x)) / x.size
        gradient = sigmoid(x)
        gradient -= t
        gradient *= 1 / x.size
        return loss, gradient


class MeanSquaredError:
    """Mean squared error.

        loss = (x - t)²          d loss / dx = 2 (x - t)          (means over all elements)

    Shapes: prediction and target have one shape.
    Raises: ValueError when the shapes differ.
    """

    quantity = "mean squared error"

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean squared error and its gradient."""
        _check_shape(self, prediction, target)
        gradient = np.subtract(prediction, target, dtype=prediction.dtype)
        loss = float(np.vdot(gradient, gradient)) / gradient.size
        gradient *= 2 / gradient.size
        return loss, gradient


class Huber:
    """Huber loss: quadratic for errors up to delta, linear beyond.

        e = x - t          c = e clipped to [-delta, delta]
        loss = c (e - c / 2)          d loss / dx = c          (means over all elements)

    Shapes: prediction and target have one shape.
    Raises: ValueError when delta is not positive or the shapes differ.
    Source: Huber (1964), Robust Estimation of a Location Parameter, https://doi.org/10.1214/aoms/1177703732
    """

    def __init__(self, delta: float = 1.0) -> None:
        require_positive("Huber", delta=delta)
        self.delta = delta
        self.quantity = f"Huber loss with delta {delta:g}"

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean Huber loss and its gradient."""
        _check_shape(self, prediction, target)
        error = np.subtract(prediction, target, dtype=prediction.dtype)
        gradient = np.clip(error, -self.delta, self.delta)
        loss = float(np.vdot(gradient, error) - np.vdot(gradient, gradient) / 2) / gradient.size
        gradient *= 1 / gradient.size
        return loss, gradient


def _masked(loss: Loss, prediction: Array, target: Array) -> tuple[float, Array]:
    """Return the loss of the unmasked targets, and its gradient, 0 at the masked ones."""
    unmasked = target != IGNORE_INDEX
    if not unmasked.any():
        raise ValueError(f"{type(loss).__name__} got only targets of -1, which are masked; it needs one that is not")
    gradient = np.zeros_like(prediction)
    value, gradient[unmasked] = loss(prediction[unmasked], target[unmasked])
    return value, gradient


def _check_logits(prediction: Array, target: Array) -> None:
    if prediction.ndim == 0 or prediction.shape[:-1] != target.shape or target.size == 0:
        raise ValueError(
            f"CrossEntropy got logits of shape {prediction.shape} and targets of shape {target.shape}; "
            "it needs (N, ..., K) and (N, ...)"
        )


def _check_shape(loss: object, prediction: Array, target: Array) -> None:
    if prediction.shape != target.shape or prediction.size == 0:
        raise ValueError(
            f"{type(loss).__name__} got predictions of shape {prediction.shape} and targets of shape "
            f"{target.shape}; it needs one shape that is not empty"
        )
    if target.dtype.kind not in "biuf":
        raise ValueError(f"{type(loss).__name__} got targets of dtype {target.dtype}; it needs numbers")
