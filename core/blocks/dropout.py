"""Dropout: zero random units in training."""

import numpy as np

from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array

RATE_LEVELS = 2**16


class Dropout(Layer):
    """Dropout: zero each element with probability `rate` in training, and scale up the others to keep the mean.

        m = 0 with probability `rate`, else 1 / (1 - rate)          y = m x          dx = m dy

    In evaluation y is x. The dropout rate is rounded to a multiple of 1 / 65536, since drawing 16 random bits takes
    half the time of drawing a float; the scale is that of the rounded rate.

    Raises: ValueError when the rate is not in [0, 1), or when training without a random generator.
    Source: Srivastava et al. (2014), Dropout, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, rate: float) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout got rate={rate}; it needs a number in [0, 1)")
        self.rate = rate

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return x, with elements dropped in training, and its pullback."""
        dropped = min(round(self.rate * RATE_LEVELS), RATE_LEVELS - 1)
        if not ctx.training or dropped == 0:
            return x, lambda dy: dy
        words = ctx.random.integers(0, 2**64, size=-(-x.size // 4), dtype=np.uint64)
        draws = words.view(np.uint16)[: x.size].reshape(x.shape)
        mask = np.greater_equal(draws, dropped, out=ctx.empty(x.shape, x.dtype), casting="unsafe")
        mask *= RATE_LEVELS / (RATE_LEVELS - dropped)
        y = np.multiply(x, mask, out=ctx.empty(x.shape, x.dtype))
        return y, lambda dy: np.multiply(dy, mask, out=ctx.empty(dy.shape, dy.dtype))
