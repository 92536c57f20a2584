"""Learning to rebuild: the error of the reconstruction, and what a code is asked for besides.

With N examples, reconstructions y, targets t (the examples without noise), codes c, and sums over all numbers of all
examples:

    squared_error = Σ (y - t)² / N          cross_entropy = -Σ (t log y + (1 - t) log(1 - y)) / N
    l1 = Σ |c| / N          kl of a sparse code = Σ_j ρ log(ρ / ρ̂_j) + (1 - ρ) log((1 - ρ) / (1 - ρ̂_j))
    ρ is the target and ρ̂_j the mean of unit j over the examples
    kl of a variational code = Σ (μ² + exp ν - ν - 1) / 2 N          the divergence from the standard normal
    loss = squared_error or cross_entropy, + sparsity l1 or kl, or + beta kl

With cross-entropy and beta 1 the variational loss is the negative of the lower bound on log p(x) (Kingma and Welling);
squared error stands for a normal distribution of the numbers with variance 1/2. In evaluation it is that of z = μ.

Sources: Kingma and Welling (2013), https://arxiv.org/abs/1312.6114; beta: Higgins et al. (2017), beta-VAE,
https://openreview.net/forum?id=Sy2fzU9gl; sparse codes: Ng (2011), Sparse autoencoder, lecture notes of CS294A,
https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf
"""

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.blocks.activation import Sigmoid
from neuralzoo.core.blocks.losses import BinaryCrossEntropy
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.core.learner import SILENTLY, Learner, Metrics
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Diverged, Optimizer
from neuralzoo.plugins.autoencoder.config import AutoencoderConfig
from neuralzoo.plugins.autoencoder.network import Autoencoder
from neuralzoo.registry import MakeOptimizer, Task

NOISE_SEED = 0
MOST_DB = 100.0  # a reconstruction without any error would have infinitely many


