"""The generative adversarial network in JAX: the whole step of the game is one compiled program.

What is done is what the reference configuration of ours does: losses of pairs, the penalty on the slope by moved
examples, waves, noise on all that the discriminator reads, and the running mean of the generator's weights.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import leaky_relu, softplus

from neuralzoo.experiments.benchmark.peers import Rival
from neuralzoo.experiments.benchmark.peers import gan as game
from neuralzoo.experiments.benchmark.peers.jax.jit import adam
from neuralzoo.experiments.benchmark.peers.jax.layers import ACTIVATIONS
from neuralzoo.experiments.benchmark.workload import Workload


def gan(workload: Workload) -> Rival:
    """Return the game; where it is left to chance JAX draws its own numbers."""
    config: Any = workload.assembly.config
    x, shapes = jnp.asarray(workload.batch[0]), game.shapes(workload)
    play, sample = _game(workload)
    given = [jnp.asarray(array) for array in workload.draws(shapes)]

    def step_of_chance(state: Any, key: Any, x: Any) -> Any:
        key, *each = jax.random.split(key, len(shapes) + 1)
        draws = [jax.random.normal(one, shape) for one, shape in zip(each, shapes, strict=True)]
        return *play(state, x, draws), key

    def make_of_chance(state: Any, key: Any, examples: int) -> Any:
        key, now = jax.random.split(key)
        return sample(state, jax.random.normal(now, (examples, config.latent))), key

    compiled_play, compiled_step = jax.jit(play), jax.jit(step_of_chance, donate_argnums=(0, 1))
    compiled_sample, compiled_make = jax.jit(sample), jax.jit(make_of_chance, static_argnums=2)
    held = [_start(workload), jax.random.key(0)]

    def step() -> float:
        if workload.chance:
            held[0], total, held[1] = compiled_step(held[0], held[1], x)
        else:
            held[0], total = compiled_play(held[0], x, given)
        return float(total)

    def prediction(examples: int) -> Callable[[], object]:
        z = jnp.asarray(workload.draws([(examples, config.latent)])[0])

        def make_some() -> Any:
            if workload.chance:
                made, held[1] = compiled_make(*held, examples)
            else:
                made = compiled_sample(held[0], z)
            return made.block_until_ready()

        return make_some

    return Rival(step, prediction, lambda: float(compiled_play(held[0], x, given)[1]))


def _start(workload: Workload) -> Any:
    """Return all that a step changes: weights with the memory of Adam, the running mean, the number of steps."""
    ours: Any = workload.assembly.module
    generator, discriminator = _stack(ours.generator), _stack(ours.discriminator)

    def with_memory(weights: Any) -> Any:
        return weights, *(jax.tree.map(jnp.zeros_like, weights) for _ in range(2)), jnp.zeros(())

    mean = jax.tree.map(jnp.copy, generator)
    return with_memory(generator), with_memory(discriminator), mean, jnp.zeros(())


def _stack(ours: Any) -> list[Any]:
    """Return the weights and biases of dense layers; the last one may have no bias."""
    layers = [layer for layer in ours.layers if hasattr(layer, "weight")]
    parts = [[p.value for p in (layer.weight, layer.bias) if p is not None] for layer in layers]
    return [tuple(jnp.asarray(array) for array in arrays) for arrays in parts]


def _game(workload: Workload) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the step, from (state, x, draws) to the state after it and the sum of both losses, and the sampling."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    activation = ACTIVATIONS[config.activation]
    turns = jnp.asarray(next(layer for layer in ours.discriminator.layers if hasattr(layer, "turns")).turns.value)
    location, scale = jnp.asarray(ours.location.value), jnp.asarray(ours.scale.value)
    updates = adam(workload, config.discriminator_lr_ratio), adam(workload)

    def generate(weights: Any, z: Any) -> Any:
        return _dense_stack(weights, z, activation)

    def judge(weights: Any, x: Any) -> Any:
        angle = x @ turns
        waves = jnp.concatenate([x, jnp.sin(angle), jnp.cos(angle)], axis=1)
        return _dense_stack(weights, waves, lambda h: leaky_relu(h, 0.2))

    def discriminator_loss(weights: Any, examples: Any, moved: Any) -> Any:
        here, there = jnp.split(judge(weights, jnp.concatenate([examples, moved])), 2)
        real, made = jnp.split(here, 2)
        # The mean over real and made ones together is half of the sum of both means.
        penalty = config.gradient_penalty / game.MOVE**2 * ((there - here) ** 2).mean()
        return softplus(made - real).mean() + penalty

    def generator_loss(weights: Any, judging: Any, z: Any, noise: Any, real: Any) -> Any:
        return softplus(judge(judging, real) - judge(judging, generate(weights, z) + noise)).mean()

    def play(state: Any, x: Any, draws: Any) -> Any:
        generator, discriminator, mean, steps = state
        real, deviation = (x - location) / scale, game.noise(config, steps, jnp.minimum)
        z, *noise, z_next, noise_made, noise_real = draws
        examples = jnp.concatenate([real, generate(generator[0], z)]) + deviation * jnp.concatenate(noise[:2])
        moved = examples + game.MOVE * jnp.concatenate(noise[2:])
        first, gradient = jax.value_and_grad(discriminator_loss)(discriminator[0], examples, moved)
        discriminator = updates[0](discriminator, gradient)
        second, gradient = jax.value_and_grad(generator_loss)(
            generator[0], discriminator[0], z_next, deviation * noise_made, real + deviation * noise_real
        )
        generator = updates[1](generator, gradient)
        change = game.change_of_mean(config, steps + 1, jnp.minimum)
        mean = jax.tree.map(lambda old, new: old + change * (new - old), mean, generator[0])
        return (generator, discriminator, mean, steps + 1), first + second

    return play, lambda state, z: generate(state[2], z) * scale + location


def _dense_stack(weights: Any, h: Any, activation: Callable[[Any], Any]) -> Any:
    for number, (weight, *bias) in enumerate(weights):
        h = (activation(h) if number else h) @ weight
        h = h + bias[0] if bias else h
    return h
