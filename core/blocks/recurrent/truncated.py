"""Truncated back-propagation through time: an update after each stretch of a sequence, the state carried on."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.losses import PADDING
from neuralzoo.core.blocks.recurrent.layer import State as Memory
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork, SequenceTask
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.blocks.supervised import StepByStep, supervised, without_padding
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import SILENTLY, Mean, Measure, Metrics, Supervised
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array, Module, State, load_arrays
from neuralzoo.core.optimizer import Diverged, Optimizer


class Truncated(StepByStep):
    """Learns an answer for each step of long sequences, in stretches of `steps` steps.

    After each stretch there is an update; its last state is the first one of the next stretch, but no gradient flows
    back over that border. The learning rate's schedule counts batches, as it does elsewhere.

    Source: Williams and Peng (1990), An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories, https://doi.org/10.1162/neco.1990.2.4.490
    """

    def __init__(
        self,
        module: SequenceNetwork,
        loss: Loss,
        optimizer: Optimizer,
        measures: Mapping[str, Measure],
        *,
        steps: int,
    ) -> None:
        super().__init__(module, loss, optimizer, measures)
        self.network = module
        self.steps = steps
        self.batches = 0  # learned from: the optimizer can't tell, for batches have different numbers of stretches
        by_batch = optimizer.schedule
        optimizer.schedule = lambda step: by_batch(self.batches)

    @SILENTLY
    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do one step down the gradient for each stretch that has a target that counts.

        Raises: Diverged when a loss or a gradient is not finite; the parameters are as they were then. ValueError when
        a length is out of range, or all targets are padding.
        """
        x, *lengths, target = without_padding(batch)
        left = lengths[0] if lengths else np.full(len(x), x.shape[1])
        check_lengths(left, *target.shape[:2])
        left = left.astype(np.intp)
        mean = Mean()
        state: list[Array] = []
        for first in range(0, x.shape[1], self.steps):
            rows = np.flatnonzero(left > first)
            if rows.size == 0:
                break
            stretch = (rows, slice(first, first + self.steps))
            start = tuple(memory[:, rows] for memory in state) or None
            part = (x[stretch], np.minimum(left[rows] - first, self.steps), target[stretch])
            metrics, end = self._stretch(part, start, ctx)
            state = state or [np.zeros((len(memory), len(x), memory.shape[2]), memory.dtype) for memory in end]
            for memory, last in zip(state, end, strict=True):
                memory[:, rows] = last
            mean.add(metrics, int(np.count_nonzero(part[2] != PADDING)))
        if not mean.weights:
            raise ValueError(f"{type(self).__name__} got only targets of -1, padding; it needs one that counts")
        self.batches += 1
        return mean.value()

    def state(self) -> State:
        """Return a copy of everything that learning changes, the number of batches among it."""
        return super().state() | {"batches": np.array(self.batches)}

    def load_state(self, state: State) -> None:
        """Set everything that learning changes.

        Raises: ValueError when the state belongs to another learner.
        """
        count = {name: array for name, array in state.items() if name == "batches"}
        load_arrays(type(self).__name__, {"batches": (batches := np.array(0))}, count)
        super().load_state(state)
        self.batches = int(batches)

    def _stretch(self, part: Batch, start: Memory | None, ctx: Context) -> tuple[Metrics, Memory]:
        x, lengths, target = part
        if (target == PADDING).all():
            return {}, self.network.run(x, Context(), lengths, start)[1]
        self.grads.zero()
        self.workspace.reset()
        ctx = Context(training=True, rng=ctx.rng, grads=self.grads, data=x, workspace=self.workspace)
        prediction, end, pull = self.network.run(x, ctx, lengths, start)
        loss, gradient = self.loss(prediction, target)
        optimizer = self.optimizers["main"]
        if not np.isfinite(loss):
            raise Diverged(f"the loss at step {optimizer.steps} is {loss}; training needs finite numbers")
        pull(gradient, None)
        return {"loss": loss} | self._measure(prediction, target) | optimizer.step(self.grads), end


class HasTruncate(Protocol):
    """A config, as far as it matters here: how many steps gradients flow back."""

    @property
    def truncate(self) -> int | None:
        """Steps, or None for the whole sequence."""
        ...


def sequence_learner(
    module: SequenceNetwork, config: HasTruncate, task: SequenceTask, make_optimizer: Callable[[Module], Optimizer]
) -> Supervised:
    """Return the learner that a recurrent network's config and task ask for: plain or truncated.

    Raises: ValueError when gradients are to be truncated and there is one answer for the whole sequence, or the network
    reads both ways: what it reads backwards has no state to carry on.
    """
    plain = supervised(module, config, task, make_optimizer)
    if config.truncate is None:
        return plain
    if not isinstance(plain, StepByStep):
        raise ValueError(f"truncate got {config.truncate} for {task.kind}; it needs a task with an answer at each step")
    if len(module.recurrent.levels[0]) > 1:
        raise ValueError(
            f"truncate got {config.truncate} with bidirectional=True; it needs a network that reads one way"
        )
    return Truncated(module, plain.loss, plain.optimizers["main"], plain.measures, steps=config.truncate)