class Rebuilding(Learner):
    """Learns to rebuild examples; `images` says that psnr means something.

    Metrics: loss; squared_error, summed over the numbers of an example; for images psnr in dB, and denoised_psnr where
    there is noise in training; sparsity or kl, without their weights.
    """

    def __init__(self, module: Autoencoder, config: AutoencoderConfig, task: Task, optimizer: Optimizer) -> None:
        super().__init__(module, {"main": optimizer})
        self.network = module
        self.config = config
        self.images = task.input == "image"
        self.cross_entropy = compares_bits(module, config)
        self.copies = task.kind != "reconstruction"  # then targets are something else, and not needed
        self.grads = Gradients(module)
        self.workspace = Workspace()

    @SILENTLY
    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do one step down the gradient of the loss.

        Raises: Diverged when the loss or the gradient is not finite; the parameters are as they were then.
        """
        self.grads.zero()
        self.workspace.reset()
        ctx = Context(training=True, rng=ctx.rng, grads=self.grads, data=batch[0], workspace=self.workspace)
        run = self.network.run(batch[0], ctx)
        loss, dlogits, metrics = self._reconstruction(run.logits, self._target(batch), ctx)
        penalty, dcode, dlog_variance, more = self._penalty(run.code, run.log_variance)
        optimizer = self.optimizers["main"]
        if not np.isfinite(loss + penalty):
            raise Diverged(f"the loss at step {optimizer.steps} is {loss + penalty}; training needs finite numbers")
        run.pull(dlogits, dcode, dlog_variance)
        return {"loss": loss + penalty} | metrics | more | optimizer.step(self.grads)

    @SILENTLY
    def evaluate(self, batch: Batch) -> Metrics:
        """Return the loss and the measures in evaluation mode, without noise but in denoised_psnr."""
        run, target = self.network.run(batch[0], Context()), self._target(batch)
        loss, _, metrics = self._reconstruction(run.logits, target, Context())
        penalty, _, _, more = self._penalty(run.code, run.log_variance)
        if self.images and self.config.noise:
            ctx = Context(training=True, rng=np.random.default_rng(NOISE_SEED))  # the same noise in each evaluation
            noisy, _ = self.network.noise(batch[0], ctx)
            metrics["denoised_psnr"] = float(psnr(self.network.predict(noisy), target).mean())
        return {"loss": loss + penalty} | metrics | more

    def _target(self, batch: Batch) -> Array:
        return batch[0] if self.copies else batch[-1]

    def _reconstruction(self, logits: Array, target: Array, ctx: Context) -> tuple[float, Array, Metrics]:
        """Return the error of the reconstruction, its derivative by the logits, and the measures."""
        y, pull = self.network.output(logits, ctx)
        difference = y - target
        error = float(np.vdot(difference, difference)) / len(y)
        metrics = {"squared_error": error}
        if self.images:
            metrics["psnr"] = float(psnr(y, target).mean())
        if not self.cross_entropy:
            difference *= 2 / len(y)
            return error, pull(difference), metrics
        numbers = y[0].size
        loss, gradient = BinaryCrossEntropy()(logits, target)
        gradient *= numbers
        return loss * numbers, gradient, metrics

    def _penalty(self, code: Array, log_variance: Array | None) -> tuple[float, Array | None, Array | None, Metrics]:
        """Return what the code costs, its derivatives by the code and its log-variance, and the measures."""
        if log_variance is not None:
            kl, dcode, dlog_variance = divergence(code, log_variance)
            beta = self.config.beta
            return beta * kl, beta * dcode, beta * dlog_variance, {"kl": kl}
        weight = self.config.sparsity
        if not weight:
            return 0.0, None, None, {}
        if self.config.sparsity_kind == "l1":
            value, gradient = absolute_size(code)
        else:
            value, gradient = activity(code, self.config.sparsity_target)
        return weight * value, weight * gradient, None, {"sparsity": value}


def divergence(mean: Array, log_variance: Array) -> tuple[float, Array, Array]:
    """Return how far normal distributions are from the standard one, and the derivatives by both arguments.

        kl = Σ (μ² + exp ν - ν - 1) / 2 N          dμ = μ / N          dν = (exp ν - 1) / 2 N

    Shapes: both are (N, code).
    """
    n = len(mean)
    excess = np.expm1(log_variance)
    kl = float(np.sum(mean * mean + (excess - log_variance))) / (2 * n)
    return kl, mean / n, excess / (2 * n)


def absolute_size(code: Array) -> tuple[float, Array]:
    """Return Σ |c| / N and its derivative, sign(c) / N.

    Shapes: the code is (N, code).
    """
    return float(np.abs(code).sum()) / len(code), np.sign(code) / len(code)


def activity(code: Array, target: float) -> tuple[float, Array]:
    """Return how far the mean of each unit is from the target, as a divergence of two coins, and its derivative.

        Σ_j ρ log(ρ / ρ̂_j) + (1 - ρ) log((1 - ρ) / (1 - ρ̂_j))          dc = ((1 - ρ) / (1 - ρ̂) - ρ / ρ̂) / N

    Shapes: the code is (N, code), of numbers in (0, 1).
    """
    edge = float(np.finfo(code.dtype).eps)  # a unit that is always off or on can be pulled back
    mean = np.clip(code.mean(axis=0), edge, 1 - edge)
    value = float(np.sum(target * np.log(target / mean) + (1 - target) * np.log((1 - target) / (1 - mean))))
    slope = ((1 - target) / (1 - mean) - target / mean) / len(code)
    return value, np.broadcast_to(slope, code.shape)


def psnr(y: Array, target: Array) -> Array:
    """Return the peak signal-to-noise ratio of each reconstruction in dB, -10 log10 of its mean squared error.

    Shapes: y and target are (N, ...) with values in [0, 1]; the ratios are (N,).
    """
    rows = (y - target).reshape(len(y), -1)
    errors = np.einsum("nd,nd->n", rows, rows) / rows.shape[1]
    ratios: Array = -10 * np.log10(np.maximum(errors, 10 ** (-MOST_DB / 10)))
    return ratios


def compares_bits(module: Autoencoder, config: AutoencoderConfig) -> bool:
    """Return whether the loss is cross-entropy, which needs an output in 0..1.

    Raises: ValueError when it is asked for and the output is another.
    """
    squashed = isinstance(module.output, Sigmoid)
    if config.loss == "cross_entropy" and not squashed:
        raise ValueError("Autoencoder got loss='cross_entropy' with an identity output; it needs output='sigmoid'")
    return squashed if config.loss is None else config.loss == "cross_entropy"


def learner(module: Autoencoder, config: AutoencoderConfig, task: Task, make_optimizer: MakeOptimizer) -> Rebuilding:
    """Return what trains an autoencoder.

    Raises: ValueError when the loss is cross-entropy and the output is not in 0..1.
    """
    return Rebuilding(module, config, task, make_optimizer(module))
