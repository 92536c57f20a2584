"""What is timed: one architecture at its reference configuration, with one batch of its data."""

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
"""What the quick experiment is given besides: a closed form alone would leave no step to time."""


@dataclass(frozen=True)
class Workload:
    """An assembled experiment as it starts, and a batch of its training examples."""

    name: str
    assembly: Assembly
    batch: Batch
    chance: bool = True
    """Whether steps and predictions have random numbers of their own; else ours and theirs have the same each time."""

    def ours(self) -> Callable[[], object]:
        """Return our training step on the batch: forward, backward, optimizer, and the metrics that a run logs."""
        learner, batch, rng = self.assembly.learner, self.batch, np.random.default_rng(SEED)
        if self.chance:
            ctx = Context(training=True, rng=rng)
            return lambda: learner.learn(batch, ctx)
        return lambda: learner.learn(batch, Context(training=True, rng=np.random.default_rng(SEED)))

    def draws(self, shapes: Iterable[tuple[int, ...]]) -> list[Array]:
        """Return the normal numbers that ours draws one after the other when nothing is left to chance."""
        rng = np.random.default_rng(SEED)
        return [rng.standard_normal(shape, np.float32) for shape in shapes]

    def our_prediction(self, examples: int) -> Callable[[], object]:
        """Return our prediction of the first examples; where nothing is predicted, as many new ones are made."""
        module: Any = self.assembly.module
        if not isinstance(module, Layer):
            rng = np.random.default_rng(SEED)
            return lambda: module.sample(examples, rng if self.chance else np.random.default_rng(SEED))
        x: Any = self.inputs(examples)
        return lambda: module.predict(x)

    def our_loss(self) -> float:
        """Return our loss of the batch in evaluation mode; of a game, the sum of both losses in one step.

        The step has the numbers of `draws`, and all that it changes is put back.
        """
        learner = self.assembly.learner
        if isinstance(self.assembly.module, Layer):
            return learner.evaluate(self.batch)["loss"]
        before = learner.state()
        found = learner.learn(self.batch, Context(training=True, rng=np.random.default_rng(SEED)))
        learner.load_state(before)
        return found["discriminator_loss"] + found["generator_loss"]

    def inputs(self, examples: int) -> object:
        """Return the inputs of the first training examples: an array, or an array and lengths."""
        return inputs_of(tuple(array[:examples] for array in self.assembly.train.arrays))


def workload(name: str, settings: Iterable[str] = (), *, chance: bool = True) -> Workload:
    """Return an architecture at its reference configuration, with further settings such as `model.dropout=0`.

    Raises: UnknownNameError when there is no such architecture.
    """
    experiment = get(name).experiments[PROFILE].set([*SETTINGS.get(name, []), *settings])
    assembly = assemble(experiment)
    batch = next(iter(assembly.train.epoch(np.random.default_rng(SEED))))
    return Workload(name, assembly, batch, chance)
