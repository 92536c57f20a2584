"""Training of an autoencoder: the reconstruction loss, and the penalties on the code.

With N examples, reconstructions y, targets t (the examples without noise), codes c, and sums over all dimensions of
all examples:

    squared_error = Σ (y - t)² / N          cross_entropy = -Σ (t log y + (1 - t) log(1 - y)) / N
    l1 = Σ |c| / N          kl of a sparse code = Σ_j ρ log(ρ / ρ̂_j) + (1 - ρ) log((1 - ρ) / (1 - ρ̂_j))
    ρ is the target and ρ̂_j the mean of unit j over the examples
    kl of a variational code = Σ (μ² + exp ν - ν - 1) / 2 N          the KL divergence from the standard normal
    loss = squared_error or cross_entropy, + sparsity l1 or kl, or + beta kl

With cross-entropy and beta 1 the variational loss is the negative evidence lower bound on log p(x) (Kingma and
Welling); squared error corresponds to a normal likelihood of variance 1/2. In evaluation the loss is that of z = μ.

Sources: Kingma and Welling (2013), https://arxiv.org/abs/1312.6114; beta: Higgins et al. (2017), beta-VAE,
https://openreview.net/forum?id=Sy2fzU9gl; sparse codes: Ng (2011), Sparse autoencoder, lecture notes of CS294A,
https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf
"""

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.activation import Sigmoid
from neuralzoo.core.blocks.losses import BinaryCrossEntropy
from neuralzoo.core.layer import Context
from neuralzoo.core.learner import IGNORE_OVERFLOW, Learner, MetricValues
from neuralzoo.core.metric import MetricInfo
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.plugins.autoencoder.config import AutoencoderConfig
from neuralzoo.plugins.autoencoder.metrics import psnr
from neuralzoo.plugins.autoencoder.network import Autoencoder
from neuralzoo.registry import OptimizerFactory, Task

NOISE_SEED = 0


class ReconstructionLearner(Learner):
    """Learner that minimises the reconstruction loss and the penalty on the code.

    Metrics: loss; sse_per_example, the squared error summed over the dimensions of an example; for images psnr in dB,
    and denoised_psnr where there is noise in training; sparsity or kl, without their weights.
    """

    def __init__(self, module: Autoencoder, config: AutoencoderConfig, task: Task, optimizer: Optimizer) -> None:
        super().__init__(module, {"main": optimizer})
        self.network = module
        self.config = config
        self.images = task.input == "image"
        self.cross_entropy = uses_cross_entropy(module, config)
        self.metric_info = {"loss": self._loss_info()}
        self.targets_are_inputs = task.kind != "reconstruction"  # in generation the batch's targets are labels, unused

    @IGNORE_OVERFLOW
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do one step down the gradient of the loss.

        Raises: DivergenceError when the loss or the gradient is not finite; the parameters are as they were then.
        """
        ctx = self.training_context(batch[0], ctx)
        run = self.network.run(batch[0], ctx)
        loss, dlogits, metrics = self._reconstruction(run.logits, self._target(batch), ctx)
        penalty, dcode, dlog_variance, more = self._penalty(run.code, run.log_variance)
        self.check_finite(loss + penalty)
        run.pull(dlogits, dcode, dlog_variance)
        return {"loss": loss + penalty} | metrics | more | self.optimizers["main"].step(self.grads["main"])

    @IGNORE_OVERFLOW
    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the loss and the metrics in evaluation mode, without noise except for denoised_psnr."""
        run, target = self.network.run(batch[0], Context()), self._target(batch)
        loss, _, metrics = self._reconstruction(run.logits, target, Context())
        penalty, _, _, more = self._penalty(run.code, run.log_variance)
        if self.images and self.config.noise:
            ctx = Context(training=True, rng=np.random.default_rng(NOISE_SEED))  # the same noise in each evaluation
            noisy, _ = self.network.noise(batch[0], ctx)
            metrics["denoised_psnr"] = float(psnr(self.network.predict(noisy), target).mean())
        return {"loss": loss + penalty} | metrics | more

    def _loss_info(self) -> MetricInfo:
        """Return the declaration of the loss, which depends on the output and on the penalty."""
        error = "cross-entropy of an example" if self.cross_entropy else "squared error of an example"
        if self.config.variational:
            return MetricInfo(f"{error} and KL divergence times {self.config.beta:g}", "lower")
        weight = self.config.sparsity
        return MetricInfo(error + (f" and sparsity times {weight:g}" if weight else ""), "lower")

    def _target(self, batch: Batch) -> Array:
        return batch[0] if self.targets_are_inputs else batch[-1]

    def _reconstruction(self, logits: Array, target: Array, ctx: Context) -> tuple[float, Array, MetricValues]:
        """Return the reconstruction loss, its derivative by the logits, and the metrics."""
        y, pull = self.network.output(logits, ctx)
        difference = np.subtract(y, target, dtype=y.dtype)  # whatever the target's is
        error = float(np.vdot(difference, difference)) / len(y)
        metrics = {"sse_per_example": error}
        if self.images:
            metrics["psnr"] = float(psnr(y, target).mean())
        if not self.cross_entropy:
            difference *= 2 / len(y)
            return error, pull(difference), metrics
        dimensions = y[0].size
        rows = (len(y), dimensions)  # without steps: -1 is no padding
        loss, gradient = BinaryCrossEntropy()(logits.reshape(rows), target.reshape(rows))
        gradient *= dimensions
        return loss * dimensions, gradient.reshape(logits.shape), metrics

    def _penalty(
        self, code: Array, log_variance: Array | None
    ) -> tuple[float, Array | None, Array | None, MetricValues]:
        """Return the penalty on the code, its derivatives by the code and its log-variance, and the metrics."""
        if log_variance is not None:
            kl, dcode, dlog_variance = kl_to_standard_normal(code, log_variance)
            beta = self.config.beta
            return beta * kl, beta * dcode, beta * dlog_variance, {"kl": kl}
        weight = self.config.sparsity
        if not weight:
            return 0.0, None, None, {}
        if self.config.sparsity_kind == "l1":
            value, gradient = l1_penalty(code)
        else:
            value, gradient = kl_sparsity(code, self.config.sparsity_target)
        return weight * value, weight * gradient, None, {"sparsity": value}


