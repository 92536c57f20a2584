"""What the game of the generative adversarial network is in every library: its random numbers and what changes."""

from collections.abc import Callable
from typing import Any

from neuralzoo.experiments.benchmark.workload import Workload

MOVE = 0.01  # how far the penalty's examples are moved, in deviations of the data


def shapes(workload: Workload) -> list[tuple[int, ...]]:
    """Return the shapes of the normal numbers that our step draws, in its order.

    The discriminator's turn: what examples are made of, noise on real and made ones, moves of both. The generator's:
    what examples are made of, noise on these, noise on real ones.
    """
    config: Any = workload.assembly.config
    x = workload.batch[0].shape
    z = (len(workload.batch[0]), config.latent)
    return [z, x, x, x, x, z, x, x]


def noise(config: Any, step: Any, smaller: Callable[[Any, Any], Any] = min) -> Any:
    """Return the deviation of the noise at a step: it falls by equal factors to its last value."""
    first, last = config.instance_noise, config.instance_noise_last
    return first * (last / first) ** smaller(1.0, step / config.instance_noise_steps)


def change_of_mean(config: Any, step: Any, smaller: Callable[[Any, Any], Any] = min) -> Any:
    """Return how far the running mean of the weights goes towards them after a step."""
    return 1 - smaller(config.ema_decay, (1 + step) / (10 + step))
