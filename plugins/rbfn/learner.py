"""Closed-form fit: centres by k-means, widths by neighbours, output weights by ridge regression.

    minimise  sum |h W + b - t|² + r N |W|²          over W and b; sum and N over all training examples
    W = (A + r N 1)^-1 B          b = mean(t) - mean(h) W          with centred h and t in
    A = sum h.T h                 B = sum h.T t

Classes are one-hot targets. The outputs are then estimates of probabilities, not logits: they are multiplied by the
scale of the least leave-one-out cross-entropy (by 1 where that is undefined, because each example determines its own
output). That takes no refitting: the output for example i of the network that was fitted without it is

    y_i - l_i / (1 - l_i) (t_i - y_i)          l_i = 1/N + (h_i - mean(h)) (A + r N 1)^-1 (h_i - mean(h)).T

Sources: Poggio and Girosi (1990), Networks for approximation and learning, https://doi.org/10.1109/5.58326;
leave-one-out: Golub, Heath and Wahba (1979), https://doi.org/10.1080/00401706.1979.10489751; scaling: Guo, Pleiss, Sun
and Weinberger (2017), On calibration of modern neural networks, https://arxiv.org/abs/1706.04599
"""

import logging
from collections.abc import Iterable

import numpy as np

from neuralzoo.core.batches import Batch, Batches
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.blocks.targets import class_indices
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import IGNORE_OVERFLOW, Learner, MetricValues
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.plugins.rbfn import centres
from neuralzoo.plugins.rbfn.config import RBFNConfig
from neuralzoo.plugins.rbfn.network import RBFN
from neuralzoo.registry import OptimizerFactory, Task

LOG = logging.getLogger(__name__)
MIN_SCALE, MAX_SCALE = 0.1, 100.0
BISECTIONS = 40
MAX_LEVERAGE = 1 - 1e-6  # beyond it the leave-one-out output is lost in rounding


class LeastSquares:
    """Ridge regression from sums that are accumulated block by block.

    Memory grows with the square of the number of features, not with the number of examples.
    """

    def __init__(self, features: int, outputs: int) -> None:
        self.count = 0
        self.sum_h, self.sum_t = np.zeros(features), np.zeros(outputs)
        self.hh, self.ht = np.zeros((features, features)), np.zeros((features, outputs))

    def add(self, h: Array, t: Array) -> None:
        """Add examples to the sums.

        Shapes: h is (N, features), t is (N, outputs).
        """
        h, t = h.astype(np.float64), t.astype(np.float64)
        self.count += len(h)
        self.sum_h += h.sum(axis=0)
        self.sum_t += t.sum(axis=0)
        self.hh += h.T @ h
        self.ht += h.T @ t

    def solve(self, ridge: float) -> tuple[Array, Array, Array]:
        """Return the weights, the bias, and the inverse of A + r N 1 for `leave_one_out`.

        Directions in which the features differ by rounding only get no weight: of all solutions this is the one of
        the smallest norm, which divides a weight among duplicate units.

        Shapes: weights (features, outputs), bias (outputs,), inverse (features, features).
        Raises: DivergenceError when the sums are not finite.
        """
        mean_h, mean_t = self.sum_h / self.count, self.sum_t / self.count
        a = self.hh - np.outer(self.sum_h, mean_h)
        b = self.ht - np.outer(self.sum_h, mean_t)
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise DivergenceError(
                "the sums of the least squares are not finite; RBFN needs finite inputs and targets, "
                "and scaled to about 1 where they are huge or tiny"
            )
        values, vectors = np.linalg.eigh(a)
        rounding = len(a) * np.finfo(np.float64).eps * float(np.trace(self.hh))
        kept = values > rounding
        inverse = (vectors[:, kept] / (values[kept] + ridge * self.count)) @ vectors[:, kept].T
        weight = inverse @ b
        return weight, mean_t - mean_h @ weight, inverse


def leave_one_out(h: Array, y: Array, t: Array, sums: LeastSquares, inverse: Array) -> tuple[Array, Array]:
    """Return the leave-one-out output of each example, and whether it is defined.

    It is not where an example alone determines its output, as with a unit for each example and no ridge.

    Shapes: h is (N, features); y, the outputs of the full fit, t and the result (N, outputs); defined (N,).
    """
    centred = h - sums.sum_h / sums.count
    leverage = 1 / sums.count + np.einsum("nh,nh->n", centred @ inverse, centred)
    defined = leverage < MAX_LEVERAGE
    leverage = np.where(defined, leverage, 0)[:, None]
    return y - leverage / (1 - leverage) * (t - y), defined


def best_scale(y: Array, classes: Array) -> float:
    """Return the scale, from 0.1 to 100, of the least cross-entropy of the logits scale y (temperature scaling).

    Cross-entropy is convex in it: bisection by the sign of d loss / d scale = sum of y d loss / d logits.

    Shapes: y is (N, K), classes (N,).
    """
    loss = CrossEntropy()
    low, high = np.log(MIN_SCALE), np.log(MAX_SCALE)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        falls = float(np.vdot(y, loss(np.exp(middle) * y, classes)[1])) < 0
        low, high = (middle, high) if falls else (low, middle)
    return float(np.exp((low + high) / 2))


