"""Pictures of a run: those that every run has, and the architecture's own."""

import os
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuralzoo.core.batches import inputs_of
from neuralzoo.core.blocks.losses import PADDING
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.learner import Metrics
from neuralzoo.core.module import Module
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.datasets import Arrays, DataSet
from neuralzoo.experiments.running.assembly import Assembly
from neuralzoo.experiments.running.model_file import predict
from neuralzoo.experiments.running.run_folder import DISK
from neuralzoo.registry import Figure as Declared
from neuralzoo.registry import Task

if TYPE_CHECKING:
    from neuralzoo.experiments.claims.verdict import Verdict

TRAIN, VALIDATION = "#7a8ba3", "#c2410c"


class PictureWarning(UserWarning):
    """A picture could not be drawn; the run has all the others."""


class Pictures:
    """A trainer hook that draws a run's pictures into a folder when the test is done, some while training goes on, too.

    Pictures `by_epoch` are drawn before the first step, where MLflow's page begins, and after 1, 2, 4, 8... epochs
    and the last, for networks change most in the beginning, and so that runs of different lengths have pictures of
    the same epochs. Training can't be touched by them: they are drawn from a copy of the network and from data that
    can't be written to, and no random generator is handed out. A picture that can't be drawn costs only itself: a
    PictureWarning names it and the error.
    """

    def __init__(self, assembly: Assembly, folder: Path) -> None:
        self.assembly = assembly
        self.folder = folder
        self.data = _read_only(assembly.data)
        declared = (*assembly.architecture.figures, *assembly.figures)
        self.declared = [figure for figure in declared if figure.fits(assembly.data.task)]
        self.failed: set[str] = set()
        self.seconds = 0.0  # spent drawing

    @hookimpl(wrapper=True)
    def fit(self, trainer: Trainer) -> Iterator[None]:
        """Draw the pictures of the network as it was built, if it has not learned yet."""
        if trainer.step == 0:
            self._draw_epoch(0)
            self.failed.clear()  # what is no picture yet may become one
        return (yield)

    @hookimpl
    def epoch_ended(self, trainer: Trainer) -> None:
        """Draw the pictures of an epoch, if it has some; those of the last one are drawn when the test is done."""
        epoch = trainer.epoch
        if not epoch & (epoch - 1) and not trainer.stopped and epoch < trainer.epochs:
            self._draw_epoch(epoch)

    def _draw_epoch(self, epoch: int) -> None:
        with self._timed():
            for figure in self.declared:
                if figure.by_epoch and figure.name not in self.failed:
                    self._draw(figure, epoch_name(figure.name, epoch))

    @hookimpl(tryfirst=True)
    def tested(self, trainer: Trainer) -> None:
        """Draw the learning curve, the confusion matrix, and what the architecture declares."""
        with self._timed():
            with attempted(self.folder, "learning_curve") as figure:
                learning_curve(figure, trainer.history)
            if has_one_class_each(self.data.task):
                with attempted(self.folder, "confusion_matrix", (6.4, 5.6)) as figure:
                    predicted, truth = answers(self.assembly.module, self.data)
                    confusion_matrix(figure, predicted, truth, self.data.classes, self.data.task.outputs)
            for declared in self.declared:
                self._draw(declared, declared.name)
                if declared.by_epoch and (last := self.folder / f"{declared.name}.png").exists():
                    series = self.folder / f"{epoch_name(declared.name, trainer.epoch)}.png"
                    series.parent.mkdir(exist_ok=True)
                    shutil.copyfile(last, series)

    def _draw(self, declared: Declared, name: str) -> None:
        with attempted(self.folder, name) as figure:
            figure.suptitle(declared.caption, fontsize=9)
            declared.draw(figure, self.assembly.module.copy(), self.data)
        if not (self.folder / f"{name}.png").exists():
            self.failed.add(declared.name)  # one warning will do

    @contextmanager
    def _timed(self) -> Iterator[None]:
        since = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - since


def epoch_name(name: str, epoch: int) -> str:
    """Return the name of a picture of one epoch."""
    return f"{name}/epoch-{epoch:04d}"


def _read_only(data: DataSet) -> DataSet:
    """Return the same data, which nobody who is handed them can change."""

    def closed(part: Arrays) -> Arrays:
        views = tuple(array.view() for array in part)
        for view in views:
            view.flags.writeable = False
        return views

    return replace(
        data,
        train=closed(data.train),
        test=closed(data.test),
        validation=None if data.validation is None else closed(data.validation),
        tests={name: closed(part) for name, part in data.tests.items()},
        labels={name: closed((labels,))[0] for name, labels in data.labels.items()},
    )


@contextmanager
def attempted(folder: Path, name: str, size: tuple[float, float] = (7.2, 4.5)) -> Iterator[Any]:
    """Hand out an empty figure and save it as NAME.png; if it can't be drawn warn, and leave nothing of that name."""
    path = folder / f"{name}.png"
    try:
        with page(path, size) as figure:
            yield figure
    except Exception as error:
        if isinstance(error, OSError) and error.errno in DISK:  # no fault of the picture
            raise
        path.unlink(missing_ok=True)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        warnings.warn(f"the picture {name} is missing: {reason}", PictureWarning, stacklevel=3)


@contextmanager
def page(path: Path, size: tuple[float, float] = (7.2, 4.5)) -> Iterator[Any]:
    """Hand out an empty figure and save what was drawn on it, wholly or not at all; no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        figure.savefig(temporary, format="png")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def learning_curve(figure: Any, history: list[Metrics]) -> None:
    """Draw the loss and the accuracy of both splits against the epoch; where there is neither, what there is."""
    first = history[0] if history else {}
    known = [name.removeprefix("train/") for name in first if name.startswith("train/")]
    measures = [name for name in ("loss", "accuracy") if name in known] or known[:4]
    rows = 2 if len(measures) > 2 else 1
    panels = np.ravel(figure.subplots(rows, -(-max(len(measures), 1) // rows)))
    for axes in panels[max(len(measures), 1) :]:
        axes.set_axis_off()
    for axes, measure in zip(panels, measures, strict=False):
        epochs = range(1, len(history) + 1)
        for split, colour in (("train", TRAIN), ("val", VALIDATION)):
            if f"{split}/{measure}" in first:
                values = [epoch[f"{split}/{measure}"] for epoch in history]
                axes.plot(epochs, values, color=colour, label=split, marker="." if len(values) < 3 else "")
        axes.set(xlabel="epoch", title=measure)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)


def has_one_class_each(task: Task) -> bool:
    """Tell whether an answer, or that of each step, is one class: then it can be taken for another."""
    return task.answer == "class" and task.kind in ("classification", "sequence-labelling")


def answers(module: Module, data: DataSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted and the true classes of the test examples, or of all their steps but the padding.

    Shapes: (M,) both.
    """
    predicted, truth = predict(module, inputs_of(data.test)).argmax(axis=-1), data.test[-1]
    counts = truth != PADDING
    if truth.ndim > 1 and data.task.lengths:
        counts &= np.arange(truth.shape[1]) < data.test[1][:, None]
    return predicted[counts], truth[counts]


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
    from neuralzoo.experiments.claims.verdict import interval

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
