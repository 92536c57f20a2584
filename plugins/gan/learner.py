"""Adversarial training: the discriminator's steps, then one of the generator, each on its own loss.

With targets t = 1 - label_smoothing for real examples, 0 for fake ones, and logits d:

    discriminator_loss = mean softplus(d(x)) - t d(x) + mean softplus(d(x̂))       d loss / d d = (σ(d) - target) / N
    generator_loss     = mean softplus(-d(x̂))                                      d loss / d d = (σ(d) - 1) / N

The relativistic pairing loss depends on the difference of the logits of a real and a fake example, r = d(x) - d(x̂):

    discriminator_loss = mean softplus(r) - t r          generator_loss = mean softplus(r)

The gradient penalty of weight p (R1 on real x, R2 on fake x) is computed by finite differences, with e ~ N(0, 1) and
a small s, which needs no second derivative:

    p / 2 mean (d(x + s e) - d(x))² / s²          for small s, the mean over e is p / 2 |gradient of d|²

The gradient of the generator's loss is backpropagated through the discriminator, whose weights it leaves unchanged.

Instance noise is drawn anew for each input of the discriminator; its standard deviation decays linearly to 0, or
exponentially to its final value.
The decay of the weights' moving average is min(ema_decay, (1 + step) / (10 + step)), so that it forgets the
initialization.

Sources: relativistic loss: Jolicoeur-Martineau (2019), The relativistic discriminator,
https://arxiv.org/abs/1807.00734; its absence of bad basins: Sun, Fang and Schwing (2020), Towards a better global loss
landscape of GANs, https://arxiv.org/abs/2011.04926; gradient penalty: Mescheder, Geiger and Nowozin (2018), Which
training methods for GANs do actually converge?, https://arxiv.org/abs/1801.04406; with the pairing loss: Huang et al.
(2025), The GAN is dead; long live the GAN!, https://arxiv.org/abs/2501.05441; by perturbed examples: Zhang et al.
(2020), Consistency regularization for generative adversarial networks, https://arxiv.org/abs/1910.12027
"""

from collections.abc import Iterable
from types import MappingProxyType

import numpy as np

from neuralzoo.core.batches import Batch, Batches
from neuralzoo.core.blocks.activation import sigmoid, softplus
from neuralzoo.core.blocks.collapse import CollapseMonitor
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.learner import IGNORE_OVERFLOW, Learner, MetricValues
from neuralzoo.core.metric import MetricInfo
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import DivergenceError, Optimizer
from neuralzoo.plugins.gan.config import GANConfig
from neuralzoo.plugins.gan.layers import SpectralNorm
from neuralzoo.plugins.gan.metrics.modes import SAMPLES, mode_metrics, sample_metrics, std_ratio
from neuralzoo.plugins.gan.network import GAN
from neuralzoo.registry import OptimizerFactory, Task

NOISE_SEED = 0
PERTURBATION_STD = 0.01  # s of the gradient penalty, in standard deviations of the data
COLLAPSE_WINDOW = 200  # steps
COLLAPSED_STD_RATIO = 0.1  # below it a generator counts as collapsed


def discriminator_loss(real: Array, fake: Array, smoothing: float, paired: bool = False) -> tuple[float, Array, Array]:
    """Return the discriminator's loss, and its derivatives by the logits of real and of fake examples."""
    target = 1 - smoothing
    if paired:
        margin = real - fake
        gradient = (sigmoid(margin) - target) / margin.size
        return float(np.mean(softplus(margin) - target * margin)), gradient, -gradient
    loss = float(np.mean(softplus(real) - target * real)) + float(np.mean(softplus(fake)))
    return loss, (sigmoid(real) - target) / real.size, sigmoid(fake) / fake.size


def generator_loss(fake: Array, real: Array | None = None) -> tuple[float, Array]:
    """Return the generator's loss, relativistic if given the logits of real examples, and its derivative by `fake`."""
    margin = fake if real is None else fake - real
    return float(np.mean(softplus(-margin))), (sigmoid(margin) - 1) / margin.size


def gradient_penalty(logits: Array, perturbed: Array, weight: float) -> tuple[float, Array]:
    """Return the gradient penalty and its derivative by the logits of perturbed examples.

    The derivative by the logits of the examples is its negative.
    """
    difference = perturbed - logits
    factor = weight / PERTURBATION_STD**2
    return factor / 2 * float(np.mean(np.square(difference))), difference * (factor / difference.size)


