"""Adversarial training in every library: the shapes of its random draws, its noise and its moving average."""

from collections.abc import Callable
from typing import Any

from neuralzoo.experiments.benchmark.workload import Workload

PERTURBATION_STD = 0.01  # of the gradient penalty's finite differences, in standard deviations of the data


def draw_shapes(workload: Workload) -> list[tuple[int, ...]]:
    """Return the shapes of the standard normal arrays that our step draws, in its order.

    Discriminator: latent noise, instance noise on real and on fake examples, perturbations of both. Generator: latent
    noise, instance noise on fake and on real examples.
    """
    config: Any = workload.assembly.config
    x = workload.batch[0].shape
    z = (len(workload.batch[0]), config.latent)
    return [z, x, x, x, x, z, x, x]


def instance_noise_std(config: Any, step: Any, minimum: Callable[[Any, Any], Any] = min) -> Any:
    """Return the standard deviation of the instance noise at a step, which decays exponentially to its final value."""
    first, last = config.instance_noise, config.instance_noise_last
    return first * (last / first) ** minimum(1.0, step / config.instance_noise_steps)


def ema_update_rate(config: Any, step: Any, minimum: Callable[[Any, Any], Any] = min) -> Any:
    """Return the fraction by which the moving average of the weights approaches them after a step."""
    return 1 - minimum(config.ema_decay, (1 + step) / (10 + step))
