"""JAX with `jit`: loss, gradient and Adam are one compiled program that works in the memory of its arguments."""

from collections.abc import Callable
from typing import Any

from neuralzoo.experiments.benchmark.peers import Rival
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "jax"


def rival(workload: Workload) -> Rival | None:
    """Return the workload in JAX with our weights."""
    import jax
    import jax.numpy as jnp

    from neuralzoo.experiments.benchmark.peers.jax import gan as jax_games
    from neuralzoo.experiments.benchmark.peers.jax import networks as jax_networks

    if workload.name == "gan":
        return jax_games.gan(workload)
    if workload.name not in jax_networks.NETWORKS:
        return None
    weights, network, loss_of, learned = jax_networks.NETWORKS[workload.name](workload)
    update = adam(workload)
    batch = tuple(map(jnp.asarray, workload.batch))

    def whole_step(state: Any, key: Any, *batch: Any) -> Any:
        key, now = jax.random.split(key)
        if learned is None:
            loss, gradients = jax.value_and_grad(loss_of)(state[0], now, *batch)
            return update(state, gradients), key, loss
        (loss, after), gradients = jax.value_and_grad(learned, has_aux=True)(state[0], now, *batch)
        weights, *memory = update(state, gradients)
        return (weights | after, *memory), key, loss

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

    return Rival(step, prediction, lambda: float(compiled_loss(held[0][0], *batch)))


def adam(workload: Workload, share: float = 1.0) -> Callable[[Any, Any], Any]:
    """Return a step of Adam with the settings of the experiment, at a share of the rate of its first step."""
    import jax
    import jax.numpy as jnp

    settings: Any = workload.assembly.experiment.optimizer
    beta1, beta2, epsilon = settings.beta1, settings.beta2, settings.epsilon
    weight_decay = getattr(settings, "weight_decay", 0.0)
    only_matrices = getattr(settings, "decay_only_matrices", False)

    def update(state: Any, gradients: Any) -> Any:
        weights, mean, square, steps = state
        if settings.clip is not None:
            norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(gradients)))
            gradients = jax.tree.map(lambda g: g * jnp.minimum(1.0, settings.clip / norm), gradients)
        steps = steps + 1
        mean = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, mean, gradients)
        square = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, square, gradients)

        def moved(w: Any, m: Any, v: Any) -> Any:
            root = jnp.sqrt(v / (1 - beta2**steps)) + epsilon
            decay = weight_decay if jnp.ndim(w) > 1 or not only_matrices else 0.0
            return w - share * settings.lr * (m / (1 - beta1**steps) / root + decay * w)

        return jax.tree.map(moved, weights, mean, square), mean, square, steps

    return update
