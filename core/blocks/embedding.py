"""The embedding: a learned vector for each token."""

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.blocks.init import Initializer, normal
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient
from neuralzoo.core.module import Array, Parameter

STANDARD_NORMAL = normal(1.0)


class Embedding(Layer):
    """Look up a vector for each token.

        y = E[x]          dE[k] = sum of dy where x is k          x has no gradient

    Shapes: x is (...) whole numbers from 0 to vocabulary - 1, y is (..., features), weight E is (vocabulary, features).
    Raises: ValueError when a token is no whole number or out of range.
    """

    def __init__(
        self, vocabulary: int, features: int, rng: np.random.Generator, *, init: Initializer = STANDARD_NORMAL
    ) -> None:
        self.weight = Parameter(init((vocabulary, features), rng))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the vectors and their pullback."""
        weight = self.weight.value
        vocabulary, features = weight.shape
        if x.dtype.kind not in "iu":
            raise ValueError(f"Embedding got tokens of dtype {x.dtype}; it needs whole numbers")
        if x.size and (x.min() < 0 or x.max() >= vocabulary):
            wrong = x[(x < 0) | (x >= vocabulary)][0]
            raise ValueError(f"Embedding got token {wrong}; it needs tokens from 0 to {vocabulary - 1}")
        y = np.take(weight, x, axis=0, out=ctx.empty((*x.shape, features), weight.dtype), mode="clip")

        def pull(dy: Array) -> Array:
            ctx.grads.add_at(self.weight, x.reshape(-1), dy.reshape(-1, features), kernels.add_rows)
            return no_gradient(x)

        return y, pull
