"""The progress bar of a run."""

from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer


class ProgressBar:
    """A trainer hook that shows epoch, loss, validation result and the time left; on a file, a line per epoch."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.note = ""

    @hookimpl(wrapper=True)
    def fit(self, trainer: Trainer) -> Iterator[None]:
        """Show the bar while the training runs."""
        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        total = trainer.epochs * len(trainer.train)
        hidden = not self.console.is_terminal
        with Progress(*columns, console=self.console, disable=hidden, transient=False) as self.bar:
            self.task = self.bar.add_task("", total=total, completed=trainer.step, epoch=_epoch(trainer), note="")
            return (yield)

    @hookimpl
    def batch_ended(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Move the bar on."""
        note = f"loss {metrics['loss']:.3f}{self.note}" if "loss" in metrics else self.note
        self.bar.update(self.task, completed=trainer.step, epoch=_epoch(trainer), note=note)

    @hookimpl
    def epoch_ended(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Show how the validation split fared."""
        shown = {name: value for name, value in metrics.items() if name.startswith("val/")}
        self.note = "".join(f" · {name} {value:.3f}" for name, value in list(shown.items())[:2])
        if not self.console.is_terminal:
            loss = f" · train/loss {metrics['train/loss']:.3f}" if "train/loss" in metrics else ""
            self.console.print(f"epoch {trainer.epoch}/{trainer.epochs}{loss}{self.note}", highlight=False)


def _epoch(trainer: Trainer) -> str:
    return f"{min(trainer.epoch + 1, trainer.epochs)}/{trainer.epochs}"
