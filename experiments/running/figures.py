"""The figures of a run: a trainer hook that draws learning curve, confusion matrix, and the architecture's own."""

import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.datasets import Arrays, Dataset
from neuralzoo.experiments.running.assembly import Assembly
from neuralzoo.experiments.running.files import FIGURE_SIZE, save_figure
from neuralzoo.experiments.running.plots import confusion_matrix, is_single_label, learning_curve, predicted_and_true
from neuralzoo.experiments.running.run_folder import DISK_ERRORS
from neuralzoo.registry import Figure


class FigureWarning(UserWarning):
    """A figure could not be drawn; the run has all the others."""


class FigureWriter:
    """A trainer hook that draws the figures of a run after the test, some of them during training as well.

    Figures `by_epoch` are drawn before the first step and after 1, 2, 4, 8... epochs and the last, since networks
    change most in the beginning, and runs of different lengths then have figures of the same epochs. Figures can't
    change training: they are drawn from a copy of the module and from read-only data, without a random generator.
    One that can't be drawn is skipped with a FigureWarning.
    """

    def __init__(self, assembly: Assembly, folder: Path) -> None:
        self.assembly = assembly
        self.folder = folder
        self.data = _read_only(assembly.data)
        declared = (*assembly.architecture.figures, *assembly.figures)
        self.declared = [figure for figure in declared if figure.fits(assembly.data.task)]
        self.failed: set[str] = set()
        self.seconds = 0.0  # of drawing

    @hookimpl(wrapper=True)
    def fit(self, trainer: Trainer) -> Iterator[None]:
        """Draw the figures of epoch 0, unless training is resumed."""
        if trainer.step == 0:
            self._draw_epoch(0)
            self.failed.clear()  # a figure that fails before training may work later
        return (yield)

    @hookimpl
    def epoch_ended(self, trainer: Trainer) -> None:
        """Draw the figures of epochs 1, 2, 4, 8...; those of the last epoch are drawn after the test."""
        epoch = trainer.epoch
        if not epoch & (epoch - 1) and not trainer.stopped and epoch < trainer.epochs:
            self._draw_epoch(epoch)

    def _draw_epoch(self, epoch: int) -> None:
        with self._timed():
            for figure in self.declared:
                if figure.by_epoch and figure.name not in self.failed:
                    self._draw(figure, epoch_name(figure.name, epoch))

    @hookimpl(tryfirst=True)
    def test_ended(self, trainer: Trainer) -> None:
        """Draw the learning curve, the confusion matrix, and the declared figures."""
        with self._timed():
            draw_or_warn(self.folder, "learning_curve", lambda figure: learning_curve(figure, trainer.history))
            if is_single_label(self.data.task):
                draw_or_warn(self.folder, "confusion_matrix", self._draw_confusion_matrix, (6.4, 5.6))
            for declared in self.declared:
                self._draw(declared, declared.name)
                if declared.by_epoch and (last := self.folder / f"{declared.name}.png").exists():
                    series = self.folder / f"{epoch_name(declared.name, trainer.epoch)}.png"
                    series.parent.mkdir(exist_ok=True)
                    shutil.copyfile(last, series)

    def _draw_confusion_matrix(self, figure: Any) -> None:
        predicted, truth = predicted_and_true(self.assembly.module, self.data)
        confusion_matrix(figure, predicted, truth, self.data.classes, self.data.task.outputs)

    def _draw(self, declared: Figure, name: str) -> None:
        def draw(figure: Any) -> None:
            figure.suptitle(declared.caption, fontsize=9)
            declared.draw(figure, self.assembly.module.copy(), self.data)

        draw_or_warn(self.folder, name, draw)
        if not (self.folder / f"{name}.png").exists():
            self.failed.add(declared.name)  # one warning is enough

    @contextmanager
    def _timed(self) -> Iterator[None]:
        since = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - since


def epoch_name(name: str, epoch: int) -> str:
    """Return the name of the figure of one epoch."""
    return f"{name}/epoch-{epoch:04d}"


def _read_only(data: Dataset) -> Dataset:
    """Return the same data as read-only views."""

    def read_only(part: Arrays) -> Arrays:
        views = tuple(array.view() for array in part)
        for view in views:
            view.flags.writeable = False
        return views

    return replace(
        data,
        train=read_only(data.train),
        test=read_only(data.test),
        validation=None if data.validation is None else read_only(data.validation),
        extra_test_sets={name: read_only(part) for name, part in data.extra_test_sets.items()},
        original_labels={name: read_only((labels,))[0] for name, labels in data.original_labels.items()},
    )


def draw_or_warn(folder: Path, name: str, draw: Callable[[Any], None], size: tuple[float, float] = FIGURE_SIZE) -> None:
    """Draw a figure and save it as NAME.png; if Matplotlib or `draw` fails, warn and remove the file of that name.

    No context manager, for one can't skip its block when there is no figure to draw on.
    """
    path = folder / f"{name}.png"
    try:
        with save_figure(path, size) as figure:
            draw(figure)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:  # not an error of the figure
            raise
        path.unlink(missing_ok=True)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        warnings.warn(f"the figure {name} is missing: {reason}", FigureWarning, stacklevel=2)
