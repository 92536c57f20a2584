"""What the heads of a transformer look at."""

import math

import numpy as np

from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.transformer.layers.dot_product import Cut
from neuralzoo.plugins.transformer.network import Transformer


def looks(network: Transformer, x: Array, lengths: Array | None = None) -> Array:
    """Return how much of what each position takes comes from each other, for every head of every block.

        p_ij = softmax over j of q_i k_j / sqrt(d)          each row of p adds up to 1

    Shapes: x is what the network reads, lengths (N,); the result is (blocks, N, heads, T, T).
    """
    ctx = Context()
    h, lengths, _ = network.enter(x, ctx, lengths)
    found = []
    for block in network.blocks:
        z = block.norm_attention.predict(h) if block.before else h
        heads = block.attention.heads
        q, k, _ = heads.split(block.attention.project.predict(z))
        scores = q @ k.swapaxes(2, 3) / math.sqrt(q.shape[-1])
        everything = slice(0, h.shape[1])
        Cut(everything, everything, 0).hide(scores, heads.sight(lengths, ctx))
        p = np.exp(scores - scores.max(axis=-1, keepdims=True))
        found.append(p / p.sum(axis=-1, keepdims=True))
        h, _ = block.run(h, ctx, lengths)
    return np.stack(found)
