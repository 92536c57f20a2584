"""The progress bar of a run."""

from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running.metrics import format_metric

WIDE_COLUMNS = 110  # characters; a narrower terminal shows less


class ProgressBar:
    """A progress bar as a trainer hook: epoch, loss, validation metrics, time left; in a file, a line per epoch.

    The title is printed above it when training begins. A narrow terminal shows one metric and one time.
    """

    def __init__(self, console: Console, title: str = "") -> None:
        self.console = console
        self.title = title
        self.note = ""

    @hookimpl(wrapper=True)
    def fit(self, trainer: Trainer) -> Iterator[None]:
        """Show the bar while the training runs."""
        if self.title:
            self.console.print(self.title, markup=False, soft_wrap=True)
        self._note(trainer)
        bar = max(8, min(40, self.console.width - (60 if self.narrow else 94)))  # room for the ^C that a terminal shows
        columns: list[ProgressColumn] = [TextColumn("epoch {task.fields[epoch]}"), BarColumn(bar_width=bar)]
        columns += [] if self.narrow else [MofNCompleteColumn()]
        columns += [TextColumn("{task.fields[note]}")]
        columns += [] if self.narrow else [TimeElapsedColumn()]
        columns += [TimeRemainingColumn()]
        total = trainer.epochs * len(trainer.train)
        hidden = not self.console.is_terminal
        with Progress(*columns, console=self.console, disable=hidden, transient=False) as self.bar:
            self.task = self.bar.add_task("", total=total, completed=trainer.step, epoch=_epoch(trainer), note="")
            return (yield)

    @hookimpl
    def batch_ended(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Move the bar on."""
        note = f"loss {format_metric(metrics['loss'], 3)}{self.note}" if "loss" in metrics else self.note
        self.bar.update(self.task, completed=trainer.step, epoch=_epoch(trainer), note=note)

    @hookimpl
    def epoch_ended(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Show how the validation split fared."""
        self._note(trainer)
        if not self.console.is_terminal:
            loss = f" · train/loss {format_metric(metrics['train/loss'], 3)}" if "train/loss" in metrics else ""
            self.console.print(f"epoch {trainer.epoch}/{trainer.epochs}{loss}{self.note}", highlight=False)

    @property
    def narrow(self) -> bool:
        """Whether the window has no room for everything."""
        return self.console.is_terminal and self.console.width < WIDE_COLUMNS

    def _note(self, trainer: Trainer) -> None:
        last = trainer.history[-1] if trainer.history else {}
        shown = [name for name in last if name.startswith("val/")]
        if self.narrow:  # the loss of the batch stands there already
            shown = [name for name in shown if name != "val/loss"][:1] or shown
        self.note = "".join(f" · {name} {format_metric(last[name], 3)}" for name in shown[:2])


def _epoch(trainer: Trainer) -> str:
    return f"{min(trainer.epoch + 1, trainer.epochs)}/{trainer.epochs}"
