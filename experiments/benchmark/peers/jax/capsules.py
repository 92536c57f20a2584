"""The capsule network in JAX."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import relu, sigmoid

from neuralzoo.experiments.benchmark.peers.jax.layers import Built, conv2d, dense
from neuralzoo.experiments.benchmark.workload import Workload


def squash(s: Any) -> Any:
    """Return squashed vectors, of lengths below 1."""
    square = (s * s).sum(-1, keepdims=True)
    return s * (jnp.sqrt(square) / (1 + square))


def lengths(v: Any) -> Any:
    """Return the lengths of vectors."""
    return jnp.sqrt((v * v).sum(-1))


def capsnet(workload: Workload) -> Built:
    """Return the capsule network; its loss is the margin loss plus that of reconstruction.

    As in ours, an example is reconstructed from the capsule of its class in training, which has a key, else from the
    longest one. Gradients go through all routing iterations.
    """
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    weights = {
        "features": dense(ours.features.layers[0]),
        "primary": dense(ours.primary),
        "routing": jnp.asarray(ours.routing.weight.value),
        "decoder": [dense(layer) for layer in ours.decoder.layers[::2]],
    }

    def capsules(weights: Any, x: Any) -> Any:
        (kernel, bias), (primary, primary_bias) = weights["features"], weights["primary"]
        h = relu(conv2d(x, kernel, config.strides[0], "VALID") + bias)
        maps = conv2d(h, primary, config.primary_stride, "VALID") + primary_bias
        u = squash(maps.reshape(len(x), -1, config.primary_dim))
        votes = jnp.einsum("nid,idjk->nijk", u, weights["routing"])
        v = squash(votes.sum(1) / votes.shape[2])  # uniform couplings at first
        b = jnp.zeros(votes.shape[:3])
        for _ in range(config.routing_iterations - 1):
            b = b + jnp.einsum("nijk,njk->nij", votes, v)
            v = squash(jnp.einsum("nij,nijk->njk", jax.nn.softmax(b, axis=2), votes))
        return v

    def reconstruct(weights: Any, v: Any, chosen: Any) -> Any:
        h = (v * jax.nn.one_hot(chosen, v.shape[1])[:, :, None]).reshape(len(v), -1)
        *inner, (last, last_bias) = weights["decoder"]
        for weight, bias in inner:
            h = relu(h @ weight + bias)
        return sigmoid(h @ last + last_bias)

    def loss(weights: Any, key: Any, x: Any, target: Any) -> Any:
        v = capsules(weights, x)
        length = lengths(v)
        there = jax.nn.one_hot(target, length.shape[1])
        missing, excess = relu(config.m_plus - length), relu(length - config.m_minus)
        margin = (there * missing**2 + config.lambda_absent * (1 - there) * excess**2).sum()
        chosen = length.argmax(1) if key is None else target
        error = ((reconstruct(weights, v, chosen) - x.reshape(len(x), -1)) ** 2).sum()
        return (margin + config.reconstruction * error) / len(x)

    return Built(weights, lambda weights, key, x: lengths(capsules(weights, x)), loss)
