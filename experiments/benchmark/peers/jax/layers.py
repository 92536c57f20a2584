"""Layers and optimizer of the networks in JAX, with our weights."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import log_softmax, relu

from neuralzoo.experiments.benchmark.workload import Workload

ACTIVATIONS = {"relu": relu, "tanh": jnp.tanh, "silu": jax.nn.silu}

Network = Callable[..., Any]


class Built(NamedTuple):
    """The weights, the network, and the loss: functions of (weights, key, *inputs) and (weights, key, *batch)."""

    weights: Any
    network: Network
    loss: Network
    training_loss: Network | None = None
    """The loss in training, and the updated weights without gradient (running statistics) by name."""


def dense(ours: Any) -> tuple[Any, Any]:
    """Return the weight and the bias of a dense layer or a convolution."""
    return jnp.asarray(ours.weight.value), jnp.asarray(ours.bias.value)


def dropout(x: Any, rate: float, key: Any) -> Any:
    """Return x with dropout of the given rate, or x itself without a key."""
    if key is None or not rate:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def split_key(key: Any, count: int) -> list[Any]:
    """Return a key for each of several layers, or None for each."""
    return [None] * count if key is None else list(jax.random.split(key, count))


def conv2d(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    """Return the convolution of images (N, H, W, C) with a kernel (h, w, C, C')."""
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def negative_log_likelihood(log_p: Any, target: Any) -> Any:
    """Return the mean negative log-likelihood of the targets."""
    return -jnp.take_along_axis(log_p, target[..., None], axis=-1).mean()


def cross_entropy(network: Network) -> Network:
    """Return the cross-entropy of a network's logits."""

    def loss(weights: Any, key: Any, *batch: Any) -> Any:
        return negative_log_likelihood(log_softmax(network(weights, key, *batch[:-1])), batch[-1])

    return loss


def mean_squared_error(network: Network) -> Network:
    """Return the mean squared error of a network's outputs."""
    return lambda weights, key, x, target: ((network(weights, key, x) - target) ** 2).mean()


def adam(workload: Workload, lr_ratio: float = 1.0) -> Callable[[Any, Any], Any]:
    """Return the Adam update with the experiment's settings: its learning rate times `lr_ratio`, no schedule."""
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

        def updated(w: Any, m: Any, v: Any) -> Any:
            root = jnp.sqrt(v / (1 - beta2**steps)) + epsilon
            decay = weight_decay if jnp.ndim(w) > 1 or not only_matrices else 0.0
            return w - lr_ratio * settings.lr * (m / (1 - beta1**steps) / root + decay * w)

        return jax.tree.map(updated, weights, mean, square), mean, square, steps

    return update
