"""How a mixture of experts learns: competitively, cooperatively, or by expectation maximisation (EM).

Competitive: the negative log-likelihood of the target t under a mixture model with the gate weights g_i:

    p_i(t) = exp(-||t - y_i||² / 2 s²)   regression, s the standard deviation     p_i(t) = softmax(y_i)_t   classes
    loss = -log sum_i g_i p_i(t)
    h_i = g_i p_i(t) / sum_j g_j p_j(t)                    the responsibility (posterior probability) of expert i
    d loss / d y_i = h_i d(-log p_i) / d y_i               the better an expert predicts, the more it learns
    d loss / d log g_i = -h_i,  so that  d loss / d z_i = g_i - h_i          the gate learns to predict h

Cooperative: the usual loss of the mixed output; each expert learns to correct the error of the others.

EM: the responsibilities h are computed once (E-step) and stay fixed for several optimizer steps (M-step) on
-sum_i h_i (log g_i + log p_i(t)). If that falls in each step, the loss never rises.

Sources: Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts, Neural Computation 3,
https://doi.org/10.1162/neco.1991.3.1.79; EM: Jordan and Jacobs (1994), Hierarchical mixtures of experts and the EM
algorithm, Neural Computation 6, https://doi.org/10.1162/neco.1994.6.2.181; load balancing: Shazeer et al. (2017),
https://arxiv.org/abs/1701.06538
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.collapse import CollapseMonitor
from neuralzoo.core.blocks.losses import CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.metrics import accuracy, mean_absolute_error
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.blocks.targets import class_indices
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import IGNORE_OVERFLOW, Learner, Mean, Metric, MetricValues
from neuralzoo.core.loss import Loss
from neuralzoo.core.metric import MetricInfo, loss_info
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.plugins.modular.config import ModularConfig
from neuralzoo.plugins.modular.layers import FixedGate
from neuralzoo.plugins.modular.network import ExpertOutputs, Mix, Mixture, log_softmax
from neuralzoo.registry import OptimizerFactory, Task

COLLAPSED_LOAD = 0.95  # mean gate weight of one expert from which the gate counts as collapsed
MONITOR_EXAMPLES = 1000  # between two checks of the loads

Density = Callable[[Array, Array], tuple[Array, Callable[[Array], Array]]]
"""Of (outputs, target): log p_i(t), (N, E), and the function from d loss / d log p to d loss / d outputs."""
Objective = Callable[[ExpertOutputs, Array, Array | None], tuple[float, ExpertOutputs, Array | None]]
"""Of (expert outputs, target, responsibilities): the loss, its derivatives, and the responsibilities that it used."""


def class_density(outputs: Array, target: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return the log-likelihood of the classes under each expert, and the pullback.

        log p_i = log softmax(y_i)_t          d log p_i / d y_i = [k = t] - softmax(y_i)

    Shapes: outputs (E, N, K), target (N,) integers; log p (N, E).
    Raises: ValueError when a target is no class.
    """
    target = class_indices("a mixture of experts", target, outputs.shape[-1])
    log_p = log_softmax(outputs)
    hit = np.arange(log_p.shape[-1]) == target[:, None]  # (N, K)
    at_target = np.take_along_axis(log_p, target[None, :, None], axis=-1)[..., 0]
    return at_target.T, lambda d: (hit - np.exp(log_p)) * d.T[:, :, None]


def normal_density(outputs: Array, target: Array, std: float = 1.0) -> tuple[Array, Callable[[Array], Array]]:
    """Return the log-likelihood of continuous targets under each expert, up to a constant, and the pullback.

        log p_i = -||t - y_i||² / 2 s²          d log p_i / d y_i = (t - y_i) / s²

    Shapes: outputs (E, N, O), target (N, O); log p (N, E).
    """
    error = target.astype(outputs.dtype, copy=False) - outputs
    precision = 1 / std**2
    return (error * error).sum(axis=-1).T * (-precision / 2), lambda d: error * (d.T[:, :, None] * precision)


