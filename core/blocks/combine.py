"""Layers made of layers: sequential, residual and parallel."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuralzoo.core.blocks.activation import ReLU
from neuralzoo.core.blocks.pooling import MaxPool1D, MaxPool2D
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Array

MAX_POOLS = (MaxPool1D, MaxPool2D)


class Sequential(Layer):
    """Sequential composition of layers.

        y = f_n(... f_2(f_1(x)))          dx = pull_1(pull_2(... pull_n(dy)))

    The output of layers without parameters at the input, such as dropout, needs no gradient either if the input
    needs none. Shapes: those of the first layer's input and the last layer's output; without layers, y is x.
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = list(layers)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the last layer's output and the pullback through all of them."""
        layers = pool_before_relu(self.layers)
        if not ctx.recording:
            for layer in layers:
                x = layer(x, ctx)[0]
            return x, unrecorded_pullback
        first, pulls = x, list[Pullback]()
        for layer in layers:
            from_data = isinstance(x, np.ndarray) and not ctx.needs_grad(x) and not layer.has_parameters
            x, pull = layer(x, ctx)
            if not from_data:
                pulls.append(pull)
            elif ctx.needs_grad(x):
                ctx = replace(ctx, inputs_without_grad=x)
        skipped = len(pulls) < len(layers)

        def pull_all(dy: Array) -> Array:
            for pull in reversed(pulls):
                dy = pull(dy)
            return zero_grad_like(first) if skipped else dy

        return x, pull_all


def pool_before_relu(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers with max pooling before ReLU, for speed: max(relu(x)) = relu(max(x)), of fewer elements."""
    order = list(layers)
    for i in range(1, len(order)):
        if type(order[i]) in MAX_POOLS and type(order[i - 1]) is ReLU:
            order[i - 1 : i + 1] = order[i], order[i - 1]
    return order


class Residual(Layer):
    """Residual connection: a layer's input plus its output, so that signal and gradient can bypass the layer.

        y = x + f(x)          dx = dy + pull_f(dy)

    Shapes: x and y are those of the layer, whose input and output have one shape.
    Raises: ValueError when the layer's output has another shape than its input.
    Source: He, Zhang, Ren and Sun (2015), Deep Residual Learning for Image Recognition,
    https://arxiv.org/abs/1512.03385
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the sum and its pullback."""
        residual, pull_residual = self.layer(x, ctx)
        if residual.shape != x.shape:
            raise ValueError(f"Residual got an output of shape {residual.shape}; it needs the input's shape {x.shape}")
        y = np.add(x, residual, out=ctx.empty(x.shape, residual.dtype))
        if not ctx.recording:
            return y, unrecorded_pullback

        def pull(dy: Array) -> Array:
            dresidual = pull_residual(dy)
            return np.add(dy, dresidual, out=ctx.empty(dy.shape, dy.dtype)) if ctx.needs_grad(x) else zero_grad_like(x)

        return y, pull


class Parallel(Layer):
    """Parallel layers on the same input, whose outputs are concatenated along the last axis.

        y = [f_1(x), f_2(x), ..., f_n(x)]          dx = pull_1(dy_1) + ... + pull_n(dy_n)

    Shapes: x fits every layer; their outputs differ in the last axis only, along which y concatenates them.
    Raises: ValueError when there is no layer.
    """

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise ValueError("Parallel got no layers; it needs at least one")
        self.layers = list(layers)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the concatenated outputs and their pullback."""
        if not ctx.recording:
            return np.concatenate([layer(x, ctx)[0] for layer in self.layers], axis=-1), unrecorded_pullback
        outputs, pulls = zip(*[layer(x, ctx) for layer in self.layers], strict=True)
        ends = np.cumsum([output.shape[-1] for output in outputs])

        def pull(dy: Array) -> Array:
            parts = np.split(dy, ends[:-1], axis=-1)
            gradients = [pull(part) for pull, part in zip(pulls, parts, strict=True)]
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            dx: Array = gradients[0].copy()
            for gradient in gradients[1:]:
                dx += gradient
            return dx

        return np.concatenate(outputs, axis=-1), pull
