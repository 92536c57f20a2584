"""Layers made of layers: one after another, around, and side by side."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuralzoo.core.blocks.activation import ReLU
from neuralzoo.core.blocks.pooling import MaxPool1D, MaxPool2D
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient, no_pullback
from neuralzoo.core.module import Array

MAXIMA = (MaxPool1D, MaxPool2D)


class Sequential(Layer):
    """Apply layers one after another.

        y = f_n(... f_2(f_1(x)))          dx = pull_1(pull_2(... pull_n(dy)))

    What layers without parameters make of the data, such as dropout at the input, is data, too: nobody asks for its
    gradient. Shapes: those of the first layer's input and the last layer's output; without layers, y is x.
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = list(layers)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the last layer's output and the pullback through all of them."""
        layers = maxima_first(self.layers)
        if not ctx.recording:
            for layer in layers:
                x = layer(x, ctx)[0]
            return x, no_pullback
        first, pulls = x, list[Pullback]()
        for layer in layers:
            from_data = isinstance(x, np.ndarray) and ctx.skips(x) and not layer.has_parameters
            x, pull = layer(x, ctx)
            if not from_data:
                pulls.append(pull)
            elif not ctx.skips(x):
                ctx = replace(ctx, data=x)
        skipped = len(pulls) < len(layers)

        def pull_all(dy: Array) -> Array:
            for pull in reversed(pulls):
                dy = pull(dy)
            return no_gradient(first) if skipped else dy

        return x, pull_all


def maxima_first(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers in an order that gives the same numbers sooner: max(relu(x)) = relu(max(x)), of fewer numbers."""
    order = list(layers)
    for i in range(1, len(order)):
        if type(order[i]) in MAXIMA and type(order[i - 1]) is ReLU:
            order[i - 1 : i + 1] = order[i], order[i - 1]
    return order


class Residual(Layer):
    """Add a layer's input to its output, so that a signal and its gradient can pass the layer by.

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
        change, pull_change = self.layer(x, ctx)
        if change.shape != x.shape:
            raise ValueError(f"Residual got an output of shape {change.shape}; it needs the input's shape {x.shape}")
        y = np.add(x, change, out=ctx.empty(x.shape, change.dtype))
        if not ctx.recording:
            return y, no_pullback

        def pull(dy: Array) -> Array:
            through = pull_change(dy)
            return no_gradient(x) if ctx.skips(x) else np.add(dy, through, out=ctx.empty(dy.shape, dy.dtype))

        return y, pull


class Parallel(Layer):
    """Give several layers the same input and lay their outputs side by side.

        y = [f_1(x), f_2(x), ..., f_n(x)]          dx = pull_1(dy_1) + ... + pull_n(dy_n)

    Shapes: x fits every layer; their outputs differ in the last axis only, along which y joins them.
    Raises: ValueError when there is no layer.
    """

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise ValueError("Parallel got no layers; it needs at least one")
        self.layers = list(layers)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the joined outputs and their pullback."""
        if not ctx.recording:
            return np.concatenate([layer(x, ctx)[0] for layer in self.layers], axis=-1), no_pullback
        outputs, pulls = zip(*[layer(x, ctx) for layer in self.layers], strict=True)
        ends = np.cumsum([output.shape[-1] for output in outputs])

        def pull(dy: Array) -> Array:
            parts = np.split(dy, ends[:-1], axis=-1)
            gradients = [pull(part) for pull, part in zip(pulls, parts, strict=True)]
            if ctx.skips(x):
                return no_gradient(x)
            total: Array = gradients[0].copy()
            for gradient in gradients[1:]:
                total += gradient
            return total

        return np.concatenate(outputs, axis=-1), pull
