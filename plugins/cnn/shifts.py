"""What a trained network still tells when images are moved: a measure, and the picture of it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import CONTRAST, HIGHLIGHT, INK, NEUTRAL

SHIFTS = (0, 1, 2, 3, 4, 5, 6)
WAYS = ((0, 1), (1, 0), (0, -1), (-1, 0))
COLOURS = (HIGHLIGHT, INK, NEUTRAL, CONTRAST)


def moved(images: Array, rows: int, columns: int) -> Array:
    """Return images moved down and to the right, or up and left where a number is negative; what is left free is 0.

    Shapes: images and result are (N, H, W, C).
    """
    height, width = images.shape[1:3]
    result = np.zeros_like(images)
    result[:, max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)] = images[
        :, max(-rows, 0) : height - max(rows, 0), max(-columns, 0) : width - max(columns, 0)
    ]
    return result


def accuracy_moved(by: int) -> Callable[[Any, Any], float]:
    """Return the evaluator that measures the accuracy on test images moved by some pixels: the mean of four ways."""

    def evaluator(module: Any, data: Any) -> float:
        x, y = data.test
        ways = WAYS if by else WAYS[:1]
        return float(np.mean([module.predict(moved(x, by * i, by * j)).argmax(axis=-1) == y for i, j in ways]))

    return evaluator


def accuracy_lost(by: int) -> Callable[[Any, Any], float]:
    """Return the evaluator that measures how much accuracy is lost when test images are moved by some pixels."""

    def evaluator(module: Any, data: Any) -> float:
        return accuracy_moved(0)(module, data) - accuracy_moved(by)(module, data)

    return evaluator


def draw_accuracy_by_shift(
    figure: Any, values: Mapping[str, Mapping[str, tuple[float, ...]]], modules: Mapping[str, Callable[[], Any]]
) -> None:
    """Draw the accuracy of each candidate against the shift, with a thin line for each seed."""
    axes = figure.subplots()
    for (label, found), colour in zip(values.items(), COLOURS, strict=False):
        curves = np.array([found[f"moved_{by}"] for by in SHIFTS])  # (shifts, seeds)
        axes.plot(SHIFTS, curves, color=colour, linewidth=0.5, alpha=0.5)
        axes.plot(SHIFTS, curves.mean(axis=1), color=colour, marker="o", markersize=3, label=label)
    axes.set(xlabel="pixels that test images are moved by", ylabel="accuracy", ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
