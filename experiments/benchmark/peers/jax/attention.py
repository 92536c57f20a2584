"""The transformer in JAX."""

from typing import Any

import jax
import jax.numpy as jnp

from neuralzoo.experiments.benchmark.peers.jax.layers import Built, cross_entropy
from neuralzoo.experiments.benchmark.workload import Workload


def transformer(workload: Workload) -> Built:
    """Return the language model without biases; its loss is the cross-entropy of all next tokens."""
    ours: Any = workload.assembly.module
    heads = ours.blocks[0].attention.config.heads

    def norm(x: Any, gain: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + ours.norm.epsilon) * gain

    def block(weights: Any, x: Any) -> Any:
        parts = jnp.split(norm(x, weights["norm_attention"]) @ weights["project"], 3, axis=2)
        q, k, v = (part.reshape(*x.shape[:2], heads, -1) for part in parts)
        x = x + jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape) @ weights["output"]
        return x + jax.nn.gelu(norm(x, weights["norm_feed"]) @ weights["up"]) @ weights["down"]

    def network(weights: Any, key: Any, x: Any) -> Any:
        h = weights["tokens"][x] + weights["positions"][: x.shape[1]]
        for one in weights["blocks"]:
            h = block(one, h)
        return norm(h, weights["norm"]) @ weights["tokens"].T

    return Built(_weights(ours), network, cross_entropy(network))


def _weights(ours: Any) -> Any:
    def of(block: Any) -> dict[str, Any]:
        attention, feed = block.attention, block.feed
        layers = {"project": attention.project, "output": attention.output, "up": feed.up, "down": feed.down}
        gains = {"norm_attention": block.norm_attention.gain, "norm_feed": block.norm_feed.gain}
        found = {name: layer.weight for name, layer in layers.items()} | gains
        return {name: jnp.asarray(parameter.value) for name, parameter in found.items()}

    return {
        "tokens": jnp.asarray(ours.embedding.weight.value),
        "positions": jnp.asarray(ours.positions.weight.value),
        "blocks": [of(block) for block in ours.blocks],
        "norm": jnp.asarray(ours.norm.gain.value),
    }