class AdversarialLearner(Learner):
    """Learner of both networks.

    Metrics in training: both losses, discriminator_accuracy, std_ratio. In evaluation `loss` is the energy distance
    of samples from the examples, since the adversarial losses do not measure sample quality; see `metrics.modes`.
    """

    metric_info = MappingProxyType({"loss": MetricInfo("energy distance", "lower")})

    def __init__(self, module: GAN, config: GANConfig, task: Task, optimizers: dict[str, Optimizer]) -> None:
        super().__init__(module, optimizers)
        self.gan = module
        self.config = config
        self.paired = config.loss == "relativistic"
        self.tabular = task.input == "tabular"
        self.samples = SAMPLES if self.tabular else SAMPLES // 2
        self.collapse_monitor = CollapseMonitor(COLLAPSE_WINDOW, _collapse_message)

    def prepare(self, data: Batches, ctx: Context) -> None:
        """Set location and scale to the mean and standard deviation of the training data, unless they are pixels."""
        if self.gan.pixels:
            return
        x = np.concatenate([batch[0] for batch in data.epoch(np.random.default_rng(NOISE_SEED))])
        axes = tuple(range(x.ndim - 1))
        self.gan.location.value[...] = x.mean(axis=axes)
        std = x.std(axis=axes)
        self.gan.scale.value[...] = np.where(std > 0, std, 1)

    @IGNORE_OVERFLOW
    def learn(self, batch: Batch, ctx: Context) -> MetricValues:
        """Do the steps of the discriminator and one of the generator.

        Raises: DivergenceError when a loss or a gradient is not finite; it names the network and the step.
        """
        self.workspace.reset()
        x = self.gan.standardised(batch[0])
        metrics: MetricValues = {}
        for _ in range(self.config.discriminator_steps):
            metrics = self._discriminator_step(x, ctx)
        generator_metrics = self._generator_step(x, ctx)
        first = {"generator_loss": generator_metrics["generator_loss"]}  # the first four are drawn as learning curves
        metrics = first | metrics | generator_metrics
        self._update_ema()
        self.collapse_monitor.add(metrics["std_ratio"], 1, self.optimizers["generator"].steps)
        return metrics

    def _discriminator_step(self, x: Array, ctx: Context) -> MetricValues:
        """Do one step of the discriminator."""
        self.grads["discriminator"].zero()
        fake, _ = self.gan.generator(self._latent_noise(len(x), ctx), self._context(ctx))
        examples = [self._noisy(rows, ctx) for rows in (x, fake)]
        passes = [self.gan.discriminator(rows, self._context(ctx, "discriminator", rows)) for rows in examples]
        (real_logits, pull_real), (fake_logits, pull_fake) = passes
        loss, dreal, dfake = discriminator_loss(real_logits, fake_logits, self.config.label_smoothing, self.paired)
        if self.config.gradient_penalty:
            penalty, (dpenalty_real, dpenalty_fake) = self._penalty_backward(examples, [real_logits, fake_logits], ctx)
            loss, dreal, dfake = loss + penalty, dreal - dpenalty_real, dfake - dpenalty_fake
        self.check_finite(loss, "discriminator")
        pull_real(dreal)
        pull_fake(dfake)
        step = self._optimizer_step("discriminator")
        for _, layer in self.gan.discriminator.named_modules():
            if isinstance(layer, SpectralNorm) and not layer.is_frozen:
                layer.power_iteration()
        if self.paired:
            accuracy = float(np.mean(real_logits > fake_logits))
        else:
            accuracy = float((np.mean(real_logits > 0) + np.mean(fake_logits < 0)) / 2)
        return {
            "discriminator_loss": loss,
            "discriminator_accuracy": accuracy,
            "std_ratio": std_ratio(x, fake),
            "discriminator_grad_norm": step["grad_norm"],
        }

    def _penalty_backward(self, examples: list[Array], logits: list[Array], ctx: Context) -> tuple[float, list[Array]]:
        """Backpropagate the penalty through perturbed examples; return it, and its derivatives by their logits."""
        total, gradients = 0.0, []
        for rows, own_logits in zip(examples, logits, strict=True):
            perturbed = rows + PERTURBATION_STD * ctx.random.standard_normal(rows.shape, np.float32)
            other_logits, pull = self.gan.discriminator(perturbed, self._context(ctx, "discriminator", perturbed))
            loss, gradient = gradient_penalty(own_logits, other_logits, self.config.gradient_penalty)
            pull(gradient)
            gradients.append(gradient)
            total += loss
        return total, gradients

    def _generator_step(self, x: Array, ctx: Context) -> MetricValues:
        """Do one step of the generator."""
        self.grads["generator"].zero()
        fake, pull_generator = self.gan.generator(self._latent_noise(len(x), ctx), self._context(ctx, "generator"))
        logits, pull_discriminator = self.gan.discriminator(self._noisy(fake, ctx), self._context(ctx))
        real = self.gan.discriminator(self._noisy(x, ctx), self._context(ctx))[0] if self.paired else None
        loss, gradient = generator_loss(logits, real)
        self.check_finite(loss, "generator")
        pull_generator(pull_discriminator(gradient))
        return {"generator_loss": loss} | self._optimizer_step("generator")

    def _context(self, ctx: Context, network: str = "", data: Array | None = None) -> Context:
        """Return a training context that collects the gradients of a network, or none."""
        grads = self.grads[network] if network else Gradients()
        return Context(training=True, rng=ctx.rng, grads=grads, inputs_without_grad=data, workspace=self.workspace)

    def _latent_noise(self, count: int, ctx: Context) -> Array:
        return ctx.random.standard_normal((count, self.gan.latent), np.float32)

    def _noisy(self, x: Array, ctx: Context) -> Array:
        """Return examples with the instance noise of this step."""
        first, last = self.config.instance_noise, self.config.instance_noise_last
        progress = min(1.0, self.optimizers["generator"].steps / self.config.instance_noise_steps)
        std = first * (last / first) ** progress if first and last else first * (1 - progress)
        if std <= 0:
            return x
        noise = ctx.random.standard_normal(x.shape, np.float32).astype(x.dtype, copy=False)
        noise *= std
        noise += x
        return noise

    def _optimizer_step(self, network: str) -> MetricValues:
        try:
            return self.optimizers[network].step(self.grads[network])
        except DivergenceError as error:
            raise DivergenceError(f"{network}: {error}") from None

    def _update_ema(self) -> None:
        """Update the moving average of the generator's weights; parameters that are not trainable are copied.

        That of a frozen generator stays.
        """
        if self.gan.ema_generator is None or self.gan.generator.is_frozen:
            return
        step = self.optimizers["generator"].steps
        change = 1 - min(self.config.ema_decay, (1 + step) / (10 + step))
        current = self.gan.generator.named_parameters()
        for name, mean in self.gan.ema_generator.named_parameters().items():
            mean.value += (current[name].value - mean.value) * (change if current[name].trainable else 1.0)

    def evaluate(self, batch: Batch) -> MetricValues:
        """Return the quality metrics of samples, from the same latent noise each time; see `metrics.modes`."""
        fake = self.gan.sample(self.samples, np.random.default_rng(NOISE_SEED))
        real, labels = batch[0], batch[-1]
        metrics = sample_metrics(real[: self.samples], fake[: max(len(real), 2)])
        if self.tabular and labels.ndim == 1 and labels.dtype.kind in "iu":
            metrics |= mode_metrics(real, labels, fake)
        return metrics

    def evaluate_all(self, batches: Iterable[Batch]) -> MetricValues:
        """Evaluate a whole dataset at once: a distance between two sets is not a mean over batches."""
        together = [np.concatenate(arrays) for arrays in zip(*batches, strict=True)]
        return self.evaluate(tuple(together))


def _collapse_message(mean_std_ratio: float, step: int) -> str | None:
    """Return the warning about a generator whose samples are nearly the same, or None where they are not."""
    if mean_std_ratio >= COLLAPSED_STD_RATIO:
        return None
    return (
        f"gan: at step {step} the standard deviation of generated samples is {mean_std_ratio:.3f} of the data's, the "
        "generator has collapsed; try pack=2, minibatch_stddev=true, instance_noise=0.5 or a lower learning rate"
    )


def learner(module: GAN, config: GANConfig, task: Task, optimizer_factory: OptimizerFactory) -> AdversarialLearner:
    """Return the learner of both networks, each with the experiment's optimizer, at its own learning rate."""
    generator, discriminator = optimizer_factory(module.generator), optimizer_factory(module.discriminator)
    schedule = discriminator.schedule  # a function of the generator's steps
    ratio, steps = config.discriminator_lr_ratio, config.discriminator_steps
    discriminator.schedule = lambda step: ratio * schedule(step // steps)
    return AdversarialLearner(module, config, task, {"generator": generator, "discriminator": discriminator})