def kl_to_standard_normal(mean: Array, log_variance: Array) -> tuple[float, Array, Array]:
    """Return the KL divergence of normal distributions from the standard normal, and its derivatives.

        kl = Σ (μ² + exp ν - ν - 1) / 2 N          dμ = μ / N          dν = (exp ν - 1) / 2 N

    Shapes: both are (N, code).
    """
    n = len(mean)
    excess = np.expm1(log_variance)
    kl = float(np.sum(mean * mean + (excess - log_variance))) / (2 * n)
    return kl, mean / n, excess / (2 * n)


def l1_penalty(code: Array) -> tuple[float, Array]:
    """Return the L1 penalty Σ |c| / N and its derivative sign(c) / N.

    Shapes: the code is (N, code).
    """
    return float(np.abs(code).sum()) / len(code), np.sign(code) / len(code)


def kl_sparsity(code: Array, target: float) -> tuple[float, Array]:
    """Return the KL divergence of the units' mean activations from the target (Bernoulli), and its derivative.

        Σ_j ρ log(ρ / ρ̂_j) + (1 - ρ) log((1 - ρ) / (1 - ρ̂_j))          dc = ((1 - ρ) / (1 - ρ̂) - ρ / ρ̂) / N

    Shapes: the code is (N, code), with values in (0, 1).
    """
    epsilon = float(np.finfo(code.dtype).eps)  # keeps the gradient of a unit that is always 0 or 1 finite
    mean = np.clip(code.mean(axis=0), epsilon, 1 - epsilon)
    value = float(np.sum(target * np.log(target / mean) + (1 - target) * np.log((1 - target) / (1 - mean))))
    slope = ((1 - target) / (1 - mean) - target / mean) / len(code)
    return value, np.broadcast_to(slope, code.shape)


def uses_cross_entropy(module: Autoencoder, config: AutoencoderConfig) -> bool:
    """Return whether the loss is cross-entropy, which needs an output in 0..1.

    Raises: ValueError when it is configured with an identity output.
    """
    is_sigmoid = isinstance(module.output, Sigmoid)
    if config.loss == "cross_entropy" and not is_sigmoid:
        raise ValueError("Autoencoder got loss='cross_entropy' with an identity output; it needs output='sigmoid'")
    return is_sigmoid if config.loss is None else config.loss == "cross_entropy"


def learner(
    module: Autoencoder, config: AutoencoderConfig, task: Task, optimizer_factory: OptimizerFactory
) -> ReconstructionLearner:
    """Return the learner of an autoencoder.

    Raises: ValueError when the loss is cross-entropy and the output is not in 0..1.
    """
    return ReconstructionLearner(module, config, task, optimizer_factory(module))
