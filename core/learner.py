"""What a learner is: a module, its losses and optimizers, and what one batch does to them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from neuralzoo.core.batches import Batch, Batches, inputs_of
from neuralzoo.core.layer import Context, Gradients, Layer, Workspace
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array, Module, State
from neuralzoo.core.optimizer import Diverged, Optimizer

Metrics = dict[str, float]
Measure = Callable[[Array, Array], float]
SILENTLY = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # Diverged says it in one sentence


class Learner(ABC):
    """Knows what learning from one batch means; the trainer only feeds batches and counts."""

    def __init__(self, module: Module, optimizers: Mapping[str, Optimizer]) -> None:
        self.module = module
        self.optimizers = dict(optimizers)

    def prepare(self, data: Batches, ctx: Context) -> None:  # noqa: B027 - nothing to prepare is the usual case
        """Start from the data before the first step: k-means centres, least squares, statistics."""

    @abstractmethod
    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Learn from one batch; `ctx` is in training mode and has the run's random generator."""

    @abstractmethod
    def evaluate(self, batch: Batch) -> Metrics:
        """Measure one batch without changing anything; each metric is a mean over `count(batch)`."""

    def count(self, batch: Batch) -> int:
        """Return how many things the metrics of a batch are means over."""
        return len(batch[0])

    def evaluate_all(self, batches: Iterable[Batch]) -> Metrics:
        """Measure a whole data set: the mean of each metric over everything in the batches."""
        mean = Mean()
        for batch in batches:
            mean.add(self.evaluate(batch), self.count(batch))
        return mean.value()

    def state(self) -> State:
        """Return a copy of everything that learning changes: the module and the optimizers' memory."""
        arrays = {f"module.{name}": array for name, array in self.module.state().items()}
        for key, optimizer in self.optimizers.items():
            arrays |= {f"optimizer.{key}.{name}": array for name, array in optimizer.state().items()}
        return arrays

    def load_state(self, state: State) -> None:
        """Set everything that learning changes.

        Raises: ValueError when the state belongs to another learner.
        """
        parts = {"module": self.module} | {f"optimizer.{key}": o for key, o in self.optimizers.items()}
        for prefix, part in parts.items():
            start = len(prefix) + 1
            part.load_state({name[start:]: a for name, a in state.items() if name.startswith(prefix + ".")})


class Supervised(Learner):
    """Learns to predict targets: the last array of a batch, the loss compares, one optimizer follows its gradient.

    `measures` are further metrics by name, functions of (prediction, target) that return a mean over the batch.
    """

    def __init__(
        self, module: Layer, loss: Loss, optimizer: Optimizer, measures: Mapping[str, Measure] | None = None
    ) -> None:
        super().__init__(module, {"main": optimizer})
        self.layer = module
        self.loss = loss
        self.measures = dict(measures or {})
        self.grads = Gradients(module)
        self.workspace = Workspace()

    @SILENTLY
    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do one step down the gradient of the loss.

        Raises: Diverged when the loss or the gradient is not finite; the parameters are as they were then.
        """
        x, target = inputs_of(batch), batch[-1]
        self.grads.zero()
        self.workspace.reset()
        ctx = Context(training=True, rng=ctx.rng, grads=self.grads, data=batch[0], workspace=self.workspace)
        prediction, pull = self.layer(x, ctx)
        loss, gradient = self.loss(prediction, target)
        optimizer = self.optimizers["main"]
        if not np.isfinite(loss):
            raise Diverged(f"the loss at step {optimizer.steps} is {loss}; training needs finite numbers")
        pull(gradient)
        return {"loss": loss} | self._measure(prediction, target) | optimizer.step(self.grads)

    @SILENTLY
    def evaluate(self, batch: Batch) -> Metrics:
        """Return the loss and the measures in evaluation mode."""
        prediction, target = self.layer.predict(inputs_of(batch)), batch[-1]
        return {"loss": self.loss(prediction, target)[0]} | self._measure(prediction, target)

    def _measure(self, prediction: Array, target: Array) -> Metrics:
        return {name: measure(prediction, target) for name, measure in self.measures.items()}


class Mean:
    """A running weighted mean of metrics."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.weights: dict[str, float] = {}

    def add(self, metrics: Metrics, weight: float) -> None:
        """Take in metrics that are means over `weight` things."""
        for name, value in metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value) * weight
            self.weights[name] = self.weights.get(name, 0.0) + weight

    def value(self) -> Metrics:
        """Return the mean of each metric over all that was added."""
        return {name: total / self.weights[name] for name, total in self.sums.items()}
