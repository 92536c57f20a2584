"""The plots that every run has: learning curve and confusion matrix."""

from typing import Any

import numpy as np

from neuralzoo.core.batches import inputs_of
from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.blocks.targets import IGNORE_INDEX
from neuralzoo.core.learner import MetricValues
from neuralzoo.core.module import Module
from neuralzoo.core.plots import palette
from neuralzoo.experiments.datasets import Dataset
from neuralzoo.registry import Task

TRAIN, VALIDATION = palette.NEUTRAL, palette.HIGHLIGHT


def learning_curve(figure: Any, history: list[MetricValues]) -> None:
    """Draw loss and accuracy of both splits against the epoch, or the first four metrics if there are none of these."""
    first = history[0] if history else {}
    known = [name.removeprefix("train/") for name in first if name.startswith("train/")]
    metrics = [name for name in ("loss", "accuracy") if name in known] or known[:4]
    rows = 2 if len(metrics) > 2 else 1
    panels = np.ravel(figure.subplots(rows, -(-max(len(metrics), 1) // rows)))
    for axes in panels[max(len(metrics), 1) :]:
        axes.set_axis_off()
    for axes, metric in zip(panels, metrics, strict=False):
        epochs = range(1, len(history) + 1)
        for split, colour in (("train", TRAIN), ("val", VALIDATION)):
            if f"{split}/{metric}" in first:
                values = [epoch.get(f"{split}/{metric}", np.nan) for epoch in history]
                axes.plot(epochs, values, color=colour, label=split, marker="." if len(values) < 3 else "")
        axes.set(xlabel="epoch", title=metric)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)


def is_single_label(task: Task) -> bool:
    """Return whether the target of an example, or of each step, is one class, as a confusion matrix needs."""
    return task.target == "class" and task.kind in ("classification", "sequence-labelling")


def predicted_and_true(module: Module, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and true classes of the test examples, or of all their unpadded steps.

    Shapes: (M,) both.
    """
    predict = module.predict  # type: ignore[attr-defined]
    predicted, truth = predict_in_batches(predict, inputs_of(data.test)).argmax(axis=-1), data.test[-1]
    unmasked = truth != IGNORE_INDEX
    if truth.ndim > 1 and data.task.variable_length:
        unmasked &= np.arange(truth.shape[1]) < data.test[1][:, None]
    return predicted[unmasked], truth[unmasked]


def confusion_matrix(
    figure: Any, predicted: np.ndarray, truth: np.ndarray, classes: tuple[str, ...], outputs: int
) -> None:
    """Draw a confusion matrix: the number of examples by true class (row) and predicted class (column)."""
    counts = np.bincount(truth * outputs + predicted, minlength=outputs**2).reshape(outputs, outputs)
    names = classes or tuple(map(str, range(outputs)))
    axes = figure.subplots()
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(outputs), names, rotation=45, ha="right")
    axes.set_yticks(range(outputs), names)
    axes.set(xlabel="predicted", ylabel="true", title=f"accuracy {np.trace(counts) / counts.sum():.1%}")
    if outputs <= 20:
        for row, column in np.argwhere(counts):
            colour = "white" if fractions[row, column] > 0.5 else "black"
            axes.text(column, row, counts[row, column], ha="center", va="center", color=colour, fontsize=7)
