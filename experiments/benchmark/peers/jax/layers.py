"""What the networks written in JAX are made of, with our weights."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import log_softmax, relu

ACTIVATIONS = {"relu": relu, "tanh": jnp.tanh, "silu": jax.nn.silu}

Network = Callable[..., Any]


class Built(NamedTuple):
    """The weights, the network, and the loss of a batch: functions of (weights, key, *inputs or *batch)."""

    weights: Any
    network: Network
    loss: Network
    learned: Network | None = None
    """The loss in training and, by name, those weights after the step that no gradient changes."""


def dense(ours: Any) -> tuple[Any, Any]:
    """Return the weight and the bias of a dense layer or a convolution."""
    return jnp.asarray(ours.weight.value), jnp.asarray(ours.bias.value)


def dropped(x: Any, share: float, key: Any) -> Any:
    """Return x with a share of its numbers silenced and the others scaled up; without a key nothing is."""
    if key is None or not share:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0)


def keys(key: Any, count: int) -> list[Any]:
    """Return a key for each of several layers, or none for each."""
    return [None] * count if key is None else list(jax.random.split(key, count))


def convolve(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    """Return the convolution of images (N, H, W, C) with a kernel (h, w, C, C')."""
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def likelihood(log_p: Any, target: Any) -> Any:
    """Return how unlikely the targets are: the mean of minus the logarithm of their probability."""
    return -jnp.take_along_axis(log_p, target[..., None], axis=-1).mean()


def classes(network: Network) -> Network:
    """Return the cross-entropy of a network's logits."""

    def loss(weights: Any, key: Any, *batch: Any) -> Any:
        return likelihood(log_softmax(network(weights, key, *batch[:-1])), batch[-1])

    return loss


def numbers(network: Network) -> Network:
    """Return the mean squared error of a network's answers."""
    return lambda weights, key, x, target: ((network(weights, key, x) - target) ** 2).mean()
