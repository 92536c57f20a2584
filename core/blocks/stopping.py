"""Stopping rules: early stopping, and stopping when a metric reaches a bound."""

import math
import warnings
from collections.abc import Sequence

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.learner import MetricValues
from neuralzoo.core.trainer import Trainer


class MissingMetricWarning(UserWarning):
    """An epoch lacks the metric that decides when training stops."""


class EarlyStopping:
    """Early stopping: a trainer hook that stops when a metric has not improved for `patience` epochs.

    It reads the trainer's history only, each epoch once, so that a resumed run stops where the uninterrupted one does.
    A value that is NaN is never the best one, nor is an epoch without the metric, of which it warns.

    Raises: ValueError when the mode is unknown or the patience is not positive.
    """

    def __init__(self, metric: str = "val/loss", *, patience: int = 5, mode: str = "min") -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping got mode={mode!r}; it needs 'min' or 'max'")
        if not 1 <= patience < math.inf:
            raise ValueError(f"EarlyStopping got patience={patience}; it needs at least 1 epoch")
        self.metric = metric
        self.patience = patience
        self.sign = 1.0 if mode == "min" else -1.0
        self.history: Sequence[MetricValues] = ()
        self.epochs = self.best_epoch = 0
        self.best = math.inf

    @hookimpl
    def should_stop(self, trainer: Trainer) -> bool | None:
        """Return True when the best value is `patience` epochs old."""
        if trainer.history is not self.history:
            self.history, self.epochs = trainer.history, 0
        for epoch in range(self.epochs, len(self.history)):
            value = self.sign * value_of(self.history[epoch], self.metric, "EarlyStopping")
            if epoch == 0 or value < self.best:
                self.best, self.best_epoch = math.inf if math.isnan(value) else value, epoch
        self.epochs = len(self.history)
        return self.epochs - 1 - self.best_epoch >= self.patience or None


class StopWhen:
    """A trainer hook that stops at the first epoch whose metric is at least, or at most, a bound.

    Metrics of `train/...` are means over the epoch's batches, each measured before its step. It does not stop at an
    epoch without the metric, of which it warns: an error there would cost the epoch, and every time it is resumed.

    Raises: ValueError when there is not exactly one bound, or it is not finite.
    """

    def __init__(self, metric: str, *, at_least: float | None = None, at_most: float | None = None) -> None:
        if (at_least is None) == (at_most is None):
            raise ValueError(f"StopWhen got at_least={at_least} and at_most={at_most}; it needs exactly one of them")
        if not all(bound is None or math.isfinite(bound) for bound in (at_least, at_most)):
            raise ValueError(f"StopWhen got at_least={at_least} and at_most={at_most}; it needs a finite bound")
        self.metric = metric
        self.at_least = -math.inf if at_least is None else at_least
        self.at_most = math.inf if at_most is None else at_most

    @hookimpl
    def should_stop(self, trainer: Trainer) -> bool | None:
        """Return True when the last epoch's metric is within the bound."""
        return self.at_least <= value_of(trainer.history[-1], self.metric, "StopWhen") <= self.at_most or None


def value_of(metrics: MetricValues, name: str, owner: str) -> float:
    """Return a metric of an epoch; NaN, with a warning that lists the epoch's metrics, where there is none."""
    if name not in metrics:
        text = f"{owner} got no metric {name!r}; the epoch has {', '.join(metrics)}; training does not stop at it"
        warnings.warn(text, MissingMetricWarning, stacklevel=3)
    return metrics.get(name, math.nan)
