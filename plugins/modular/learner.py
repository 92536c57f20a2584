"""How a mixture of experts learns: by competition, by cooperation, or by expectation and maximisation.

Competitive, the likelihood of the target t if the gate draws one expert, who answers with an error of its own:

    p_i(t) = exp(-||t - y_i||² / 2 s²)   numbers, s the deviation          p_i(t) = softmax(y_i)_t   classes
    loss = -log sum_i g_i p_i(t)
    h_i = g_i p_i(t) / sum_j g_j p_j(t)                    the responsibility of expert i: what the target says of it
    d loss / d y_i = h_i d(-log p_i) / d y_i               the better an expert answers, the more it learns
    d loss / d log g_i = -h_i,  so that  d loss / d z_i = g_i - h_i          the gate learns to foretell h

Cooperative: the usual error of the blended answer; each expert learns to mend what the others leave over.

EM: the responsibilities h are computed once (E) and stay what the experts and the gate are fitted to for several
steps (M), down  -sum_i h_i (log g_i + log p_i(t)).  If that falls in each step, the loss never rises.

Sources: Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts, Neural Computation 3,
https://doi.org/10.1162/neco.1991.3.1.79; EM: Jordan and Jacobs (1994), Hierarchical mixtures of experts and the EM
algorithm, Neural Computation 6, https://doi.org/10.1162/neco.1994.6.2.181; balance: Shazeer et al. (2017),
https://arxiv.org/abs/1701.06538
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.losses import CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.metrics import accuracy, mean_absolute_error
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.core.learner import SILENTLY, Learner, Mean, Measure, Metrics
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Diverged, Optimizer
from neuralzoo.plugins.modular.config import ModularConfig
from neuralzoo.plugins.modular.layers import Assignment
from neuralzoo.plugins.modular.network import Blend, Mixture, Opinions, log_softmax
from neuralzoo.registry import MakeOptimizer, Task

LOG = logging.getLogger(__name__)
COLLAPSED = 0.95  # share of the busiest expert from which on a gate is said to have collapsed
WATCHED = 1000  # examples between two looks at the experts' shares

Density = Callable[[Array, Array], tuple[Array, Callable[[Array], Array]]]
"""Of (answers, target): log p_i(t), (N, E), and the function from d loss / d log p to d loss / d answers."""
Objective = Callable[[Opinions, Array, Array | None], tuple[float, Opinions, Array | None]]
"""Of (opinions, target, responsibilities): the loss, its derivatives, and the responsibilities that it used."""


def class_density(answers: Array, target: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return how likely each expert finds the classes, and the pullback.

        log p_i = log softmax(y_i)_t          d log p_i / d y_i = [k = t] - softmax(y_i)

    Shapes: answers (E, N, K), target (N,) integers; log p (N, E).
    """
    log_p = log_softmax(answers)
    hit = np.arange(log_p.shape[-1]) == target[:, None]  # (N, K)
    at_target = np.take_along_axis(log_p, target[None, :, None], axis=-1)[..., 0]
    return at_target.T, lambda d: (hit - np.exp(log_p)) * d.T[:, :, None]


def normal_density(answers: Array, target: Array, deviation: float = 1.0) -> tuple[Array, Callable[[Array], Array]]:
    """Return how likely each expert finds the numbers, up to a constant that nothing learns from, and the pullback.

        log p_i = -||t - y_i||² / 2 s²          d log p_i / d y_i = (t - y_i) / s²

    Shapes: answers (E, N, O), target (N, O); log p (N, E).
    """
    error = target.astype(answers.dtype, copy=False) - answers
    precision = 1 / deviation**2
    return (error * error).sum(axis=-1).T * (-precision / 2), lambda d: error * (d.T[:, :, None] * precision)


