"""Dropout: silence random units in training."""

import numpy as np

from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array

LEVELS = 2**16


class Dropout(Layer):
    """Silence each number with a probability in training, and scale the others up so that the mean stays.

        m = 0 with probability `rate`, else 1 / (1 - rate)          y = m x          dx = m dy

    In evaluation y is x. The rate is rounded to a multiple of 1 / 65536, since drawing 16 random bits takes half
    the time of drawing a float; the scale is that of the rounded rate.

    Raises: ValueError when the rate is not in [0, 1), or when training without a random generator.
    Source: Srivastava et al. (2014), Dropout, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, rate: float) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout got rate={rate}; it needs a number in [0, 1)")
        self.rate = rate

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return what is left of x and its pullback."""
        silenced = min(round(self.rate * LEVELS), LEVELS - 1)
        if not ctx.training or silenced == 0:
            return x, lambda dy: dy
        words = ctx.random.integers(0, 2**64, size=-(-x.size // 4), dtype=np.uint64)
        draws = words.view(np.uint16)[: x.size].reshape(x.shape)
        mask = np.greater_equal(draws, silenced, out=ctx.empty(x.shape, x.dtype), casting="unsafe")
        mask *= LEVELS / (LEVELS - silenced)
        y = np.multiply(x, mask, out=ctx.empty(x.shape, x.dtype))
        return y, lambda dy: np.multiply(dy, mask, out=ctx.empty(dy.shape, dy.dtype))
