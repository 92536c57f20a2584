"""The game: the discriminator's steps, then one of the generator, each down its own loss.

With targets t = 1 - label_smoothing for real examples, 0 for made ones, and logits d:

    discriminator_loss = mean softplus(d(x)) - t d(x) + mean softplus(d(x̂))       d loss / d d = (σ(d) - target) / N
    generator_loss     = mean softplus(-d(x̂))                                      d loss / d d = (σ(d) - 1) / N

Relativistic, each pair of a real and a made example is judged by the difference of its logits, r = d(x) - d(x̂):

    discriminator_loss = mean softplus(r) - t r          generator_loss = mean softplus(r)

so that a made example has to be as real as the real ones are. With a penalty p on the slope of the discriminator, to
its loss come, for both real and made x, with normal e and a small s,

    p / 2 mean (d(x + s e) - d(x))² / s²          for small s, that is p / 2 |gradient of d|² in the mean over e

which needs no derivative of a derivative. The gradient of the generator's loss goes back through
the discriminator, which keeps its weights, into the generator.

Where there is noise, it is drawn anew for all that the discriminator reads, and its deviation falls in a straight line
to 0, or by equal factors to its last value, where it stays.
The running mean of the weights keeps min(average, (1 + step) / (10 + step)), so that it does not remember the start.

Source: relativistic: Jolicoeur-Martineau (2019), The relativistic discriminator, https://arxiv.org/abs/1807.00734; that
it has no bad basins: Sun, Fang and Schwing (2020), Towards a better global loss landscape of GANs,
https://arxiv.org/abs/2011.04926; penalty: Mescheder, Geiger and Nowozin (2018), Which training methods for GANs do
actually converge?, https://arxiv.org/abs/1801.04406; with pairs: Huang et al. (2025), The GAN is dead; long live the
GAN!, https://arxiv.org/abs/2501.05441; by moved examples: Zhang et al. (2020), Consistency regularization for
generative adversarial networks, https://arxiv.org/abs/1910.12027
"""

import logging
from collections.abc import Iterable

import numpy as np

from neuralzoo.core.batches import Batch, Batches
from neuralzoo.core.blocks.activation import sigmoid, softplus
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.core.learner import SILENTLY, Learner, Metrics
from neuralzoo.core.module import Array
from neuralzoo.core.optimizer import Diverged, Optimizer
from neuralzoo.plugins.gan.config import GANConfig
from neuralzoo.plugins.gan.layers import Spectral
from neuralzoo.plugins.gan.metrics import modes as measures
from neuralzoo.plugins.gan.network import GAN
from neuralzoo.registry import MakeOptimizer, Task

LOG = logging.getLogger(__name__)
NOISE_SEED = 0
MOVE = 0.01  # s, in deviations of the data
WATCHED = 200  # steps between two looks at the spread
COLLAPSED = 0.1  # share of the data's spread below which a generator is said to have collapsed


def discriminator_loss(real: Array, made: Array, smoothing: float, paired: bool = False) -> tuple[float, Array, Array]:
    """Return the loss of telling real from made, and its derivatives by both logits."""
    target = 1 - smoothing
    if paired:
        ahead = real - made
        gradient = (sigmoid(ahead) - target) / ahead.size
        return float(np.mean(softplus(ahead) - target * ahead)), gradient, -gradient
    loss = float(np.mean(softplus(real) - target * real)) + float(np.mean(softplus(made)))
    return loss, (sigmoid(real) - target) / real.size, sigmoid(made) / made.size


def generator_loss(made: Array, real: Array | None = None) -> tuple[float, Array]:
    """Return the loss of not being taken for real, or for more real than a real one, and its derivative by `made`."""
    ahead = made if real is None else made - real
    return float(np.mean(softplus(-ahead))), (sigmoid(ahead) - 1) / ahead.size


def slope_penalty(here: Array, there: Array, weight: float) -> tuple[float, Array]:
    """Return the penalty on logits that differ between examples and moved ones, and its derivative by the latter.

    That by the former is its negative.
    """
    gap = there - here
    share = weight / MOVE**2
    return share / 2 * float(np.mean(np.square(gap))), gap * (share / gap.size)


