"""Training for a given time."""

from dataclasses import dataclass

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer


@dataclass
class TimeBudget:
    """A trainer hook that ends the training after the epoch that ends nearest to a budget of training seconds."""

    seconds: float | None = None

    @hookimpl
    def should_stop(self, trainer: Trainer) -> bool | None:
        """Stop when another epoch would end further from the budget."""
        if self.seconds is None:
            return None
        return trainer.seconds + trainer.seconds / trainer.epoch / 2 >= self.seconds or None
