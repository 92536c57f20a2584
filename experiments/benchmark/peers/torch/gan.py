"""The generative adversarial network in PyTorch: the whole step of the game, the discriminator's turn and the other's.

What is done is what the reference configuration of ours does: losses of pairs, the penalty on the slope by moved
examples, waves, noise on all that the discriminator reads, and the running mean of the generator's weights.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from neuralzoo.experiments.benchmark.peers import Rival
from neuralzoo.experiments.benchmark.peers import gan as game
from neuralzoo.experiments.benchmark.peers.torch.eager import optimizer
from neuralzoo.experiments.benchmark.peers.torch.layers import ACTIVATIONS, linear
from neuralzoo.experiments.benchmark.workload import Workload


class FourierFeatures(nn.Module):
    """Numbers, and their sines and cosines along random directions."""

    def __init__(self, turns: Any) -> None:
        super().__init__()
        self.register_buffer("turns", torch.tensor(turns))

    def forward(self, x: Any) -> Any:
        """Return the longer rows."""
        angle = x @ self.turns
        return torch.cat([x, angle.sin(), angle.cos()], dim=1)


class Game:
    """Both networks, their optimizers, the running mean, and one step of each."""

    def __init__(self, workload: Workload, compiled: Callable[[Any], Any]) -> None:
        ours: Any = workload.assembly.module
        config: Any = workload.assembly.config
        self.config = config
        self.generator = _stack(ours.generator, ACTIVATIONS[config.activation]())
        self.discriminator = _stack(ours.discriminator, nn.LeakyReLU(0.2))
        self.ema_generator = copy.deepcopy(self.generator).requires_grad_(False)
        # The same weights once more, of which the generator's turn needs no gradient.
        self.judge = copy.deepcopy(self.discriminator).requires_grad_(False)
        self.judge.load_state_dict(self.discriminator.state_dict(), assign=True)
        self.optimizers = [
            optimizer(torch, self.discriminator.parameters(), workload, config.discriminator_lr_ratio),
            optimizer(torch, self.generator.parameters(), workload),
        ]
        self.location, self.scale = (torch.tensor(part.value) for part in (ours.location, ours.scale))
        self.steps = 0
        self.losses = compiled(self.discriminator_loss), compiled(self.generator_loss)

    def play(self, x: Any, draws: Any) -> float:
        """Do one step of the game and return the sum of both losses."""
        deviation = torch.tensor(game.noise(self.config, self.steps))
        total = 0.0
        for loss_of, own, adam in zip(self.losses, (draws[:5], draws[5:]), self.optimizers, strict=True):
            adam.zero_grad(set_to_none=True)
            loss = loss_of(x, deviation, *own)
            loss.backward()
            adam.step()
            total += loss.item()
        self.steps += 1
        change = game.change_of_mean(self.config, self.steps)
        torch._foreach_lerp_(list(self.ema_generator.parameters()), list(self.generator.parameters()), change)
        return total

    def discriminator_loss(self, x: Any, deviation: Any, z: Any, *noise: Any) -> Any:
        """Return the loss of telling real from made, with the penalty; all is judged in one pass."""
        with torch.no_grad():
            real, made = (x - self.location) / self.scale, self.generator(z)
            examples = torch.cat([real, made]) + deviation * torch.cat(noise[:2])
            examples = torch.cat([examples, examples + game.MOVE * torch.cat(noise[2:])])
        here, there = self.discriminator(examples).chunk(2)
        ahead = torch.sub(*here.chunk(2))
        # The mean over real and made ones together is half of the sum of both means.
        penalty = self.config.gradient_penalty / game.MOVE**2 * (there - here).square().mean()
        return functional.softplus(-ahead).mean() + penalty

    def generator_loss(self, x: Any, deviation: Any, z: Any, noise_made: Any, noise_real: Any) -> Any:
        """Return the loss of not being taken for more real than a real one."""
        made = self.judge(self.generator(z) + deviation * noise_made)
        with torch.no_grad():
            real = self.judge((x - self.location) / self.scale + deviation * noise_real)
        return functional.softplus(real - made).mean()

    def sample(self, z: Any) -> Any:
        """Return the examples that the running mean of the generator makes of random numbers."""
        return self.ema_generator(z) * self.scale + self.location

    def state(self) -> Any:
        """Return a copy of all that a step changes."""
        parts = [*self.optimizers, self.generator, self.discriminator, self.ema_generator]
        return copy.deepcopy(([part.state_dict() for part in parts], self.steps))

    def load_state(self, state: Any) -> None:
        """Set all that a step changes."""
        parts = [*self.optimizers, self.generator, self.discriminator, self.ema_generator]
        for part, found in zip(parts, state[0], strict=True):
            part.load_state_dict(found)
        self.steps = state[1]


def _stack(ours: Any, activation: nn.Module) -> nn.Sequential:
    """Return dense layers with an activation between them, behind waves if there are some."""
    waves = [FourierFeatures(layer.turns.value) for layer in ours.layers if hasattr(layer, "turns")]
    first, *others = (linear(layer) for layer in ours.layers if hasattr(layer, "weight"))
    return nn.Sequential(*waves, first, *(part for layer in others for part in (activation, layer)))


def gan(workload: Workload, compiled: Callable[[Any], Any] | None = None) -> Rival:
    """Return the game; where it is left to chance PyTorch draws its own numbers."""
    one = Game(workload, compiled or (lambda loss: loss))
    x = torch.from_numpy(workload.batch[0])
    shapes = game.shapes(workload)
    given = [torch.from_numpy(array) for array in workload.draws(shapes)]
    sample = compiled(one.sample) if compiled else one.sample

    def step() -> float:
        return one.play(x, [torch.randn(shape) for shape in shapes] if workload.chance else given)

    def prediction(examples: int) -> Callable[[], object]:
        z = torch.from_numpy(workload.draws([(examples, one.config.latent)])[0])

        def make_some() -> Any:
            with torch.inference_mode():
                return sample(torch.randn(z.shape) if workload.chance else z)

        return make_some

    def loss() -> float:
        before = one.state()
        value = one.play(x, given)
        one.load_state(before)
        return value

    return Rival(step, prediction, loss)
