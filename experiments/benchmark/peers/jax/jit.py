"""JAX with `jit`: loss, gradient and Adam are one compiled program, with donated buffers."""

from collections.abc import Callable
from typing import Any

from neuralzoo.experiments.benchmark.peers import Counterpart
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "jax"


def counterpart(workload: Workload) -> Counterpart | None:
    """Return the workload in JAX with our weights."""
    import jax
    import jax.numpy as jnp

    from neuralzoo.experiments.benchmark.peers.jax.gan import gan
    from neuralzoo.experiments.benchmark.peers.jax.layers import adam
    from neuralzoo.experiments.benchmark.peers.jax.networks import NETWORKS

    if workload.name == "gan":
        return gan(workload)
    if workload.name not in NETWORKS:
        return None
    weights, network, loss_of, training_loss = NETWORKS[workload.name](workload)
    update = adam(workload)
    batch = tuple(map(jnp.asarray, workload.batch))

    def whole_step(state: Any, key: Any, *batch: Any) -> Any:
        key, now = jax.random.split(key)
        if training_loss is None:
            loss, gradients = jax.value_and_grad(loss_of)(state[0], now, *batch)
            return update(state, gradients), key, loss
        (loss, after), gradients = jax.value_and_grad(training_loss, has_aux=True)(state[0], now, *batch)
        weights, *moments = update(state, gradients)
        return (weights | after, *moments), key, loss

    compiled_step = jax.jit(whole_step, donate_argnums=(0, 1))
    compiled_network = jax.jit(lambda weights, *x: network(weights, None, *x))
    compiled_loss = jax.jit(lambda weights, *batch: loss_of(weights, None, *batch))
    zeros = jax.tree.map(jnp.zeros_like, weights)
    held = [(weights, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros(())), jax.random.key(0)]

    def step() -> float:
        held[0], held[1], loss = compiled_step(*held, *batch)
        return float(loss)

    def prediction(examples: int) -> Callable[[], object]:
        inputs = workload.inputs(examples)
        x = tuple(map(jnp.asarray, inputs if isinstance(inputs, tuple) else (inputs,)))
        return lambda: compiled_network(held[0][0], *x).block_until_ready()

    return Counterpart(step, prediction, lambda: float(compiled_loss(held[0][0], *batch)))
