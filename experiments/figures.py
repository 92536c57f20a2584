"""Pictures of a run: those that every run has, and the architecture's own."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuralzoo.core.batches import inputs_of
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.learner import Metrics
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.assembly import Assembly
from neuralzoo.experiments.folder import DISK
from neuralzoo.experiments.model import predict

if TYPE_CHECKING:
    from neuralzoo.experiments.verdict import Verdict

TRAIN, VALIDATION = "#7a8ba3", "#c2410c"


class PictureWarning(UserWarning):
    """A picture could not be drawn; the run has all the others."""


class Pictures:
    """A trainer hook that draws a run's pictures into a folder when the test is done.

    A picture that can't be drawn costs only itself: a PictureWarning names it and the error.
    """

    def __init__(self, assembly: Assembly, folder: Path) -> None:
        self.assembly = assembly
        self.folder = folder
        self.paths: list[Path] = []

    @hookimpl(tryfirst=True)
    def tested(self, trainer: Trainer) -> None:
        """Draw the learning curve, the confusion matrix, and what the architecture declares."""
        data, architecture = self.assembly.data, self.assembly.architecture
        with self._page("learning_curve") as figure:
            learning_curve(figure, trainer.history)
        if data.task.kind == "classification" and data.task.answer == "class":
            with self._page("confusion_matrix", (6.4, 5.6)) as figure:
                predicted = predict(self.assembly.module, inputs_of(data.test)).argmax(axis=-1)
                confusion_matrix(figure, predicted, data.test[-1], data.classes, data.task.outputs)
        examples = tuple(array[:64] for array in data.test)
        for declared in architecture.figures:
            with self._page(declared.name) as figure:
                figure.suptitle(declared.caption, fontsize=9)
                declared.draw(figure, self.assembly.module, examples)

    @contextmanager
    def _page(self, name: str, size: tuple[float, float] = (7.2, 4.5)) -> Iterator[Any]:
        path = self.folder / f"{name}.png"
        try:
            with page(path, size) as figure:
                yield figure
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK:  # no fault of the picture
                raise
            path.unlink(missing_ok=True)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            warnings.warn(f"the picture {name} is missing: {reason}", PictureWarning, stacklevel=2)
        else:
            self.paths.append(path)


@contextmanager
def page(path: Path, size: tuple[float, float] = (7.2, 4.5)) -> Iterator[Any]:
    """Hand out an empty figure and save what was drawn on it; no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def learning_curve(figure: Any, history: list[Metrics]) -> None:
    """Draw the loss and, where there is one, the accuracy of both splits against the epoch."""
    measures = [name for name in ("loss", "accuracy") if f"train/{name}" in history[0]] if history else []
    for axes, measure in zip(np.atleast_1d(figure.subplots(1, len(measures) or 1)), measures, strict=False):
        epochs = range(1, len(history) + 1)
        for split, colour in (("train", TRAIN), ("val", VALIDATION)):
            if f"{split}/{measure}" in history[0]:
                values = [epoch[f"{split}/{measure}"] for epoch in history]
                axes.plot(epochs, values, color=colour, label=split, marker="." if len(values) < 3 else "")
        axes.set(xlabel="epoch", title=measure)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)


def confusion_matrix(
    figure: Any, predicted: np.ndarray, truth: np.ndarray, classes: tuple[str, ...], outputs: int
) -> None:
    """Draw how many examples of each class (row) were taken for each class (column)."""
    counts = np.bincount(truth * outputs + predicted, minlength=outputs**2).reshape(outputs, outputs)
    names = classes or tuple(map(str, range(outputs)))
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(outputs), names, rotation=45, ha="right")
    axes.set_yticks(range(outputs), names)
    axes.set(xlabel="predicted", ylabel="true", title=f"{np.trace(counts) / counts.sum():.1%} right")
    if outputs <= 20:
        for row, column in np.argwhere(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, counts[row, column], ha="center", va="center", color=colour, fontsize=7)


def verdict_chart(figure: Any, verdict: "Verdict") -> None:
    """Draw each contestant's seeds as dots, their mean with its interval, and the bounds as lines."""
    from neuralzoo.experiments.verdict import interval

    conditions = [finding.condition for finding in verdict.findings]
    measures = list(dict.fromkeys(condition.measure for condition in conditions))
    for axes, measure in zip(np.atleast_1d(figure.subplots(len(measures), 1)), measures, strict=True):
        rows = [(label, by[measure]) for label, by in verdict.values.items() if measure in by]
        for row, (_, values) in enumerate(rows):
            mean, low, high = interval(values)
            axes.plot(values, [row] * len(values), "o", color=TRAIN, alpha=0.5, markersize=4)
            if np.isfinite([low, high]).all():
                axes.plot([low, high], [row, row], color=VALIDATION, linewidth=2)
            axes.plot([mean], [row], "d", color=VALIDATION, markersize=6)
        for c in conditions:
            if c.measure == measure and c.over is None:
                bound = c.at_least if c.at_least is not None else c.at_most
                row = [label for label, _ in rows].index(c.of)
                axes.plot([bound, bound], [row - 0.4, row + 0.4], color="black", linewidth=1, linestyle="--")
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set(xlabel=measure)
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