class Adversarial(Learner):
    """Trains both networks and measures what the generator makes.

    Metrics in training: both losses, the share of right judgements, the spread. In evaluation `loss` is the energy
    distance of samples from the examples, for the losses of the game say nothing about them; see `measures`.
    """

    def __init__(self, module: GAN, config: GANConfig, task: Task, optimizers: dict[str, Optimizer]) -> None:
        super().__init__(module, optimizers)
        self.gan = module
        self.config = config
        self.paired = config.loss == "relativistic"
        self.tabular = task.input == "tabular"
        self.samples = measures.SAMPLES if self.tabular else measures.SAMPLES // 2
        self.grads = {name: Gradients(getattr(module, name)) for name in optimizers}
        self.workspace = Workspace()
        self.watch = Watch()

    def prepare(self, data: Batches, ctx: Context) -> None:
        """Take the location and the scale of the training data, where they are no pixels."""
        if self.gan.pixels:
            return
        x = np.concatenate([batch[0] for batch in data.epoch(np.random.default_rng(NOISE_SEED))])
        axes = tuple(range(x.ndim - 1))
        self.gan.location.value[...] = x.mean(axis=axes)
        deviation = x.std(axis=axes)
        self.gan.scale.value[...] = np.where(deviation > 0, deviation, 1)

    @SILENTLY
    def learn(self, batch: Batch, ctx: Context) -> Metrics:
        """Do the steps of the discriminator and one of the generator.

        Raises: Diverged when a loss or a gradient is not finite; the step and which one are named.
        """
        self.workspace.reset()
        x = self.gan.standardised(batch[0])
        metrics: Metrics = {}
        for _ in range(self.config.discriminator_steps):
            metrics = self._tell_apart(x, ctx)
        found = self._deceive(x, ctx)
        first = {"generator_loss": found["generator_loss"]}  # the first four are drawn as learning curves
        metrics = first | metrics | found
        self._average()
        self.watch.see(metrics["spread"], self.optimizers["generator"].steps)
        return metrics

    def _tell_apart(self, x: Array, ctx: Context) -> Metrics:
        """Do one step of the discriminator."""
        self.grads["discriminator"].zero()
        made, _ = self.gan.generator(self._draw(len(x), ctx), self._context(ctx))
        examples = [self._noisy(rows, ctx) for rows in (x, made)]
        passes = [self.gan.discriminator(rows, self._context(ctx, "discriminator", rows)) for rows in examples]
        (real, pull_real), (false, pull_false) = passes
        loss, dreal, dfalse = discriminator_loss(real, false, self.config.label_smoothing, self.paired)
        if self.config.penalty:
            more, (slope_real, slope_false) = self._flatten(examples, [real, false], ctx)
            loss, dreal, dfalse = loss + more, dreal - slope_real, dfalse - slope_false
        self._check("discriminator", loss)
        pull_real(dreal)
        pull_false(dfalse)
        step = self._step("discriminator")
        for _, layer in self.gan.discriminator.named_modules():
            if isinstance(layer, Spectral):
                layer.iterate()
        right = float(np.mean(real > false) if self.paired else (np.mean(real > 0) + np.mean(false < 0)) / 2)
        found = {"discriminator_loss": loss, "discriminator_accuracy": right, "spread": measures.spread(x, made)}
        return found | {"discriminator_grad_norm": step["grad_norm"]}

    def _flatten(self, examples: list[Array], logits: list[Array], ctx: Context) -> tuple[float, list[Array]]:
        """Go back from the penalty to the moved examples; return it, and its derivatives by their logits."""
        total, changes = 0.0, []
        for rows, here in zip(examples, logits, strict=True):
            moved = rows + MOVE * ctx.random.standard_normal(rows.shape, np.float32)
            there, pull = self.gan.discriminator(moved, self._context(ctx, "discriminator", moved))
            loss, change = slope_penalty(here, there, self.config.penalty)
            pull(change)
            changes.append(change)
            total += loss
        return total, changes

    def _deceive(self, x: Array, ctx: Context) -> Metrics:
        """Do one step of the generator."""
        self.grads["generator"].zero()
        made, pull_generator = self.gan.generator(self._draw(len(x), ctx), self._context(ctx, "generator"))
        logits, pull_discriminator = self.gan.discriminator(self._noisy(made, ctx), self._context(ctx))
        real = self.gan.discriminator(self._noisy(x, ctx), self._context(ctx))[0] if self.paired else None
        loss, gradient = generator_loss(logits, real)
        self._check("generator", loss)
        pull_generator(pull_discriminator(gradient))
        return {"generator_loss": loss} | self._step("generator")

    def _context(self, ctx: Context, network: str = "", data: Array | None = None) -> Context:
        """Return a training context whose gradients go to a network, or nowhere."""
        grads = self.grads[network] if network else Gradients()
        return Context(training=True, rng=ctx.rng, grads=grads, data=data, workspace=self.workspace)

    def _draw(self, count: int, ctx: Context) -> Array:
        return ctx.random.standard_normal((count, self.gan.latent), np.float32)

    def _noisy(self, x: Array, ctx: Context) -> Array:
        """Return examples with the noise that the discriminator has at this step."""
        first, last = self.config.instance_noise, self.config.instance_noise_last
        gone = min(1.0, self.optimizers["generator"].steps / self.config.instance_noise_steps)
        deviation = first * (last / first) ** gone if first and last else first * (1 - gone)
        if deviation <= 0:
            return x
        noise = ctx.random.standard_normal(x.shape, np.float32).astype(x.dtype, copy=False)
        noise *= deviation
        noise += x
        return noise

    def _check(self, network: str, loss: float) -> None:
        if not np.isfinite(loss):
            step = self.optimizers[network].steps
            raise Diverged(f"the {network}'s loss at step {step} is {loss}; training needs finite numbers")

    def _step(self, network: str) -> Metrics:
        try:
            return self.optimizers[network].step(self.grads[network])
        except Diverged as error:
            raise Diverged(f"{network}: {error}") from None

    def _average(self) -> None:
        """Move the running mean of the generator's weights towards them; what is no weight is taken over."""
        if self.gan.averaged is None:
            return
        step = self.optimizers["generator"].steps
        change = 1 - min(self.config.average, (1 + step) / (10 + step))
        now = self.gan.generator.named_parameters()
        for name, mean in self.gan.averaged.named_parameters().items():
            mean.value += (now[name].value - mean.value) * (change if now[name].trainable else 1.0)

    def evaluate(self, batch: Batch) -> Metrics:
        """Return how good samples are, from the same random numbers each time; see `measures`."""
        made = self.gan.sample(self.samples, np.random.default_rng(NOISE_SEED))
        real, labels = batch[0], batch[-1]
        metrics = measures.likeness(real[: self.samples], made[: max(len(real), 2)])
        if self.tabular and labels.ndim == 1 and labels.dtype.kind in "iu":
            metrics |= measures.modes(real, labels, made)
        return metrics

    def evaluate_all(self, batches: Iterable[Batch]) -> Metrics:
        """Measure a whole data set at once: a distance between two sets is no mean over one of them."""
        together = [np.concatenate(arrays) for arrays in zip(*batches, strict=True)]
        return self.evaluate(tuple(together))


