"""The workload of a benchmark: an architecture at its reference configuration, with one batch of its data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch, inputs_of
from neuralzoo.core.layer import Context, Layer
from neuralzoo.core.module import Array
from neuralzoo.experiments.running.assembly import Assembly, assemble
from neuralzoo.registry import get

PROFILE = "quick"
SEED = 0
SETTINGS = {"rbfn": ["model.finetune=true"]}
"""Settings added to the quick experiment: the closed-form solution of the rbfn has no training step to time."""


@dataclass(frozen=True)
class Workload:
    """An assembled, untrained experiment, and a batch of its training examples."""

    name: str
    assembly: Assembly
    batch: Batch
    random: bool = True
    """Whether each step draws new random numbers; else all steps, of ours and of the counterpart, get the same."""

    def ours(self) -> Callable[[], object]:
        """Return our training step on the batch: forward, backward, optimizer, and the metrics that a run logs."""
        learner, batch, rng = self.assembly.learner, self.batch, np.random.default_rng(SEED)
        if self.random:
            ctx = Context(training=True, rng=rng)
            return lambda: learner.learn(batch, ctx)
        return lambda: learner.learn(batch, Context(training=True, rng=np.random.default_rng(SEED)))

    def draws(self, shapes: Iterable[tuple[int, ...]]) -> list[Array]:
        """Return the standard normal arrays that our step draws in this order where `random` is False."""
        rng = np.random.default_rng(SEED)
        return [rng.standard_normal(shape, np.float32) for shape in shapes]

    def our_prediction(self, examples: int) -> Callable[[], object]:
        """Return our prediction of the first examples; of a generative model, sampling of as many examples."""
        module: Any = self.assembly.module
        if not isinstance(module, Layer):
            rng = np.random.default_rng(SEED)
            return lambda: module.sample(examples, rng if self.random else np.random.default_rng(SEED))
        x: Any = self.inputs(examples)
        return lambda: module.predict(x)

    def our_loss(self) -> float:
        """Return our loss of the batch in evaluation mode; of adversarial training, the sum of both losses in one step.

        The step uses the arrays of `draws`, and its changes are undone.
        """
        learner = self.assembly.learner
        if isinstance(self.assembly.module, Layer):
            return learner.evaluate(self.batch)["loss"]
        before = learner.state()
        metrics = learner.learn(self.batch, Context(training=True, rng=np.random.default_rng(SEED)))
        learner.load_state(before)
        return metrics["discriminator_loss"] + metrics["generator_loss"]

    def inputs(self, examples: int) -> object:
        """Return the inputs of the first training examples: an array, or an array and lengths."""
        return inputs_of(tuple(array[:examples] for array in self.assembly.train.arrays))


def workload(name: str, settings: Iterable[str] = (), *, random: bool = True) -> Workload:
    """Return an architecture at its reference configuration, with further settings such as `model.dropout=0`.

    Raises: UnknownNameError when there is no such architecture.
    """
    experiment = get(name).experiments[PROFILE].set([*SETTINGS.get(name, []), *settings])
    assembly = assemble(experiment)
    batch = next(iter(assembly.train.epoch(np.random.default_rng(SEED))))
    return Workload(name, assembly, batch, random)