class RadialLearner(Learner):
    """Fits centres, widths and weights in closed form before the first step; then finetunes them, or only evaluates."""

    def __init__(self, module: RBFN, config: RBFNConfig, task: Task, optimizer_factory: OptimizerFactory) -> None:
        self.supervised = supervised(module, config, task, optimizer_factory)
        super().__init__(module, self.supervised.optimizers)
        self.metric_info = self.supervised.metric_info
        self.network = module
        self.config = config
        self.task = task

    @IGNORE_OVERFLOW
    def prepare(self, data: Batches, ctx: Context) -> None:
        """Fit every parameter that is not frozen: one pass over the data for a sample, one for the least squares.

        Raises: DivergenceError when inputs or targets are not finite.
        """
        config, units, output = self.config, self.network.units, self.network.output
        size = max(config.sample, config.units)
        x, t = centres.reservoir_sample(data.epoch(ctx.random), size, ctx.random)
        if not np.isfinite(x).all():
            raise DivergenceError("the inputs are not all finite; RBFN needs finite ones to find centres")
        if len(x) < config.units:
            LOG.warning(
                "rbfn got %d units for %d examples; the other %d are placed between examples and add no information; "
                "it needs at most as many units as examples",
                config.units,
                len(x),
                config.units - len(x),
            )
        c = units.centres.value.copy()
        if units.centres.trainable:
            c = place_centres(x, self._groups(t), config, ctx.random)
            units.centres.value[...] = c
        if units.log_width.trainable:
            s = config.width * centres.widths(c, x, config.neighbours)
            units.log_width.value[...] = np.log(s.mean(keepdims=True) if config.shared_width else s)
        if output.is_frozen:
            return
        sums = self._sums(data.epoch(ctx.random))
        weight, bias, inverse = sums.solve(config.ridge)
        scale = 1.0
        if self.task.kind == "classification":
            y, defined = self._leave_one_out(x, t, sums, (weight, bias, inverse))
            scale = best_scale(y[defined], t[defined]) if defined.any() else 1.0
        output.weight.value[...] = scale * weight
        if output.bias is not None:
            output.bias.value[...] = scale * bias

    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do one optimizer step on the gradient of the loss or, without `finetune`, evaluate only.

        Raises: DivergenceError when the loss or the gradient is not finite.
        """
        return self.supervised.learn(batch, ctx) if self.config.finetune else self.evaluate(batch)

    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the loss and the metrics in evaluation mode."""
        return self.supervised.evaluate(batch)

    def _sums(self, batches: Iterable[Batch]) -> LeastSquares:
        sums = LeastSquares(self.config.units, self.task.outputs)
        for *inputs, t in batches:
            x = inputs[0]
            for rows in centres.blocks(len(x)):
                sums.add(self.network.features(x[rows]), self._targets(t[rows]))
        return sums

    def _leave_one_out(
        self, x: Array, t: Array, sums: LeastSquares, solution: tuple[Array, Array, Array]
    ) -> list[Array]:
        """Return the leave-one-out outputs, and whether they are defined."""
        weight, bias, inverse = solution
        parts = []
        for rows in centres.blocks(len(x)):
            h = self.network.features(x[rows]).astype(np.float64)
            parts.append(leave_one_out(h, h @ weight + bias, self._targets(t[rows]), sums, inverse))
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _groups(self, t: Array) -> list[Array | slice]:
        """Return the groups of examples with centres of their own: each class, or all together."""
        if self.config.by_class and self.task.kind == "classification":
            return [np.flatnonzero(t == k) for k in np.unique(t)]
        return [slice(None)]

    def _targets(self, t: Array) -> Array:
        """Return the targets of the least squares: one-hot vectors of classes."""
        if self.task.kind != "classification":
            return t
        return np.eye(self.task.outputs)[class_indices("RBFN", t, self.task.outputs)]


def place_centres(x: Array, groups: list[Array | slice], config: RBFNConfig, rng: np.random.Generator) -> Array:
    """Return the initial centres, equally many for each group; the first ones have the remainder.

    Where there are fewer distinct examples than units, the others are random points between two random examples.

    Shapes: x is (N, D), each group has indices of examples (n,), centres are (units, D).
    """
    counts = (len(units) for units in np.array_split(np.arange(config.units), len(groups)))
    placed = [_place(x[rows], count, config, rng) for rows, count in zip(groups, counts, strict=True) if count]
    return np.concatenate(placed)


def _place(x: Array, count: int, config: RBFNConfig, rng: np.random.Generator) -> Array:
    """Return `count` initial centres: random examples, or k-means of them."""
    if config.centres == "examples":
        return centres.pad_with_midpoints(x, rng.permutation(len(x))[:count], count, rng)
    initial = centres.pad_with_midpoints(x, centres.kmeans_plus_plus(x, count, rng), count, rng)
    return centres.kmeans(x, initial, config.lloyd_steps)


def learner(module: RBFN, config: RBFNConfig, task: Task, optimizer_factory: OptimizerFactory) -> RadialLearner:
    """Return the learner of a radial basis function network."""
    return RadialLearner(module, config, task, optimizer_factory)
