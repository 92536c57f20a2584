"""The embedding layer: a learned vector for each token."""

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.blocks.init import Initializer, normal
from neuralzoo.core.layer import Context, Layer, Pullback, zero_grad_like
from neuralzoo.core.module import Array, Parameter

STANDARD_NORMAL = normal(1.0)


class Embedding(Layer):
    """Embedding: look up a learned vector for each token.

        y = E[x]          dE[k] = sum of dy where x is k          x has no gradient

    Shapes: x is (...) integers from 0 to vocab_size - 1, y is (..., features), weight E is (vocab_size, features).
    Raises: ValueError when a token is no integer or out of range.
    """

    reads_tokens = True

    def __init__(
        self, vocab_size: int, features: int, rng: np.random.Generator, *, init: Initializer = STANDARD_NORMAL
    ) -> None:
        self.weight = Parameter(init((vocab_size, features), rng))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the vectors and their pullback."""
        weight = self.weight.value
        vocab_size, features = weight.shape
        if x.size and (x.min() < 0 or x.max() >= vocab_size):
            wrong = x[(x < 0) | (x >= vocab_size)][0]
            raise ValueError(f"Embedding got token {wrong}; it needs tokens from 0 to {vocab_size - 1}")
        y = np.take(weight, x, axis=0, out=ctx.empty((*x.shape, features), weight.dtype), mode="clip")

        def pull(dy: Array) -> Array:
            ctx.grads.scatter_add(self.weight, x.reshape(-1), dy.reshape(-1, features), kernels.scatter_add_rows)
            return zero_grad_like(x)

        return y, pull
