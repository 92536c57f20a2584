"""The learner of every architecture that learns by plain supervision."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.losses import PADDING, BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.metrics import accuracy, mark_accuracy, mean_absolute_error, nats_per_step
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.layer import Context, Layer
from neuralzoo.core.learner import Metrics, Supervised
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer


class HasKind(Protocol):
    """A task, as far as it matters here: it says what is asked for, and what an answer is made of."""

    @property
    def kind(self) -> str:
        """What is asked for, such as `classification`."""
        ...

    @property
    def answer(self) -> str:
        """What an answer is made of, such as `class`."""
        ...


class StepByStep(Supervised):
    """Learns an answer for each step of a sequence; steps in the padding do not count.

    Padding is what lies beyond the lengths, where a batch has them, and every target of -1.

    Shapes: batches are (x, target) or (x, lengths, target); lengths are (N,), targets (N, T) or (N, T, K).
    """

    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do one step down the gradient of the loss over all targets that count."""
        return super().learn(without_padding(batch), ctx)

    def evaluate(self, batch: Batch) -> Metrics:
        """Return the loss and the measures, means over all targets that count."""
        return super().evaluate(without_padding(batch))

    def count(self, batch: Batch) -> int:
        """Return the number of targets that count."""
        return int(np.count_nonzero(without_padding(batch)[-1] != PADDING))


def without_padding(batch: Batch) -> Batch:
    """Return the batch with a target of -1 at each step beyond the lengths."""
    if len(batch) == 2:
        return batch
    *inputs, lengths, target = batch
    check_lengths(lengths, *target.shape[:2])
    inside = np.arange(target.shape[1]) < lengths[:, None]  # (N, T)
    inside = inside.reshape(*inside.shape, *[1] * (target.ndim - 2))
    return *inputs, lengths, np.where(inside, target, target.dtype.type(PADDING))


def supervised(module: Layer, config: Any, task: HasKind, make_optimizer: Callable[[Module], Optimizer]) -> Supervised:
    """Return the learner with the loss and the measures that the kind of task and its answers ask for.

    A class or a token: cross-entropy and accuracy. Marks, each 0 or 1: binary cross-entropy and the share of right
    ones, and for those of each step the nats of a step. Numbers: mean squared error. Where each step has an answer,
    padding does not count.

    Raises: ValueError when the task is of another kind or asks for other answers.
    """
    learner = Supervised if task.kind == "classification" else StepByStep
    match task.kind, task.answer:
        case "classification" | "sequence-labelling" | "language-modelling", "class":
            return learner(module, CrossEntropy(), make_optimizer(module), {"accuracy": accuracy})
        case "classification", "marks":
            return learner(module, BinaryCrossEntropy(), make_optimizer(module), {"accuracy": mark_accuracy})
        case "sequence-labelling", "marks":
            by_step = {"accuracy": mark_accuracy, "nats_per_step": nats_per_step}
            return learner(module, BinaryCrossEntropy(), make_optimizer(module), by_step)
        case "regression", _:
            measures = {"mean_absolute_error": mean_absolute_error}
            return Supervised(module, MeanSquaredError(), make_optimizer(module), measures)
        case "reconstruction", _:
            return Supervised(module, MeanSquaredError(), make_optimizer(module))
    raise ValueError(
        f"supervised got a task of kind {task.kind!r} with answers made of {task.answer!r}; it needs classification, "
        "sequence-labelling, language-modelling, regression or reconstruction, with class, marks or numbers"
    )
