"""The generative adversarial network in JAX: a training step of both networks is one compiled program.

It has what our reference configuration has: relativistic pairing loss, gradient penalty by finite differences, Fourier
features, instance noise, and the exponential moving average of the generator's weights.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import leaky_relu, softplus

from neuralzoo.experiments.benchmark.peers import Counterpart
from neuralzoo.experiments.benchmark.peers.gan import (
    PERTURBATION_STD,
    draw_shapes,
    ema_update_rate,
    instance_noise_std,
)
from neuralzoo.experiments.benchmark.peers.jax.layers import ACTIVATIONS, adam
from neuralzoo.experiments.benchmark.workload import Workload


def gan(workload: Workload) -> Counterpart:
    """Return the adversarial training; JAX draws its own noise if the workload is random."""
    config: Any = workload.assembly.config
    x, shapes = jnp.asarray(workload.batch[0]), draw_shapes(workload)
    train_step, sample = _training(workload)
    fixed_draws = [jnp.asarray(array) for array in workload.draws(shapes)]

    def random_step(state: Any, key: Any, x: Any) -> Any:
        key, *each = jax.random.split(key, len(shapes) + 1)
        draws = [jax.random.normal(one, shape) for one, shape in zip(each, shapes, strict=True)]
        return *train_step(state, x, draws), key

    def random_sample(state: Any, key: Any, examples: int) -> Any:
        key, now = jax.random.split(key)
        return sample(state, jax.random.normal(now, (examples, config.latent))), key

    compiled_train_step, compiled_random_step = jax.jit(train_step), jax.jit(random_step, donate_argnums=(0, 1))
    compiled_sample, compiled_random_sample = jax.jit(sample), jax.jit(random_sample, static_argnums=2)
    held = [_initial_state(workload), jax.random.key(0)]

    def step() -> float:
        if workload.random:
            held[0], total, held[1] = compiled_random_step(held[0], held[1], x)
        else:
            held[0], total = compiled_train_step(held[0], x, fixed_draws)
        return float(total)

    def prediction(examples: int) -> Callable[[], object]:
        z = jnp.asarray(workload.draws([(examples, config.latent)])[0])

        def sample_some() -> Any:
            if workload.random:
                fake, held[1] = compiled_random_sample(*held, examples)
            else:
                fake = compiled_sample(held[0], z)
            return fake.block_until_ready()

        return sample_some

    return Counterpart(step, prediction, lambda: float(compiled_train_step(held[0], x, fixed_draws)[1]))


def _initial_state(workload: Workload) -> Any:
    """Return the training state: weights with Adam's moments, the generator's moving average, the number of steps."""
    ours: Any = workload.assembly.module
    generator, discriminator = _stack(ours.generator), _stack(ours.discriminator)

    def with_moments(weights: Any) -> Any:
        return weights, *(jax.tree.map(jnp.zeros_like, weights) for _ in range(2)), jnp.zeros(())

    mean = jax.tree.map(jnp.copy, generator)
    return with_moments(generator), with_moments(discriminator), mean, jnp.zeros(())


def _stack(ours: Any) -> list[Any]:
    """Return the weights and biases of dense layers; the last one may have no bias."""
    layers = [layer for layer in ours.layers if hasattr(layer, "weight")]
    parts = [[p.value for p in (layer.weight, layer.bias) if p is not None] for layer in layers]
    return [tuple(jnp.asarray(array) for array in arrays) for arrays in parts]


def _training(workload: Workload) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the training step, (state, x, draws) to (next state, sum of both losses), and the sampling."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    activation = ACTIVATIONS[config.activation]
    frequencies = jnp.asarray(
        next(layer for layer in ours.discriminator.layers if hasattr(layer, "frequencies")).frequencies.value
    )
    location, scale = jnp.asarray(ours.location.value), jnp.asarray(ours.scale.value)
    updates = adam(workload, config.discriminator_lr_ratio), adam(workload)

    def generate(weights: Any, z: Any) -> Any:
        return _dense_stack(weights, z, activation)

    def discriminate(weights: Any, x: Any) -> Any:
        angle = x @ frequencies
        features = jnp.concatenate([x, jnp.sin(angle), jnp.cos(angle)], axis=1)
        return _dense_stack(weights, features, lambda h: leaky_relu(h, 0.2))

    def discriminator_loss(weights: Any, examples: Any, perturbed_examples: Any) -> Any:
        logits, perturbed = jnp.split(discriminate(weights, jnp.concatenate([examples, perturbed_examples])), 2)
        real, fake = jnp.split(logits, 2)
        # The mean over real and fake examples together is half of the sum of both means.
        penalty = config.gradient_penalty / PERTURBATION_STD**2 * ((perturbed - logits) ** 2).mean()
        return softplus(fake - real).mean() + penalty

    def generator_loss(weights: Any, discriminator: Any, z: Any, noise: Any, real: Any) -> Any:
        return softplus(
            discriminate(discriminator, real) - discriminate(discriminator, generate(weights, z) + noise)
        ).mean()

    def train_step(state: Any, x: Any, draws: Any) -> Any:
        generator, discriminator, mean, steps = state
        real, noise_std = (x - location) / scale, instance_noise_std(config, steps, jnp.minimum)
        z, *noise, z_next, noise_fake, noise_real = draws
        examples = jnp.concatenate([real, generate(generator[0], z)]) + noise_std * jnp.concatenate(noise[:2])
        perturbed = examples + PERTURBATION_STD * jnp.concatenate(noise[2:])
        first, gradient = jax.value_and_grad(discriminator_loss)(discriminator[0], examples, perturbed)
        discriminator = updates[0](discriminator, gradient)
        second, gradient = jax.value_and_grad(generator_loss)(
            generator[0], discriminator[0], z_next, noise_std * noise_fake, real + noise_std * noise_real
        )
        generator = updates[1](generator, gradient)
        change = ema_update_rate(config, steps + 1, jnp.minimum)
        mean = jax.tree.map(lambda old, new: old + change * (new - old), mean, generator[0])
        return (generator, discriminator, mean, steps + 1), first + second

    return train_step, lambda state, z: generate(state[2], z) * scale + location


def _dense_stack(weights: Any, h: Any, activation: Callable[[Any], Any]) -> Any:
    for number, (weight, *bias) in enumerate(weights):
        h = (activation(h) if number else h) @ weight
        h = h + bias[0] if bias else h
    return h
