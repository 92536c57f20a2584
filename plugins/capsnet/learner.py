"""Learning of a capsule network: margin loss on the lengths of class capsules, and reconstruction.

With N examples, lengths y_j, and T_j = 1 where class j is present, else 0:

    margin_loss = Σ_nj [ T_j max(0, m⁺ - y_j)² + λ (1 - T_j) max(0, y_j - m⁻)² ] / N          m⁺ 0.9, m⁻ 0.1, λ 0.5
    sse_per_example = Σ (x̂ - x)² / N                                     over all pixels
    loss = margin_loss + 0.0005 sse_per_example

x̂ is reconstructed from the capsule of the true class in training, of the longest in evaluation; from several where
an example shows several.

Source: Sabour, Frosst and Hinton (2017), Dynamic routing between capsules, https://arxiv.org/abs/1710.09829
"""

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.collapse import CollapseMonitor
from neuralzoo.core.blocks.targets import class_indices
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import IGNORE_OVERFLOW, Learner, MetricValues
from neuralzoo.core.metric import MetricInfo
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.core.ranges import require_not_negative
from neuralzoo.plugins.capsnet.config import CapsNetConfig
from neuralzoo.plugins.capsnet.network import CapsNet, lengths
from neuralzoo.registry import OptimizerFactory, Task

DEAD_LENGTH = 0.05  # below it the derivative of squash is too small to recover
MONITORED_EXAMPLES = 2000  # window of the mean length of the longest capsules


