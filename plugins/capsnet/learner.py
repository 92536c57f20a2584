"""How a capsule network learns: long capsules for what is there, short ones for the rest, and rebuilding.

With N examples, lengths y_j, and T_j = 1 where class j is there, else 0:

    margin = Σ_nj [ T_j max(0, m⁺ - y_j)² + λ (1 - T_j) max(0, y_j - m⁻)² ] / N          m⁺ 0.9, m⁻ 0.1, λ 0.5
    squared_error = Σ (x̂ - x)² / N                                     over all pixels
    loss = margin + 0.0005 squared_error

x̂ is rebuilt from the capsule of the true class in training, of the longest in evaluation; from several where an
example shows several.

Source: Sabour, Frosst and Hinton (2017), Dynamic routing between capsules, https://arxiv.org/abs/1710.09829
"""

import logging

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.core.learner import SILENTLY, Learner, Metrics
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Diverged, Optimizer
from neuralzoo.plugins.capsnet.config import CapsNetConfig
from neuralzoo.plugins.capsnet.network import CapsNet, lengths
from neuralzoo.registry import MakeOptimizer, Task

LOG = logging.getLogger(__name__)
DEAD = 0.05  # below it the slope of a squashed length is too small to come back from
WATCHED = 2000  # examples between two looks at how long the longest capsules are


