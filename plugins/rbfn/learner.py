"""Learning without steps: centres by k-means, widths by neighbours, output weights by regularised least squares.

    minimise  sum |h W + b - t|² + r N |W|²          over W and b; sum and N over all training examples
    W = (A + r N 1)^-1 B          b = mean(t) - mean(h) W          with h and t less their means in
    A = sum h.T h                 B = sum h.T t

A class is the target 1 in its place and 0 elsewhere. The answers are then shares of probability, not logits: they are
multiplied by the number that gives examples that were left out the least cross-entropy (by 1 where leaving one out
tells nothing, because each decides its own answer). That takes no refitting: the answer to example i of the network
that was solved without it is

    y_i - l_i / (1 - l_i) (t_i - y_i)          l_i = 1/N + (h_i - mean(h)) (A + r N 1)^-1 (h_i - mean(h)).T

Sources: Poggio and Girosi (1990), Networks for approximation and learning, https://doi.org/10.1109/5.58326; leaving
one out: Golub, Heath and Wahba (1979), https://doi.org/10.1080/00401706.1979.10489751; scaling: Guo, Pleiss, Sun and
Weinberger (2017), On calibration of modern neural networks, https://arxiv.org/abs/1706.04599
"""

import logging
from collections.abc import Iterable

import numpy as np

from neuralzoo.core.batches import Batch, Batches
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import SILENTLY, Metrics, Supervised
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Diverged
from neuralzoo.plugins.rbfn import centres
from neuralzoo.plugins.rbfn.config import RBFNConfig
from neuralzoo.plugins.rbfn.network import RBFN
from neuralzoo.registry import MakeOptimizer, Task

LOG = logging.getLogger(__name__)
LEAST_SCALE, MOST_SCALE = 0.1, 100.0
BISECTIONS = 40
MOST_LEVERAGE = 1 - 1e-6  # beyond it an example decides its own answer, and rounding what it would be without it


