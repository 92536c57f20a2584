"""Supervised learning with the loss and the metrics that fit a task."""

from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.metrics import accuracy, mean_absolute_error, multilabel_accuracy, nats_per_step
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.blocks.targets import IGNORE_INDEX, mask_beyond
from neuralzoo.core.layer import Context, Layer
from neuralzoo.core.learner import MetricValues, Supervised
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.core.task import Task


class PerStepSupervised(Supervised):
    """Supervised learning of an output for each step of a sequence; padding is masked.

    Padding is every step beyond the lengths, where a batch has them, and every target of -1. A batch of nothing but
    padding has no metrics, and no step is done on it.

    Shapes: batches are (x, target) or (x, lengths, target); lengths are (N,), targets (N, T) or (N, T, K).
    """

    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do one gradient step of the loss over all unmasked targets."""
        masked = mask_padding(batch)
        return super().learn(masked, ctx) if any_target(masked) else {}

    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the loss and the metrics, means over all unmasked targets."""
        masked = mask_padding(batch)
        return super().evaluate(masked) if any_target(masked) else {}

    def num_examples(self, batch: Batch) -> int:
        """Return the number of unmasked targets."""
        return int(np.count_nonzero(mask_padding(batch)[-1] != IGNORE_INDEX))


def mask_padding(batch: Batch) -> Batch:
    """Return the batch with a target of -1 at each step beyond the lengths."""
    if len(batch) == 2:
        return batch
    *inputs, lengths, target = batch
    check_lengths(lengths, *target.shape[:2])
    return *inputs, lengths, mask_beyond(target, lengths)


def any_target(masked: Batch) -> bool:
    """Return whether a batch whose padding is masked has a target that is not."""
    return bool((masked[-1] != IGNORE_INDEX).any())


def supervised(module: Layer, config: Any, task: Task, optimizer_factory: Callable[[Module], Optimizer]) -> Supervised:
    """Return the learner with the loss and the metrics for the kind of task and of target.

    Class or token: cross-entropy and accuracy. Multilabel: binary cross-entropy and the fraction of correct labels, and
    with targets for each step the nats per step. Continuous: mean squared error. In targets for each step padding is
    masked.

    Raises: ValueError when the task or its target is of another kind.
    """
    learner = Supervised if task.kind == "classification" else PerStepSupervised
    match task.kind, task.target:
        case "classification" | "sequence-labelling" | "language-modelling", "class":
            return learner(module, CrossEntropy(), optimizer_factory(module), {"accuracy": accuracy})
        case "classification", "multilabel":
            return learner(module, BinaryCrossEntropy(), optimizer_factory(module), {"accuracy": multilabel_accuracy})
        case "sequence-labelling", "multilabel":
            by_step = {"accuracy": multilabel_accuracy, "nats_per_step": nats_per_step}
            return learner(module, BinaryCrossEntropy(), optimizer_factory(module), by_step)
        case "regression", _:
            metrics = {"mean_absolute_error": mean_absolute_error}
            return Supervised(module, MeanSquaredError(), optimizer_factory(module), metrics)
        case "reconstruction", _:
            return Supervised(module, MeanSquaredError(), optimizer_factory(module))
    raise ValueError(
        f"supervised got a task of kind {task.kind!r} with targets of kind {task.target!r}; it needs classification, "
        "sequence-labelling, language-modelling, regression or reconstruction, with class, multilabel or continuous"
    )
