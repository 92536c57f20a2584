"""Ridge regression of the readout, in closed form."""

from typing import Any

import numpy as np
from neuralzoo.core.batches import Batch, Batches, inputs_of
from neuralzoo.core.blocks.losses import MeanSquaredError
from neuralzoo.core.blocks.metrics import accuracy, mean_absolute_error
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import Learner, MetricValues
from neuralzoo.core.module import Array
from neuralzoo.registry import OptimizerFactory, Task

from echo_state.config import EchoStateConfig
from echo_state.network import EchoState


class RidgeRegression(Learner):
    """Solves for the readout before the first step; the steps that follow only evaluate.

        minimise  sum |z V + c - t|² + r N |V|²          over V and c, the sum and N over all training examples
        V = (Z.T Z + r N 1)^-1 Z.T T          with Z and T less their means;  c = mean of t - (mean of z) V

    Classes are one-hot targets.
    """

    def __init__(self, module: EchoState, ridge: float, task: Task) -> None:
        super().__init__(module, {})  # no optimizer: there is no gradient descent
        self.network = module
        self.ridge = ridge
        self.task = task
        self.loss = MeanSquaredError()

    def prepare(self, data: Batches, ctx: Context) -> None:
        """Solve for the readout, in one pass over the data and in float64."""
        features, targets = [], []
        for batch in data.epoch(ctx.random):
            features.append(self.network.reservoir.predict(inputs_of(batch)))
            targets.append(self._target(batch))
        z, t = np.concatenate(features).astype(np.float64), np.concatenate(targets).astype(np.float64)
        v, c = solve(z, t, self.ridge)
        self.network.readout.value[...] = v
        self.network.bias.value[...] = c

    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Evaluate: the readout is solved already."""
        return self.evaluate(batch)

    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the mean squared error, and the accuracy or the mean absolute error."""
        prediction = self.network.predict(inputs_of(batch))
        loss = self.loss(prediction, self._target(batch))[0]
        if self.task.kind == "classification":
            return {"loss": loss, "accuracy": accuracy(prediction, batch[-1])}
        return {"loss": loss, "mean_absolute_error": mean_absolute_error(prediction, batch[-1])}

    def _target(self, batch: Batch) -> Array:
        if self.task.kind == "classification":
            return np.eye(self.task.outputs, dtype=np.float32)[batch[-1]]
        return batch[-1]


def solve(z: Array, t: Array, ridge: float) -> tuple[Array, Array]:
    """Return the weights and the bias of the ridge regression of t on z; the bias has no penalty.

    Shapes: z is (N, D), t is (N, K); the weights are (D, K), the bias (K,).
    """
    z_mean, t_mean = z.mean(axis=0), t.mean(axis=0)
    z, t = z - z_mean, t - t_mean
    v = np.linalg.solve(z.T @ z + (ridge * len(z) + 1e-9) * np.eye(z.shape[1]), z.T @ t)
    return v, t_mean - z_mean @ v


def learner(module: EchoState, config: Any, task: Task, optimizer_factory: OptimizerFactory) -> RidgeRegression:
    """Return the learner of an echo state network; it needs no optimizer."""
    settings: EchoStateConfig = config
    return RidgeRegression(module, settings.ridge, task)