class LeastSquares:
    """The sums that a regularised least-squares fit needs, taken in block by block, and its solution.

    Memory goes with the square of the number of features, whatever the number of examples.
    """

    def __init__(self, features: int, outputs: int) -> None:
        self.count = 0
        self.sum_h, self.sum_t = np.zeros(features), np.zeros(outputs)
        self.hh, self.ht = np.zeros((features, features)), np.zeros((features, outputs))

    def add(self, h: Array, t: Array) -> None:
        """Take in examples.

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

        Directions in which the features do not differ by more than rounding get no weight: of all solutions this is
        the one with the smallest weights, so that units at one place share what one of them would do.

        Shapes: weights (features, outputs), bias (outputs,), inverse (features, features).
        Raises: Diverged when the sums are not finite.
        """
        mean_h, mean_t = self.sum_h / self.count, self.sum_t / self.count
        a = self.hh - np.outer(self.sum_h, mean_h)
        b = self.ht - np.outer(self.sum_h, mean_t)
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise Diverged(
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
    """Return the answer to each example of the network whose weights were solved without it, and whether it is known.

    Where an example alone decides its answer, as where there is a unit for each and no ridge, it is not.

    Shapes: h is (N, features); y, the answers with it, and t are (N, outputs), and so are those without it; known (N,).
    """
    centred = h - sums.sum_h / sums.count
    leverage = 1 / sums.count + np.einsum("nh,nh->n", centred @ inverse, centred)
    known = leverage < MOST_LEVERAGE
    leverage = np.where(known, leverage, 0)[:, None]
    return y - leverage / (1 - leverage) * (t - y), known


def best_scale(y: Array, classes: Array) -> float:
    """Return the number, from 0.1 to 100, that makes the answers the logits of the least cross-entropy.

    Cross-entropy is convex in it, so that the sign of its slope, d loss / d scale = sum of y d loss / d logits, leads
    there by bisection.

    Shapes: y is (N, K), classes (N,).
    """
    loss = CrossEntropy()
    low, high = np.log(LEAST_SCALE), np.log(MOST_SCALE)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        falls = float(np.vdot(y, loss(np.exp(middle) * y, classes)[1])) < 0
        low, high = (middle, high) if falls else (low, middle)
    return float(np.exp((low + high) / 2))


class RadialLearner(Supervised):
    """Solves for centres, widths and weights before the first step; then goes down the gradient, or only measures."""

    def __init__(self, module: RBFN, config: RBFNConfig, task: Task, make_optimizer: MakeOptimizer) -> None:
        plain = supervised(module, config, task, make_optimizer)
        super().__init__(module, plain.loss, plain.optimizers["main"], plain.measures)
        self.network = module
        self.config = config
        self.task = task

    @SILENTLY
    def prepare(self, data: Batches, ctx: Context) -> None:
        """Set every parameter: one pass over the data for a sample, and one for the least squares.

        Raises: Diverged when inputs or targets are not finite.
        """
        config, units, output = self.config, self.network.units, self.network.output
        most = max(config.sample, config.units)
        x, t = centres.draw_sample(data.epoch(ctx.random), most, ctx.random)
        if not np.isfinite(x).all():
            raise Diverged("the inputs are not all finite; RBFN needs finite ones to find centres among them")
        if len(x) < config.units:
            LOG.warning(
                "rbfn got %d units for %d examples; the other %d stand between examples and tell nothing new; it needs "
                "at most as many units as examples",
                config.units,
                len(x),
                config.units - len(x),
            )
        c = place_centres(x, self._groups(t), config, ctx.random)
        s = config.width * centres.widths(c, x, config.neighbours)
        units.centres.value[...] = c
        units.log_width.value[...] = np.log(s.mean(keepdims=True) if config.shared_width else s)
        sums = self._sums(data.epoch(ctx.random))
        weight, bias, inverse = sums.solve(config.ridge)
        scale = 1.0
        if self.task.kind == "classification":
            y, known = self._left_out(x, t, sums, (weight, bias, inverse))
            scale = best_scale(y[known], t[known]) if known.any() else 1.0
        output.weight.value[...] = scale * weight
        if output.bias is not None:
            output.bias.value[...] = scale * bias

    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do one step down the gradient of the loss or, where settings say so, measure only.

        Raises: Diverged when the loss or the gradient is not finite.
        """
        return super().learn(batch, ctx) if self.config.descend else self.evaluate(batch)

    def _sums(self, batches: Iterable[Batch]) -> LeastSquares:
        sums = LeastSquares(self.config.units, self.task.outputs)
        for *inputs, t in batches:
            x = inputs[0]
            for rows in centres.blocks(len(x)):
                sums.add(self.network.features(x[rows]), self._numbers(t[rows]))
        return sums

    def _left_out(self, x: Array, t: Array, sums: LeastSquares, solution: tuple[Array, Array, Array]) -> list[Array]:
        """Return the answers to examples that were left out, and whether they are known."""
        weight, bias, inverse = solution
        parts = []
        for rows in centres.blocks(len(x)):
            h = self.network.features(x[rows]).astype(np.float64)
            parts.append(leave_one_out(h, h @ weight + bias, self._numbers(t[rows]), sums, inverse))
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _groups(self, t: Array) -> list[Array | slice]:
        """Return which examples have centres of their own: those of each class, or all of them together."""
        if self.config.by_class and self.task.kind == "classification":
            return [np.flatnonzero(t == k) for k in np.unique(t)]
        return [slice(None)]

    def _numbers(self, t: Array) -> Array:
        """Return targets as numbers to fit: a class is a row with a 1 in its place."""
        return np.eye(self.task.outputs)[t] if self.task.kind == "classification" else t


def place_centres(x: Array, groups: list[Array | slice], config: RBFNConfig, rng: np.random.Generator) -> Array:
    """Return the centres for examples, as many for each group; the first have one more if they don't come out even.

    Where there are fewer different examples than units, the others stand between two examples drawn at random.

    Shapes: x is (N, D), each group has numbers of examples (n,), centres are (units, D).
    """
    shares = (len(units) for units in np.array_split(np.arange(config.units), len(groups)))
    found = [_place(x[rows], count, config, rng) for rows, count in zip(groups, shares, strict=True) if count]
    return np.concatenate(found)


def _place(x: Array, count: int, config: RBFNConfig, rng: np.random.Generator) -> Array:
    """Return so many centres for examples: drawn from them, or moved to the means of groups of them."""
    if config.centres == "examples":
        return centres.filled_up(x, rng.permutation(len(x))[:count], count, rng)
    start = centres.filled_up(x, centres.spread_out(x, count, rng), count, rng)
    return centres.kmeans(x, start, config.lloyd_steps)


def learner(module: RBFN, config: RBFNConfig, task: Task, make_optimizer: MakeOptimizer) -> RadialLearner:
    """Return what trains a radial basis function network."""
    return RadialLearner(module, config, task, make_optimizer)