def compete(
    opinions: Opinions, target: Array, responsibilities: Array | None, density: Density
) -> tuple[float, Opinions, Array | None]:
    """Return the mean of -log sum_i g_i p_i, its derivatives and the responsibilities; see above.

    Responsibilities that are given take the place of those that the opinions have: the derivatives are then those of
    -sum_i h_i (log g_i + log p_i).
    """
    log_p, pull = density(opinions.answers, target)
    joint = opinions.log_gate + log_p  # (N, E)
    largest = joint.max(axis=1, keepdims=True)
    likelihood = largest + np.log(np.exp(joint - largest).sum(axis=1, keepdims=True))
    h = np.exp(joint - likelihood) if responsibilities is None else responsibilities
    d = h * (-1 / len(h))
    return -float(likelihood.mean()), Opinions(pull(d), d), h


def cooperate(
    opinions: Opinions, target: Array, responsibilities: Array | None, loss: Loss, blend: Blend
) -> tuple[float, Opinions, Array | None]:
    """Return the loss of the blended answers and its derivatives; nobody is responsible alone."""
    y, pull = blend(opinions)
    value, dy = loss(y, target)
    return value, pull(dy), None


def balance_term(log_gate: Array) -> tuple[float, Array]:
    """Return how unequally a batch is shared among the experts, and its derivative with respect to log g.

        I_i = sum_n g_ni          term = variance(I) / mean(I)²          d term / d log g_ni = 2 (I_i - m) g_ni / (E m²)

    m, the mean of I, is N / E whatever the gate does. The term is 0 when all shares are equal and E - 1 when one expert
    gets everything.

    Source: the importance loss of Shazeer et al. (2017), https://arxiv.org/abs/1701.06538
    """
    gate = np.exp(log_gate)
    importance = gate.sum(axis=0)
    m = len(gate) / gate.shape[1]
    excess = importance - m
    scale = 1 / (gate.shape[1] * m * m)
    return float(excess @ excess) * scale, gate * (excess * (2 * scale))


def mean_squared_error(prediction: Array, target: Array) -> float:
    """Return the mean squared error of numbers, which competition does not have as its loss."""
    return MeanSquaredError()(prediction, target)[0]


def usage(shares: Array) -> Metrics:
    """Return what the mean gate says: its entropy in nats, log E when all experts are used alike, and the largest."""
    used = shares[shares > 0]
    return {"gate_entropy": float(-(used * np.log(used)).sum()), "busiest_share": float(shares.max())}


NUMBERS: Mapping[str, Measure] = {
    "mean_squared_error": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
}


@dataclass(frozen=True)
class Aims:
    """What a mixture learns for: the objective, the weight of balance, and how long responsibilities stay."""

    objective: Objective
    balance: float
    m_steps: int