class Watch:
    """Looks at the spread of what is made every so many steps and warns, once, when it is all but the same."""

    def __init__(self) -> None:
        self.total = 0.0
        self.steps = 0
        self.warned = False

    def see(self, spread: float, step: int) -> None:
        """Take in the spread of a batch."""
        self.total += spread
        self.steps += 1
        if self.steps < WATCHED or self.warned:
            return
        mean, self.total, self.steps = self.total / self.steps, 0.0, 0
        if mean < COLLAPSED:
            self.warned = True
            LOG.warning(
                "gan: at step %d what the generator makes has a spread of %.3f of the data's, it has collapsed; "
                "try pack=2, minibatch_deviation=true, instance_noise=0.5 or a lower rate",
                step,
                mean,
            )


def learner(module: GAN, config: GANConfig, task: Task, make_optimizer: MakeOptimizer) -> Adversarial:
    """Return what trains both networks, each with the experiment's optimizer, at its own rate."""
    generator, discriminator = make_optimizer(module.generator), make_optimizer(module.discriminator)
    schedule = discriminator.schedule  # of steps of the generator
    rate, steps = config.discriminator_rate, config.discriminator_steps
    discriminator.schedule = lambda step: rate * schedule(step // steps)
    return Adversarial(module, config, task, {"generator": generator, "discriminator": discriminator})
