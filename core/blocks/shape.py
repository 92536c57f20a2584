"""Layers that change only the shape of an array, by a view where possible."""

import math

from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array


class Reshape(Layer):
    """Reshape every example; the first axis stays.

    Shapes: x is (N, ...), y is (N, *shape); one entry of the shape may be -1.
    Raises: ValueError when an example has another number of values.
    """

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return x in its new shape, and the pullback that restores the old one."""
        before = x.shape
        try:
            y = x.reshape(before[0], *self.shape)
        except ValueError:
            raise ValueError(f"Reshape got x of shape {before}; it needs one that fits {('N', *self.shape)}") from None
        return y, lambda dy: dy.reshape(before)


class Flatten(Layer):
    """Flatten every example to one row of features.

    Shapes: x is (N, ...), y is (N, the product of the other axes).
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return x as rows, and the pullback that restores the old shape."""
        before = x.shape
        return x.reshape(before[0], math.prod(before[1:])), lambda dy: dy.reshape(before)
