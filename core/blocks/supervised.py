"""The learner of every architecture that learns by plain supervision."""

from collections.abc import Callable
from typing import Any, Protocol

from neuralzoo.core.blocks.losses import CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.measures import accuracy, mean_absolute_error
from neuralzoo.core.layer import Layer
from neuralzoo.core.learner import Supervised
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer


class HasKind(Protocol):
    """A task, as far as it matters here: it says what is asked for."""

    @property
    def kind(self) -> str:
        """What is asked for, such as `classification`."""
        ...


def supervised(module: Layer, config: Any, task: HasKind, make_optimizer: Callable[[Module], Optimizer]) -> Supervised:
    """Return the learner with the loss and the measures that the kind of task asks for.

    Classes and tokens: cross-entropy and accuracy. Numbers: mean squared error.

    Raises: ValueError when the task is of another kind.
    """
    match task.kind:
        case "classification" | "sequence-labelling" | "language-modelling":
            return Supervised(module, CrossEntropy(), make_optimizer(module), {"accuracy": accuracy})
        case "regression":
            measures = {"mean_absolute_error": mean_absolute_error}
            return Supervised(module, MeanSquaredError(), make_optimizer(module), measures)
        case "reconstruction":
            return Supervised(module, MeanSquaredError(), make_optimizer(module))
    raise ValueError(
        f"supervised got a task of kind {task.kind!r}; it needs classification, sequence-labelling, "
        "language-modelling, regression or reconstruction"
    )
