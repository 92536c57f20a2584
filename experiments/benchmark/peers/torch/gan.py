"""The generative adversarial network in PyTorch: a training step of discriminator and generator.

It has what our reference configuration has: relativistic pairing loss, gradient penalty by finite differences, Fourier
features, instance noise, and the exponential moving average of the generator's weights.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from neuralzoo.experiments.benchmark.peers import Counterpart
from neuralzoo.experiments.benchmark.peers.gan import (
    PERTURBATION_STD,
    draw_shapes,
    ema_update_rate,
    instance_noise_std,
)
from neuralzoo.experiments.benchmark.peers.torch.layers import ACTIVATIONS, linear, optimizer
from neuralzoo.experiments.benchmark.workload import Workload


class FourierFeatures(nn.Module):
    """Random Fourier features beside the inputs."""

    def __init__(self, frequencies: Any) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.tensor(frequencies))

    def forward(self, x: Any) -> Any:
        """Return the extended features."""
        angle = x @ self.frequencies
        return torch.cat([x, angle.sin(), angle.cos()], dim=1)


class AdversarialTraining:
    """Both networks, their optimizers, and the moving average of the generator."""

    def __init__(self, workload: Workload, compiled: Callable[[Any], Any]) -> None:
        ours: Any = workload.assembly.module
        config: Any = workload.assembly.config
        self.config = config
        self.generator = _stack(ours.generator, ACTIVATIONS[config.activation]())
        self.discriminator = _stack(ours.discriminator, nn.LeakyReLU(0.2))
        self.ema_generator = copy.deepcopy(self.generator).requires_grad_(False)
        # Shares the weights of the discriminator, without gradients, for the generator's step.
        self.frozen_discriminator = copy.deepcopy(self.discriminator).requires_grad_(False)
        self.frozen_discriminator.load_state_dict(self.discriminator.state_dict(), assign=True)
        self.optimizers = [
            optimizer(self.discriminator.parameters(), workload, config.discriminator_lr_ratio),
            optimizer(self.generator.parameters(), workload),
        ]
        self.location, self.scale = (torch.tensor(part.value) for part in (ours.location, ours.scale))
        self.steps = 0
        self.losses = compiled(self.discriminator_loss), compiled(self.generator_loss)

    def step(self, x: Any, draws: Any) -> float:
        """Do a step of the discriminator and one of the generator; return the sum of both losses."""
        noise_std = torch.tensor(instance_noise_std(self.config, self.steps))
        total = 0.0
        for loss_of, own, adam in zip(self.losses, (draws[:5], draws[5:]), self.optimizers, strict=True):
            adam.zero_grad(set_to_none=True)
            loss = loss_of(x, noise_std, *own)
            loss.backward()
            adam.step()
            total += loss.item()
        self.steps += 1
        change = ema_update_rate(self.config, self.steps)
        torch._foreach_lerp_(list(self.ema_generator.parameters()), list(self.generator.parameters()), change)
        return total

    def discriminator_loss(self, x: Any, noise_std: Any, z: Any, *noise: Any) -> Any:
        """Return the discriminator's loss with the gradient penalty, computed in one pass."""
        with torch.no_grad():
            real, fake = (x - self.location) / self.scale, self.generator(z)
            examples = torch.cat([real, fake]) + noise_std * torch.cat(noise[:2])
            examples = torch.cat([examples, examples + PERTURBATION_STD * torch.cat(noise[2:])])
        logits, perturbed = self.discriminator(examples).chunk(2)
        margin = torch.sub(*logits.chunk(2))
        # The mean over real and fake examples together is half of the sum of both means.
        penalty = self.config.gradient_penalty / PERTURBATION_STD**2 * (perturbed - logits).square().mean()
        return functional.softplus(-margin).mean() + penalty

    def generator_loss(self, x: Any, noise_std: Any, z: Any, noise_fake: Any, noise_real: Any) -> Any:
        """Return the generator's relativistic loss."""
        fake = self.frozen_discriminator(self.generator(z) + noise_std * noise_fake)
        with torch.no_grad():
            real = self.frozen_discriminator((x - self.location) / self.scale + noise_std * noise_real)
        return functional.softplus(real - fake).mean()

    def sample(self, z: Any) -> Any:
        """Return the examples that the moving average of the generator maps latent noise to."""
        return self.ema_generator(z) * self.scale + self.location

    def state(self) -> Any:
        """Return a copy of the training state."""
        parts = [*self.optimizers, self.generator, self.discriminator, self.ema_generator]
        return copy.deepcopy(([part.state_dict() for part in parts], self.steps))

    def load_state(self, state: Any) -> None:
        """Set the training state."""
        parts = [*self.optimizers, self.generator, self.discriminator, self.ema_generator]
        for part, state_dict in zip(parts, state[0], strict=True):
            part.load_state_dict(state_dict)
        self.steps = state[1]


def _stack(ours: Any, activation: nn.Module) -> nn.Sequential:
    """Return dense layers with an activation between them, after Fourier features if there are any."""
    features = [FourierFeatures(layer.frequencies.value) for layer in ours.layers if hasattr(layer, "frequencies")]
    first, *others = (linear(layer) for layer in ours.layers if hasattr(layer, "weight"))
    return nn.Sequential(*features, first, *(part for layer in others for part in (activation, layer)))


def gan(workload: Workload, compiled: Callable[[Any], Any] | None = None) -> Counterpart:
    """Return the adversarial training; PyTorch draws its own noise if the workload is random."""
    training = AdversarialTraining(workload, compiled or (lambda loss: loss))
    x = torch.from_numpy(workload.batch[0])
    shapes = draw_shapes(workload)
    fixed_draws = [torch.from_numpy(array) for array in workload.draws(shapes)]
    sample = compiled(training.sample) if compiled else training.sample

    def step() -> float:
        return training.step(x, [torch.randn(shape) for shape in shapes] if workload.random else fixed_draws)

    def prediction(examples: int) -> Callable[[], object]:
        z = torch.from_numpy(workload.draws([(examples, training.config.latent)])[0])

        def sample_some() -> Any:
            with torch.inference_mode():
                return sample(torch.randn(z.shape) if workload.random else z)

        return sample_some

    def loss() -> float:
        before = training.state()
        value = training.step(x, fixed_draws)
        training.load_state(before)
        return value

    return Counterpart(step, prediction, loss)
