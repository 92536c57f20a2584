"""The dense (fully connected) layer."""

import numpy as np

from neuralzoo.core.blocks.init import Initializer, glorot_uniform
from neuralzoo.core.blocks.reductions import sum_leading_axes
from neuralzoo.core.layer import Context, Layer, Pullback, zero_grad_like
from neuralzoo.core.module import Array, Parameter


class Dense(Layer):
    """Dense (fully connected) layer: each output is a weighted sum of all inputs.

        y = x W + b          dW = x.T dy          db = sum of the rows of dy          dx = dy W.T

    Shapes: x is (..., inputs), y is (..., outputs), weight is (inputs, outputs), bias is (outputs,).
    Raises: ValueError when the last axis of x is not `inputs`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        rng: np.random.Generator,
        *,
        init: Initializer = glorot_uniform,
        bias: bool = True,
    ) -> None:
        self.weight = Parameter(init((inputs, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return y and its pullback."""
        weight = self.weight.value
        inputs, outputs = weight.shape
        if x.ndim == 0 or x.shape[-1] != inputs:
            raise ValueError(f"Dense got x of shape {x.shape}; it needs a last axis of {inputs}")
        rows = x.reshape(-1, inputs)  # one large product instead of many small ones
        y = ctx.empty((len(rows), outputs), np.result_type(x, weight))
        np.matmul(rows, weight, out=y)
        if self.bias is not None:
            y += self.bias.value

        def pull(dy: Array) -> Array:
            dy = dy.reshape(-1, outputs)
            ctx.grads.add_product(self.weight, rows.T, dy)
            if self.bias is not None:
                ctx.grads.add(self.bias, sum_leading_axes(dy))
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            product = np.multiply if outputs == 1 else np.matmul  # five times as fast for a column times a row
            return product(dy, weight.T, out=ctx.empty(rows.shape, y.dtype)).reshape(x.shape)

        return y.reshape(*x.shape[:-1], outputs), pull
