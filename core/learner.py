"""What a learner is: a module, its losses and optimizers, and the training step on one batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch, Batches, inputs_of
from neuralzoo.core.inputs import FLOAT32, as_array
from neuralzoo.core.layer import Context, Gradients, Layer, Workspace
from neuralzoo.core.loss import Loss
from neuralzoo.core.metric import MetricInfo, loss_info
from neuralzoo.core.module import Array, Module, StateDict
from neuralzoo.core.optimizer import DivergenceError, Optimizer

MetricValues = dict[str, float]
Metric = Callable[[Array, Array], float]
IGNORE_OVERFLOW = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # `check_finite` reports what follows


class Learner(ABC):
    """Base class of learners: the training and evaluation step of one batch; the trainer only feeds batches and counts.

    `grads[name]` are the gradients of the module of `optimizers[name]`; `main` is the name of a single one.
    `metric_info` declares its loss and those of its metrics that have no common name, such as accuracy.
    """

    metric_info: Mapping[str, MetricInfo] = MappingProxyType({})

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name in ("prepare", "learn", "evaluate"):
            if name in vars(cls):
                setattr(cls, name, _with_data_converted(getattr(cls, name)))

    def __init__(self, module: Module, optimizers: Mapping[str, Optimizer]) -> None:
        self.module = module
        self.optimizers = dict(optimizers)
        self.grads = {name: Gradients(optimizer.module) for name, optimizer in optimizers.items()}
        self.workspace = Workspace()

    def prepare(self, data: Batches, ctx: Context) -> None:  # noqa: B027 - nothing to prepare is the usual case
        """Initialize from the data before the first step: k-means centres, least squares, statistics.

        A trainer calls it once, and never for a module that is `trained`.
        """

    @abstractmethod
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do a training step on one batch; `ctx` is in training mode and has the run's random generator."""

    @abstractmethod
    def evaluate(self, batch: Batch) -> MetricValues:
        """Evaluate one batch without changing anything; each metric is a mean over `num_examples(batch)`."""

    def as_batch(self, batch: Batch) -> Batch:
        """Return a batch whose inputs the module reads (see `Module.as_input`), and whose other arrays are native.

        Raises: ValueError when an array is not made of numbers, or one is too large for the dtype.
        """
        first, *rest = batch
        x = first if type(first) is np.ndarray and first.dtype is FLOAT32 else self.module.as_input(first)
        name = type(self).__name__
        others = [x if array is first else array if _is_native(array) else as_array(name, array) for array in rest]
        unchanged = x is first and all(new is old for new, old in zip(others, rest, strict=True))
        return batch if unchanged else (x, *others)

    def training_context(self, x: Array, ctx: Context, optimizer: str = "main") -> Context:
        """Return the context of a training step on x: gradients zero, workspace reset, dL/dx not needed.

        That of a frozen network is one of evaluation (see `Context.of`).
        """
        grads = self.grads[optimizer]
        grads.zero()
        self.workspace.reset()
        context = Context(training=True, rng=ctx.rng, grads=grads, inputs_without_grad=x, workspace=self.workspace)
        return context.of(self.optimizers[optimizer].module)

    def check_finite(self, loss: float, optimizer: str = "main") -> None:
        """Check the loss of a training step before its backward pass.

        Raises: DivergenceError when it is not finite; the parameters are unchanged then.
        """
        if not np.isfinite(loss):
            name = "loss" if optimizer == "main" else f"{optimizer}'s loss"
            step = self.optimizers[optimizer].steps
            raise DivergenceError(f"the {name} at step {step} is {loss}; training needs a finite loss")

    def num_examples(self, batch: Batch) -> int:
        """Return the number of examples, or of unmasked targets, that the metrics of a batch are means over."""
        return len(batch[0])

    def evaluate_all(self, batches: Iterable[Batch]) -> MetricValues:
        """Evaluate a whole dataset: the mean of each metric over all batches, weighted by `num_examples`."""
        mean = Mean()
        for batch in batches:
            mean.add(self.evaluate(batch), self.num_examples(batch))
        return mean.value()

    def state(self) -> StateDict:
        """Return a copy of all that training changes: parameters and optimizer states."""
        arrays = {f"module.{name}": array for name, array in self.module.state().items()}
        for key, optimizer in self.optimizers.items():
            arrays |= {f"optimizer.{key}.{name}": array for name, array in optimizer.state().items()}
        return arrays

    def load_state(self, state: StateDict) -> None:
        """Set all that training changes.

        Raises: ValueError when the state belongs to another learner.
        """
        parts = {"module": self.module} | {f"optimizer.{key}": o for key, o in self.optimizers.items()}
        for prefix, part in parts.items():
            start = len(prefix) + 1
            part.load_state({name[start:]: a for name, a in state.items() if name.startswith(prefix + ".")})


def _is_native(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.isnative


class ConvertedBatches:
    """Batches as a learner's module reads them."""

    def __init__(self, batches: Batches, learner: Learner) -> None:
        self.batches = batches
        self.learner = learner

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, rng: np.random.Generator, start: int = 0) -> Iterator[Batch]:
        """Yield the converted batches of one epoch from number `start` on."""
        return map(self.learner.as_batch, self.batches.epoch(rng, start))


def _with_data_converted(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return `prepare`, `learn` or `evaluate` behind the door at which data are converted; `learn` makes trained."""

    learns = method.__name__ == "learn"

    @wraps(method)
    def converting_method(self: Learner, data: Any, *arguments: Any) -> Any:
        data = self.as_batch(data) if isinstance(data, tuple) else ConvertedBatches(data, self)
        result = method(self, data, *arguments)
        if learns:
            self.module.trained = True
        return result

    return converting_method


class Supervised(Learner):
    """Supervised learning: minimises a loss between prediction and target, the last array of a batch.

    `metrics` are further metrics by name, functions of (prediction, target) that return a mean over the batch.
    """

    def __init__(
        self, module: Layer, loss: Loss, optimizer: Optimizer, metrics: Mapping[str, Metric] | None = None
    ) -> None:
        super().__init__(module, {"main": optimizer})
        self.layer = module
        self.loss = loss
        self.metrics = dict(metrics or {})
        self.metric_info = {"loss": loss_info(loss)}

    @IGNORE_OVERFLOW
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do one optimizer step on the gradient of the loss.

        Raises: DivergenceError when the loss or the gradient is not finite; the parameters are unchanged then.
        """
        prediction, pull = self.layer(inputs_of(batch), self.training_context(batch[0], ctx))
        loss, gradient = self.loss(prediction, batch[-1])
        self.check_finite(loss)
        pull(gradient)
        return {"loss": loss} | self._metrics(prediction, batch[-1]) | self.optimizers["main"].step(self.grads["main"])

    @IGNORE_OVERFLOW
    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the loss and the metrics in evaluation mode."""
        prediction, target = self.layer.predict(inputs_of(batch)), batch[-1]
        return {"loss": self.loss(prediction, target)[0]} | self._metrics(prediction, target)

    def _metrics(self, prediction: Array, target: Array) -> MetricValues:
        return {name: metric(prediction, target) for name, metric in self.metrics.items()}


class Mean:
    """A running weighted mean of metrics."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.weights: dict[str, float] = {}

    def add(self, metrics: MetricValues, weight: float) -> None:
        """Add metrics that are means over `weight` examples."""
        for name, value in metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value) * weight
            self.weights[name] = self.weights.get(name, 0.0) + weight

    def value(self) -> MetricValues:
        """Return the weighted mean of each metric."""
        return {name: total / self.weights[name] for name, total in self.sums.items()}
