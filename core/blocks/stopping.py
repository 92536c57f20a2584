"""Early stopping: end the training when it no longer pays."""

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer


class EarlyStopping:
    """A trainer hook that stops when a metric has not improved for `patience` epochs.

    It reads the trainer's history only, so that a resumed run stops where the uninterrupted one does.

    Raises: ValueError when the mode is unknown, the patience is not positive, or an epoch lacks the metric.
    """

    def __init__(self, metric: str = "val/loss", *, patience: int = 5, mode: str = "min") -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping got mode={mode!r}; it needs 'min' or 'max'")
        if patience < 1:
            raise ValueError(f"EarlyStopping got patience={patience}; it needs at least 1 epoch")
        self.metric = metric
        self.patience = patience
        self.sign = 1.0 if mode == "min" else -1.0

    @hookimpl
    def should_stop(self, trainer: Trainer) -> bool | None:
        """Return True when the best value is `patience` epochs old."""
        values = [self.sign * self._value(epoch) for epoch in trainer.history]
        return len(values) - 1 - values.index(min(values)) >= self.patience or None

    def _value(self, metrics: dict[str, float]) -> float:
        if self.metric not in metrics:
            raise ValueError(f"EarlyStopping got no metric {self.metric!r}; the epoch has {', '.join(metrics)}")
        return metrics[self.metric]