class MixtureLearner(Learner):
    """Trains a mixture of experts, and warns when its gate listens to one expert only."""

    def __init__(self, module: Mixture, optimizer: Optimizer, aims: Aims, measures: Mapping[str, Measure]) -> None:
        super().__init__(module, {"main": optimizer})
        self.mixture = module
        self.aims = aims
        self.measures = dict(measures)
        self.grads = Gradients(module)
        self.workspace = Workspace()
        self.watch = Watch()

    @SILENTLY
    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do the optimizer steps of one batch: one, or those of an M-step; metrics are those before the first.

        Raises: Diverged when the loss or the gradient is not finite.
        """
        first: Metrics = {}
        h: Array | None = None
        for _ in range(self.aims.m_steps):
            metrics, h = self._step(batch, ctx, h)
            first = first or metrics
        return first

    def _step(self, batch: Batch, ctx: Context, h: Array | None) -> tuple[Metrics, Array | None]:
        x, target = batch
        self.grads.zero()
        self.workspace.reset()
        ctx = Context(training=True, rng=ctx.rng, grads=self.grads, data=x, workspace=self.workspace)
        opinions, pull = self.mixture.opinions(x, ctx)
        loss, d, h = self.aims.objective(opinions, target, h)
        optimizer = self.optimizers["main"]
        if not np.isfinite(loss):
            raise Diverged(f"the loss at step {optimizer.steps} is {loss}; training needs finite numbers")
        metrics = {"loss": loss} | self._measure(opinions, target)
        shares = np.exp(opinions.log_gate).mean(axis=0)
        metrics |= usage(shares)
        if not isinstance(self.mixture.gate, Assignment):
            self.watch.see(shares, len(x))
        if self.aims.balance:
            metrics["imbalance"], unequal = balance_term(opinions.log_gate)
            d = Opinions(d.answers, d.log_gate + self.aims.balance * unequal)
        pull(d)
        return metrics | optimizer.step(self.grads), h

    def evaluate(self, batch: Batch) -> Metrics:
        """Return the loss, the measures, and how the experts are used, in evaluation mode."""
        metrics, shares = self._evaluate(batch)
        return metrics | usage(shares)

    def evaluate_all(self, batches: Iterable[Batch]) -> Metrics:
        """Measure a whole data set; how the experts are used is measured over all of it, not batch by batch."""
        mean, shares, examples = Mean(), np.zeros(len(self.mixture.experts)), 0
        for batch in batches:
            metrics, own = self._evaluate(batch)
            mean.add(metrics, len(batch[0]))
            shares += own * len(batch[0])
            examples += len(batch[0])
        return mean.value() | usage(shares / max(examples, 1))

    @SILENTLY
    def _evaluate(self, batch: Batch) -> tuple[Metrics, Array]:
        x, target = batch
        opinions, _ = self.mixture.opinions(x, Context())
        loss, _, _ = self.aims.objective(opinions, target, None)
        return {"loss": loss} | self._measure(opinions, target), np.exp(opinions.log_gate).mean(axis=0)

    def _measure(self, opinions: Opinions, target: Array) -> Metrics:
        y, _ = self.mixture.blend(opinions)
        return {name: measure(y, target) for name, measure in self.measures.items()}


class Watch:
    """Looks at the experts' shares every so many examples and warns, once, when one expert gets nearly all."""

    def __init__(self) -> None:
        self.shares: Array | float = 0.0
        self.examples = 0
        self.warned = False

    def see(self, shares: Array, examples: int) -> None:
        """Take in the mean gate of a batch."""
        self.shares = self.shares + shares * float(examples)
        self.examples += examples
        if self.examples < WATCHED or self.warned:
            return
        mean = np.asarray(self.shares) / self.examples
        found = usage(mean)
        self.shares, self.examples = 0.0, 0
        if found["busiest_share"] >= COLLAPSED:
            self.warned = True
            LOG.warning(
                "modular: expert %d of %d gets %.0f %% of the gate's weight (entropy of the mean gate %.2f of %.2f "
                "nats), the others learn next to nothing; try balance=0.1 or another seed",
                int(mean.argmax()) + 1,
                len(mean),
                100 * found["busiest_share"],
                found["gate_entropy"],
                math.log(len(mean)),
            )


def learner(module: Mixture, config: ModularConfig, task: Task, make_optimizer: MakeOptimizer) -> Learner:
    """Return what trains a mixture; a mixture of one is that network, and learns as such a network does."""
    if module.gate is None:
        return supervised(module, config, task, make_optimizer)
    optimizer = make_optimizer(module)
    m_steps = config.m_steps if config.update == "em" else 1
    schedule = optimizer.schedule  # of batches: an M-step has one learning rate
    optimizer.schedule = lambda step: schedule(step // m_steps)
    classes = task.kind == "classification"
    measures = {"accuracy": accuracy} if classes else NUMBERS
    if config.loss == "cooperative":
        loss = CrossEntropy() if classes else MeanSquaredError()
        objective: Objective = partial(cooperate, loss=loss, blend=module.blend)
    else:
        normal = partial(normal_density, deviation=config.deviation)
        objective = partial(compete, density=class_density if classes else normal)
    return MixtureLearner(module, optimizer, Aims(objective, config.balance, m_steps), measures)