def normal_info(std: float) -> MetricInfo:
    """Return the declaration of the loss with normal densities; with classes it is the cross-entropy of the mixture."""
    return MetricInfo(f"negative log-likelihood, normal with standard deviation {std:g}, up to a constant", "lower")


def compete(
    experts: ExpertOutputs, target: Array, responsibilities: Array | None, density: Density
) -> tuple[float, ExpertOutputs, Array | None]:
    """Return the mean of -log sum_i g_i p_i, its derivatives and the responsibilities; see above.

    Given responsibilities replace the posterior ones: the derivatives are then those of -sum_i h_i (log g_i + log p_i).
    """
    log_p, pull = density(experts.outputs, target)
    joint = experts.log_gate + log_p  # (N, E)
    largest = joint.max(axis=1, keepdims=True)
    likelihood = largest + np.log(np.exp(joint - largest).sum(axis=1, keepdims=True))
    h = np.exp(joint - likelihood) if responsibilities is None else responsibilities
    d = h * (-1 / len(h))
    return -float(likelihood.mean()), ExpertOutputs(pull(d), d), h


def cooperate(
    experts: ExpertOutputs, target: Array, responsibilities: Array | None, loss: Loss, mix: Mix
) -> tuple[float, ExpertOutputs, Array | None]:
    """Return the loss of the mixed output and its derivatives; there are no responsibilities."""
    y, pull = mix(experts)
    value, dy = loss(y, target)
    return value, pull(dy), None


def load_balance_loss(log_gate: Array) -> tuple[float, Array]:
    """Return the load-balancing loss of a batch, and its derivative with respect to log g.

        I_i = sum_n g_ni          loss = variance(I) / mean(I)²          d loss / d log g_ni = 2 (I_i - m) g_ni / (E m²)

    m, the mean of I, is N / E for every gate. The loss is 0 when all loads are equal and E - 1 when one expert has all.

    Source: the importance loss of Shazeer et al. (2017), https://arxiv.org/abs/1701.06538
    """
    gate = np.exp(log_gate)
    importance = gate.sum(axis=0)
    m = len(gate) / gate.shape[1]
    excess = importance - m
    scale = 1 / (gate.shape[1] * m * m)
    return float(excess @ excess) * scale, gate * (excess * (2 * scale))


def mean_squared_error(prediction: Array, target: Array) -> float:
    """Return the mean squared error, a metric beside the competitive loss."""
    return MeanSquaredError()(prediction, target)[0]


def usage(loads: Array) -> MetricValues:
    """Return the entropy of the mean gate in nats, log E for equal loads, and the largest load."""
    used = loads[loads > 0]
    return {"gate_entropy": float(-(used * np.log(used)).sum()), "max_expert_load": float(loads.max())}


REGRESSION_METRICS: Mapping[str, Metric] = {
    "mean_squared_error": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
}


@dataclass(frozen=True)
class MixtureObjective:
    """Objective of a mixture: its loss, what that measures, the weight of load balancing, the steps of an M-step."""

    loss: Objective
    info: MetricInfo
    load_balance_weight: float
    m_steps: int