class MarginLoss:
    """Margin loss: capsules of present classes should be long, all others short; see above.

        d margin / dy_j = [ -2 T_j max(0, m⁺ - y_j) + 2 λ (1 - T_j) max(0, y_j - m⁻) ] / N

    Shapes: the prediction is (N, classes), lengths; the target is (N,) or (N, k), integers from 0 to classes - 1.
    Raises: ValueError when a setting is negative, infinite or NaN, the shapes do not fit or a target is no class.
    Source: Sabour, Frosst and Hinton (2017), https://arxiv.org/abs/1710.09829
    """

    def __init__(self, m_plus: float = 0.9, m_minus: float = 0.1, lambda_absent: float = 0.5) -> None:
        require_not_negative("MarginLoss", m_plus=m_plus, m_minus=m_minus, lambda_absent=lambda_absent)
        self.m_plus = m_plus
        self.m_minus = m_minus
        self.lambda_absent = lambda_absent

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean margin loss and its derivative."""
        present = presence(target, prediction)
        short = np.maximum(self.m_plus - prediction, 0) * present
        excess = np.maximum(prediction - self.m_minus, 0) * (1 - present)
        n, weight = len(prediction), self.lambda_absent
        loss = (float(np.vdot(short, short)) + weight * float(np.vdot(excess, excess))) / n
        return loss, excess * (2 * weight / n) - short * (2 / n)


def presence(target: Array, prediction: Array) -> Array:
    """Return T: 1 where a class is present, else 0, of the shape and dtype of the prediction.

    Raises: ValueError when the shapes do not fit or a target is no class.
    """
    n, classes = prediction.shape
    if target.ndim not in (1, 2) or len(target) != n:
        raise ValueError(
            f"CapsNet got targets of shape {target.shape} for {n} examples; it needs them of shape ({n},) or ({n}, k)"
        )
    target = class_indices("CapsNet", target, classes)
    present = np.zeros_like(prediction)
    np.put_along_axis(present, target.reshape(n, -1), 1, axis=1)
    return present


def longest(y: Array, k: int) -> Array:
    """Return the classes of the k longest capsules, the longest one first.

    Shapes: y is (N, classes), the result is (N, k).
    """
    order: Array = np.argsort(-y, axis=1, kind="stable")
    return order[:, :k]


def translated(x: Array, maximum: int, rng: np.random.Generator) -> Array:
    """Translate each example by a random number of pixels, up to `maximum` in each direction, padded with 0.

    Shapes: x is (N, H, W, C), or (N, T, D), translated along T.
    """
    axes = x.ndim - 2
    padded = np.pad(x, [(0, 0), *[(maximum, maximum)] * axes, (0, 0)])
    starts = rng.integers(2 * maximum + 1, size=(len(x), axes))
    result = np.empty_like(x)
    for example, start in enumerate(starts.tolist()):
        window = tuple(slice(first, first + side) for first, side in zip(start, x.shape[1:-1], strict=True))
        result[example] = padded[example][window]
    return result


class CapsuleLearner(Learner):
    """Learner with margin loss and reconstruction; warns when all class capsules vanish.

    Metrics: loss; margin_loss; accuracy, the fraction of examples whose classes are those of the longest capsules;
    true_class_length and other_class_length, mean lengths of the capsules of present classes and of all others;
    sse_per_example of the reconstruction, summed over the dimensions of an example; where several classes are
    present, class_accuracy, the fraction of them that is found.
    """

    def __init__(self, module: CapsNet, config: CapsNetConfig, optimizer: Optimizer) -> None:
        super().__init__(module, {"main": optimizer})
        self.network = module
        self.config = config
        reconstruction = f" and {config.reconstruction:g} times the squared error" if config.reconstruction else ""
        self.metric_info = {"loss": MetricInfo(f"margin loss{reconstruction}", "lower")}
        self.margin_loss = MarginLoss(config.m_plus, config.m_minus, config.lambda_absent)
        self.collapse_monitor = CollapseMonitor(MONITORED_EXAMPLES, _collapse_message)

    @IGNORE_OVERFLOW
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do one optimizer step on the gradient of the loss.

        Raises: DivergenceError when the loss or the gradient is not finite; the parameters are unchanged then.
        """
        x, target = batch
        if self.config.translate_augment:
            x = translated(x, self.config.translate_augment, ctx.random)
        ctx = self.training_context(x, ctx)
        run = self.network.run(x, ctx)
        y, pull_lengths = lengths(run.v)
        margin_loss, dy = self.margin_loss(y, target)
        sse, dv = self._reconstruct(run.v, target.reshape(len(x), -1), x, ctx)
        metrics = self._metrics(y, target, margin_loss, sse)
        self.check_finite(metrics["loss"])
        self.collapse_monitor.add(float(y.max(axis=1).sum()), len(y), self.optimizers["main"].steps)
        dlengths = pull_lengths(dy)
        run.pull(dlengths if dv is None else dlengths + dv)
        return metrics | self.optimizers["main"].step(self.grads["main"])

    @IGNORE_OVERFLOW
    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the loss and the metrics in evaluation mode, with reconstruction from the longest capsules."""
        x, target = batch
        v = self.network.capsules(x)
        y, _ = lengths(v)
        margin_loss, _ = self.margin_loss(y, target)
        sse, _ = self._reconstruct(v, longest(y, target.size // len(x)), x, Context())
        return self._metrics(y, target, margin_loss, sse)

    def _reconstruct(self, v: Array, classes: Array, x: Array, ctx: Context) -> tuple[float | None, Array | None]:
        """Return the squared error of the reconstruction, and the gradient of the loss by the capsules in training."""
        if self.network.decoder is None:
            return None, None
        y, pull = self.network.reconstruct(v, classes, ctx)
        difference = y - x
        sse = float(np.vdot(difference, difference)) / len(x)
        if not ctx.training:
            return sse, None
        difference *= 2 * self.config.reconstruction / len(x)
        return sse, pull(difference)

    def _metrics(self, y: Array, target: Array, margin_loss: float, sse: float | None) -> MetricValues:
        present = presence(target, y)
        k = target.size // len(y)
        found = np.take_along_axis(present, longest(y, k), axis=1)
        metrics = {
            "loss": margin_loss if sse is None else margin_loss + self.config.reconstruction * sse,
            "margin_loss": margin_loss,
            "accuracy": float(found.all(axis=1).mean()),
            "true_class_length": float((y * present).sum() / present.sum()),
            "other_class_length": float((y * (1 - present)).sum() / max(float((1 - present).sum()), 1.0)),
        }
        if k > 1:
            metrics["class_accuracy"] = float(found.mean())
        return metrics if sse is None else metrics | {"sse_per_example": sse}


def _collapse_message(mean_length: float, step: int) -> str | None:
    """Return the warning about class capsules too short to learn, or None where they are long enough."""
    if mean_length >= DEAD_LENGTH:
        return None
    return (
        f"capsnet: at step {step} the longest capsule of an example has a mean length of {mean_length:.4f}, below "
        f"{DEAD_LENGTH:g}; capsules that short hardly learn; try a smaller learning rate or another seed"
    )


def learner(module: CapsNet, config: CapsNetConfig, task: Task, optimizer_factory: OptimizerFactory) -> CapsuleLearner:
    """Return the learner of a capsule network."""
    return CapsuleLearner(module, config, optimizer_factory(module))