class MarginLoss:
    """Ask capsules of classes that are there to be long, all others to be short; see above.

        d margin / dy_j = [ -2 T_j max(0, m⁺ - y_j) + 2 λ (1 - T_j) max(0, y_j - m⁻) ] / N

    Shapes: the prediction is (N, classes), lengths; the target is (N,) or (N, k), integers from 0 to classes - 1.
    Raises: ValueError when the shapes do not fit or a target is no class.
    Source: Sabour, Frosst and Hinton (2017), https://arxiv.org/abs/1710.09829
    """

    def __init__(self, present: float = 0.9, absent: float = 0.1, absent_weight: float = 0.5) -> None:
        self.present = present
        self.absent = absent
        self.absent_weight = absent_weight

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean margin loss and its derivative."""
        there = presence(target, prediction)
        missing = np.maximum(self.present - prediction, 0) * there
        excess = np.maximum(prediction - self.absent, 0) * (1 - there)
        n, weight = len(prediction), self.absent_weight
        loss = (float(np.vdot(missing, missing)) + weight * float(np.vdot(excess, excess))) / n
        return loss, excess * (2 * weight / n) - missing * (2 / n)


def presence(target: Array, prediction: Array) -> Array:
    """Return 1 where a class is there, else 0, in the shape and dtype of the prediction.

    Raises: ValueError when the shapes do not fit or a target is no class.
    """
    n, classes = prediction.shape
    if target.dtype.kind not in "iu" or target.ndim not in (1, 2) or len(target) != n:
        raise ValueError(
            f"CapsNet got {target.dtype} targets of shape {target.shape} for {n} examples; it needs integers of shape "
            f"({n},) or ({n}, k)"
        )
    if target.min() < 0 or target.max() >= classes:
        raise ValueError(
            f"CapsNet got targets from {target.min()} to {target.max()}; it needs classes from 0 to {classes - 1}"
        )
    there = np.zeros_like(prediction)
    np.put_along_axis(there, target.reshape(n, -1), 1, axis=1)
    return there


def longest(y: Array, many: int) -> Array:
    """Return the classes of the longest capsules, the longest one first.

    Shapes: y is (N, classes), the classes are (N, many).
    """
    order: Array = np.argsort(-y, axis=1, kind="stable")
    return order[:, :many]


def shifted(x: Array, most: int, rng: np.random.Generator) -> Array:
    """Move each example by up to so many pixels each way, at random; what comes in from outside is 0.

    Shapes: x is (N, H, W, C), or (N, T, D), moved along T.
    """
    axes = x.ndim - 2
    padded = np.pad(x, [(0, 0), *[(most, most)] * axes, (0, 0)])
    starts = rng.integers(2 * most + 1, size=(len(x), axes))
    moved = np.empty_like(x)
    for example, start in enumerate(starts.tolist()):
        window = tuple(slice(first, first + side) for first, side in zip(start, x.shape[1:-1], strict=True))
        moved[example] = padded[example][window]
    return moved


class CapsuleLearner(Learner):
    """Trains a capsule network by margin loss and rebuilding, and warns when all of its capsules are dying.

    Metrics: loss; margin; accuracy, the share of examples whose classes are those of the longest capsules;
    right_length and other_length, means over the capsules of classes that are there and of all others; squared_error
    of rebuilding, summed over the numbers of an example; where several classes are there, class_accuracy, the share
    of them that is found.
    """

    def __init__(self, module: CapsNet, config: CapsNetConfig, optimizer: Optimizer) -> None:
        super().__init__(module, {"main": optimizer})
        self.network = module
        self.config = config
        self.margin = MarginLoss(config.present, config.absent, config.absent_weight)
        self.grads = Gradients(module)
        self.workspace = Workspace()
        self.watch = Watch()

    @SILENTLY
    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do one step down the gradient of the loss.

        Raises: Diverged when the loss or the gradient is not finite; the parameters are as they were then.
        """
        x, target = batch
        if self.config.shift:
            x = shifted(x, self.config.shift, ctx.random)
        self.grads.zero()
        self.workspace.reset()
        ctx = Context(training=True, rng=ctx.rng, grads=self.grads, data=x, workspace=self.workspace)
        run = self.network.run(x, ctx)
        y, pull_lengths = lengths(run.v)
        margin, dy = self.margin(y, target)
        error, dv = self._rebuild(run.v, target.reshape(len(x), -1), x, ctx)
        metrics = self._measure(y, target, margin, error)
        optimizer = self.optimizers["main"]
        if not np.isfinite(metrics["loss"]):
            raise Diverged(f"the loss at step {optimizer.steps} is {metrics['loss']}; training needs finite numbers")
        self.watch.see(y, optimizer.steps)
        through = pull_lengths(dy)
        run.pull(through if dv is None else through + dv)
        return metrics | optimizer.step(self.grads)

    @SILENTLY
    def evaluate(self, batch: Batch) -> Metrics:
        """Return the loss and the measures in evaluation mode, rebuilding from the longest capsules."""
        x, target = batch
        v = self.network.capsules(x)
        y, _ = lengths(v)
        margin, _ = self.margin(y, target)
        error, _ = self._rebuild(v, longest(y, target.size // len(x)), x, Context())
        return self._measure(y, target, margin, error)

    def _rebuild(self, v: Array, classes: Array, x: Array, ctx: Context) -> tuple[float | None, Array | None]:
        """Return the squared error of rebuilding, and what the loss gets of its derivative by the capsules."""
        if self.network.decoder is None:
            return None, None
        y, pull = self.network.rebuild(v, classes, ctx)
        difference = y - x
        error = float(np.vdot(difference, difference)) / len(x)
        if not ctx.training:
            return error, None
        difference *= 2 * self.config.reconstruction / len(x)
        return error, pull(difference)

    def _measure(self, y: Array, target: Array, margin: float, error: float | None) -> Metrics:
        there = presence(target, y)
        many = target.size // len(y)
        found = np.take_along_axis(there, longest(y, many), axis=1)
        metrics = {
            "loss": margin if error is None else margin + self.config.reconstruction * error,
            "margin": margin,
            "accuracy": float(found.all(axis=1).mean()),
            "right_length": float((y * there).sum() / there.sum()),
            "other_length": float((y * (1 - there)).sum() / max(float((1 - there).sum()), 1.0)),
        }
        if many > 1:
            metrics["class_accuracy"] = float(found.mean())
        return metrics if error is None else metrics | {"squared_error": error}


class Watch:
    """Looks every so many examples at the longest capsule of each and warns, once, when they are hardly there."""

    def __init__(self) -> None:
        self.total = 0.0
        self.examples = 0
        self.warned = False

    def see(self, y: Array, step: int) -> None:
        """Take in the lengths of a batch."""
        self.total += float(y.max(axis=1).sum())
        self.examples += len(y)
        if self.examples < WATCHED or self.warned:
            return
        mean = self.total / self.examples
        self.total, self.examples = 0.0, 0
        if mean < DEAD:
            self.warned = True
            LOG.warning(
                "capsnet: at step %d the longest capsule of an example has a mean length of %.4f, below %g; capsules "
                "that short hardly learn; try a smaller learning rate or another seed",
                step,
                mean,
                DEAD,
            )


def learner(module: CapsNet, config: CapsNetConfig, task: Task, make_optimizer: MakeOptimizer) -> CapsuleLearner:
    """Return what trains a capsule network."""
    return CapsuleLearner(module, config, make_optimizer(module))
