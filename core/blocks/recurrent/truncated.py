"""Truncated back-propagation through time (TBPTT): an update after each segment of a sequence, the state carried on."""

from collections.abc import Callable, Mapping

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.recurrent.config import RecurrentConfig
from neuralzoo.core.blocks.recurrent.layer import RecurrentState
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.blocks.recurrent.packing import check_lengths
from neuralzoo.core.blocks.supervised import PerStepSupervised, any_target, mask_padding, supervised
from neuralzoo.core.blocks.targets import IGNORE_INDEX
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import IGNORE_OVERFLOW, Mean, Metric, MetricValues, Supervised
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array, Module, StateDict, load_arrays
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.core.task import Task


class TruncatedBPTT(PerStepSupervised):
    """Supervised learning of an output for each step of long sequences, in segments of `steps` steps.

    After each segment there is an update; its final state is the initial one of the next segment, but no gradient
    flows back between them. The learning rate's schedule counts batches, as it does elsewhere.

    Source: Williams and Peng (1990), An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories, https://doi.org/10.1162/neco.1990.2.4.490
    """

    def __init__(
        self,
        module: SequenceNetwork,
        loss: Loss,
        optimizer: Optimizer,
        metrics: Mapping[str, Metric],
        *,
        steps: int,
    ) -> None:
        super().__init__(module, loss, optimizer, metrics)
        self.network = module
        self.steps = steps
        self.batches = 0  # seen: the optimizer counts segments, of which batches have different numbers
        by_batch = optimizer.schedule
        optimizer.schedule = lambda step: by_batch(self.batches)

    @IGNORE_OVERFLOW
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do one gradient step for each segment that has an unmasked target.

        Raises: DivergenceError when a loss or a gradient is not finite; the parameters are as they were then.
        ValueError when a length is out of range.
        """
        masked = mask_padding(batch)
        if not any_target(masked):
            return {}
        x, *lengths, target = masked
        remaining = lengths[0] if lengths else np.full(len(x), x.shape[1])
        check_lengths(remaining, *target.shape[:2])
        remaining = remaining.astype(np.intp)
        mean = Mean()
        state: list[Array] = []
        for first in range(0, x.shape[1], self.steps):
            active = np.flatnonzero(remaining > first)
            if active.size == 0:
                break
            segment = (active, slice(first, first + self.steps))
            initial = tuple(array[:, active] for array in state) or None
            part = (x[segment], np.minimum(remaining[active] - first, self.steps), target[segment])
            metrics, final = self._segment(part, initial, ctx)
            state = state or [np.zeros((len(array), len(x), array.shape[2]), array.dtype) for array in final]
            for array, last in zip(state, final, strict=True):
                array[:, active] = last
            mean.add(metrics, int(np.count_nonzero(part[2] != IGNORE_INDEX)))
        self.batches += 1
        return mean.value()

    def state(self) -> StateDict:
        """Return a copy of everything that learning changes, the number of batches among it."""
        return super().state() | {"batches": np.array(self.batches)}

    def load_state(self, state: StateDict) -> None:
        """Set everything that learning changes.

        Raises: ValueError when the state belongs to another learner.
        """
        count = {name: array for name, array in state.items() if name == "batches"}
        load_arrays(type(self).__name__, {"batches": (batches := np.array(0))}, count)
        super().load_state(state)
        self.batches = int(batches)

    def _segment(
        self, part: Batch, initial_state: RecurrentState | None, ctx: Context
    ) -> tuple[MetricValues, RecurrentState]:
        x, lengths, target = part
        if not any_target(part):
            return {}, self.network.run(x, Context(), lengths, initial_state)[1]
        prediction, final_state, pull = self.network.run(x, self.training_context(x, ctx), lengths, initial_state)
        loss, gradient = self.loss(prediction, target)
        self.check_finite(loss)
        pull(gradient, None)
        metrics = {"loss": loss} | self._metrics(prediction, target) | self.optimizers["main"].step(self.grads["main"])
        return metrics, final_state


def sequence_learner(
    module: SequenceNetwork, config: RecurrentConfig, task: Task, optimizer_factory: Callable[[Module], Optimizer]
) -> Supervised:
    """Return the learner for a recurrent network's config and task: plain supervision or truncated BPTT.

    Raises: ValueError when gradients are to be truncated and there is one target for the whole sequence, or the network
    is bidirectional: the backward direction has no state to carry on.
    """
    plain = supervised(module, config, task, optimizer_factory)
    if config.tbptt_steps is None:
        return plain
    if not isinstance(plain, PerStepSupervised):
        raise ValueError(
            f"tbptt_steps got {config.tbptt_steps} for {task.kind}; it needs a task with a target for each step"
        )
    if len(module.recurrent.layers[0]) > 1:
        raise ValueError(
            f"tbptt_steps got {config.tbptt_steps} with bidirectional=True; it needs a network of one direction"
        )
    return TruncatedBPTT(module, plain.loss, plain.optimizers["main"], plain.metrics, steps=config.tbptt_steps)
