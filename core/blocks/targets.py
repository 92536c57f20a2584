"""Targets: which values a class has, and which target stands for padding."""

import numpy as np

from neuralzoo.core.module import Array

IGNORE_INDEX = -1
"""The target of steps that are masked out of loss and metrics, such as the padding of a sequence."""


def class_indices(owner: str, target: Array, classes: int, *, padding: bool = False) -> Array:
    """Return targets of class as integers that can be indices: from 0 to `classes` - 1, or -1 in padding.

    Padding exists where targets have steps only: one class for each example is never masked.

    Raises: ValueError when a target is no class.
    """
    if target.dtype.kind not in "biu":
        raise ValueError(f"{owner} got targets of dtype {target.dtype}; it needs integers from 0 to {classes - 1}")
    lowest = IGNORE_INDEX if padding else 0
    if target.size and (target.min() < lowest or target.max() >= classes):
        needed = f"classes from 0 to {classes - 1}{', or -1 for masked ones' if padding else ''}"
        raise ValueError(f"{owner} got targets from {target.min()} to {target.max()}; it needs {needed}")
    return target if target.dtype.kind == "i" else target.astype(np.int64)


def check_fractions(owner: str, target: Array, *, padding: bool = False) -> None:
    """Check that targets are numbers in [0, 1], or -1 in padding, which exists where targets have steps only.

    Raises: ValueError when one is not.
    """
    if target.dtype.kind not in "biuf":
        raise ValueError(f"{owner} got targets of dtype {target.dtype}; it needs numbers in [0, 1]")
    inside = target[target != IGNORE_INDEX] if padding and target.size and target.min() == IGNORE_INDEX else target
    if inside.size and not (inside.min() >= 0 and inside.max() <= 1):
        needed = f"values in [0, 1]{', or -1 for masked ones' if padding else ''}"
        raise ValueError(f"{owner} got targets from {target.min()} to {target.max()}; it needs {needed}")


def mask_beyond(target: Array, lengths: Array) -> Array:
    """Return targets that are -1 at each step beyond the lengths; truth values and unsigned ones become signed.

    Shapes: target is (N, T, ...), lengths are (N,).
    """
    if target.dtype == np.uint64:
        target = np.minimum(target, np.uint64(np.iinfo(np.int64).max))  # else the largest one would become -1
    if target.dtype.kind in "bu":
        target = target.astype(np.int64)
    inside = np.arange(target.shape[1]) < lengths[:, None]  # (N, T)
    inside = inside.reshape(*inside.shape, *[1] * (target.ndim - 2))
    return np.where(inside, target, target.dtype.type(IGNORE_INDEX))