class MixtureLearner(Learner):
    """Learner of a mixture of experts, which warns when the gate collapses to one expert."""

    def __init__(
        self, module: Mixture, optimizer: Optimizer, objective: MixtureObjective, metrics: Mapping[str, Metric]
    ) -> None:
        super().__init__(module, {"main": optimizer})
        self.mixture = module
        self.objective = objective
        self.metric_info = {"loss": objective.info}
        self.metrics = dict(metrics)
        self.collapse_monitor = CollapseMonitor(MONITOR_EXAMPLES, _collapse_message)

    @IGNORE_OVERFLOW
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do the optimizer steps of one batch: one, or those of an M-step; metrics are those before the first.

        Raises: DivergenceError when the loss or the gradient is not finite.
        """
        first: MetricValues = {}
        h: Array | None = None
        for _ in range(self.objective.m_steps):
            metrics, h = self._step(batch, ctx, h)
            first = first or metrics
        return first

    def _step(self, batch: Batch, ctx: Context, h: Array | None) -> tuple[MetricValues, Array | None]:
        x, target = batch
        ctx = self.training_context(x, ctx)
        experts, pull = self.mixture.expert_outputs(x, ctx)
        loss, d, h = self.objective.loss(experts, target, h)
        self.check_finite(loss)
        metrics = {"loss": loss} | self._metrics(experts, target)
        loads = np.exp(experts.log_gate).mean(axis=0)
        metrics |= usage(loads)
        if not isinstance(self.mixture.gate, FixedGate):
            self.collapse_monitor.add(loads * float(len(x)), len(x), self.optimizers["main"].steps)
        if self.objective.load_balance_weight:
            metrics["load_balance_loss"], dlog_gate = load_balance_loss(experts.log_gate)
            d = ExpertOutputs(d.outputs, d.log_gate + self.objective.load_balance_weight * dlog_gate)
        pull(d)
        return metrics | self.optimizers["main"].step(self.grads["main"]), h

    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the loss, the metrics, and the usage of the experts, in evaluation mode."""
        metrics, loads = self._evaluate(batch)
        return metrics | usage(loads)

    def evaluate_all(self, batches: Iterable[Batch]) -> MetricValues:
        """Evaluate a whole dataset; the usage of the experts is measured over all of it, not batch by batch."""
        mean, loads, examples = Mean(), np.zeros(len(self.mixture.experts)), 0
        for batch in batches:
            metrics, own = self._evaluate(batch)
            mean.add(metrics, len(batch[0]))
            loads += own * len(batch[0])
            examples += len(batch[0])
        return mean.value() | usage(loads / max(examples, 1))

    @IGNORE_OVERFLOW
    def _evaluate(self, batch: Batch) -> tuple[MetricValues, Array]:
        x, target = batch
        experts, _ = self.mixture.expert_outputs(x, Context())
        loss, _, _ = self.objective.loss(experts, target, None)
        return {"loss": loss} | self._metrics(experts, target), np.exp(experts.log_gate).mean(axis=0)

    def _metrics(self, experts: ExpertOutputs, target: Array) -> MetricValues:
        y, _ = self.mixture.mix(experts)
        return {name: metric(y, target) for name, metric in self.metrics.items()}


def _collapse_message(mean_gate: Array, step: int) -> str | None:
    """Return the warning about a gate that gives nearly all weight to one expert, else None."""
    found = usage(mean_gate)
    if found["max_expert_load"] < COLLAPSED_LOAD:
        return None
    return (
        f"modular: at step {step} expert {int(mean_gate.argmax()) + 1} of {len(mean_gate)} gets "
        f"{100 * found['max_expert_load']:.0f} % of the gate's weight (entropy of the mean gate "
        f"{found['gate_entropy']:.2f} of {math.log(len(mean_gate)):.2f} nats), the others hardly learn; try "
        "load_balance_weight=0.1 or another seed"
    )


def learner(module: Mixture, config: ModularConfig, task: Task, optimizer_factory: OptimizerFactory) -> Learner:
    """Return the learner of a mixture; a single expert is trained by plain supervision."""
    if module.gate is None:
        return supervised(module, config, task, optimizer_factory)
    optimizer = optimizer_factory(module)
    m_steps = config.m_steps if config.update == "em" else 1
    schedule = optimizer.schedule  # of batches: an M-step has one learning rate
    optimizer.schedule = lambda step: schedule(step // m_steps)
    classes = task.kind == "classification"
    metrics = {"accuracy": accuracy} if classes else REGRESSION_METRICS
    if config.loss == "cooperative":
        loss = CrossEntropy() if classes else MeanSquaredError()
        function: Objective = partial(cooperate, loss=loss, mix=module.mix)
        info = loss_info(loss)
    else:
        normal = partial(normal_density, std=config.output_std)
        function = partial(compete, density=class_density if classes else normal)
        info = loss_info(CrossEntropy()) if classes else normal_info(config.output_std)
    objective = MixtureObjective(function, info, config.load_balance_weight, m_steps)
    return MixtureLearner(module, optimizer, objective, metrics)
