"""What is timed: one architecture at its reference configuration, with one batch of its data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from neuralzoo.core.batches import Batch, inputs_of
from neuralzoo.core.layer import Context
from neuralzoo.experiments.assembly import Assembly, assemble
from neuralzoo.registry import get

PROFILE = "quick"
SETTINGS = {"rbfn": ["model.descend=true"]}
"""What the quick experiment is given besides: a closed form alone would leave no step to time."""


@dataclass(frozen=True)
class Workload:
    """An assembled experiment as it starts, and a batch of its training examples."""

    name: str
    assembly: Assembly
    batch: Batch

    def ours(self) -> Callable[[], object]:
        """Return our training step on the batch: forward, backward, optimizer, and the metrics that a run logs."""
        learner, batch = self.assembly.learner, self.batch
        ctx = Context(training=True, rng=np.random.default_rng(0))
        return lambda: learner.learn(batch, ctx)

    def our_prediction(self, examples: int) -> Callable[[], object]:
        """Return our prediction of the first examples."""
        layer, x = self.assembly.module, self.inputs(examples)
        return lambda: layer.predict(x)  # type: ignore[attr-defined]

    def our_loss(self) -> float:
        """Return our loss of the batch in evaluation mode."""
        return self.assembly.learner.evaluate(self.batch)["loss"]

    def inputs(self, examples: int) -> object:
        """Return the inputs of the first training examples: an array, or an array and lengths."""
        return inputs_of(tuple(array[:examples] for array in self.assembly.train.arrays))


def workload(name: str, settings: Iterable[str] = ()) -> Workload:
    """Return an architecture at its reference configuration, with further settings such as `model.dropout=0`.

    Raises: UnknownName when there is no such architecture.
    """
    experiment = get(name).experiments[PROFILE].set([*SETTINGS.get(name, []), *settings])
    assembly = assemble(experiment)
    batch = next(iter(assembly.train.epoch(np.random.default_rng(0))))
    return Workload(name, assembly, batch)
