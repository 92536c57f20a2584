"""Capsule network: convolution, primary capsules at every position, and one capsule for each class.

    h = relu(x * K)                          one convolution or several
    u = squash(h * P)                        primary capsules: some types at each position
    v = routing(u)                           class capsules, see `layers`
    y_j = |v_j|                              probability that class j is present
    x̂ = σ(decoder(v_j, the others 0))        reconstruction from the capsule of one class

In training the decoder gets the capsule of the true class, else the longest one. Where an example shows several
classes each is reconstructed from its own capsule; their overlay is 1 - (1 - x̂_1)(1 - x̂_2).

Source: Sabour, Frosst and Hinton (2017), Dynamic routing between capsules, https://arxiv.org/abs/1710.09829
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuralzoo.core.blocks.activation import Identity, ReLU, Sigmoid
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.conv import Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.init import glorot_uniform, he_normal
from neuralzoo.core.blocks.reductions import sum_last_axis
from neuralzoo.core.inputs import predict_rows
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.capsnet.config import CapsNetConfig
from neuralzoo.plugins.capsnet.layers import Routing, Squash
from neuralzoo.registry import Task


class Run(NamedTuple):
    """The class capsules, (N, classes, class_dim), and their pullback."""

    v: Array
    pull: Pullback


class CapsNet(Layer):
    """Convolution, primary capsules, and a capsule for each class, whose length is the prediction.

    Shapes: x is (N, H, W, C) or (N, T, D), y is (N, classes), lengths below 1.
    Raises: ValueError when an example has another shape, or is too small for the kernels.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, config: CapsNetConfig, rng: np.random.Generator) -> None:
        self.shape = shape
        self.classes = classes
        flat = len(shape) == 2
        size, channels = ((1, shape[0]) if flat else (shape[0], shape[1])), shape[-1]
        layers: list[Layer] = []
        for features, side, step in zip(config.channels, config.kernels, config.strides, strict=True):
            convolution = Conv2D(channels, features, _side(side, flat), rng, stride=_side(step, flat))
            layers += [convolution, ReLU()]
            size, channels = convolution.output_shape(size), features
        self.features = Sequential(*layers)
        primary_channels = config.primary_types * config.primary_dim
        kernel, stride = _side(config.primary_kernel, flat), _side(config.primary_stride, flat)
        self.primary = Conv2D(channels, primary_channels, kernel, rng, stride=stride, init=glorot_uniform)
        self.primary_grid = self.primary.output_shape(size)
        self.primary_types = config.primary_types
        self.squash = Squash()
        num_primary = math.prod(self.primary_grid) * self.primary_types
        self.routing = Routing(
            (self.primary_types if config.shared else num_primary, config.primary_dim),
            (classes, config.class_dim),
            rng,
            num_lower=num_primary,
            iterations=config.routing_iterations,
            backprop_all_iterations=config.backprop_all_iterations,
        )
        self.decoder = make_decoder(shape, (classes, config.class_dim), config, rng) if config.reconstruction else None

    def primary_capsules(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the primary capsules, position by position, and their pullback.

        Shapes: x is (N, *shape), u is (N, positions * types, primary_dim).
        Raises: ValueError when an example has another shape.
        """
        if x.shape[1:] != self.shape:
            raise ValueError(f"CapsNet got x of shape {x.shape}; it needs {('N', *self.shape)}")
        image = x[:, None] if x.ndim == 3 else x
        if not ctx.needs_grad(x):
            ctx = replace(ctx, inputs_without_grad=image)
        h, pull_features = self.features(image, ctx)
        maps, pull_primary = self.primary(h, ctx)
        rows = maps.reshape(len(x), math.prod(self.primary_grid) * self.primary_types, -1)
        u, pull_squash = self.squash(rows, ctx)

        def pull(du: Array) -> Array:
            return pull_features(pull_primary(pull_squash(du).reshape(maps.shape))).reshape(x.shape)

        return u, pull

    def run(self, x: Array, ctx: Context) -> Run:
        """Return the class capsules and their pullback."""
        u, pull_primary = self.primary_capsules(x, ctx)
        v, pull_routing = self.routing(u, ctx)
        return Run(v, lambda dv: pull_primary(pull_routing(dv)))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the lengths of the class capsules and their pullback."""
        run = self.run(x, ctx)
        y, pull_lengths = lengths(run.v)
        return y, lambda dy: run.pull(pull_lengths(dy))

    def capsules(self, x: Array) -> Array:
        """Return the class capsules.

        Shapes: x is (N, *shape), the capsules are (N, classes, class_dim).
        """
        return predict_rows(lambda x: self.run(x, Context()).v, self.as_input(x))

    def couplings(self, x: Array) -> Array:
        """Return the coupling coefficients of each routing iteration.

        Shapes: x is (N, *shape), couplings are (iterations, N, positions * types, classes).
        """
        return self.routing.couplings(self.primary_capsules(self.as_input(x), Context())[0])

    def decode(self, v: Array, classes: Array) -> Array:
        """Return the reconstruction from one class capsule of each example.

        Shapes: v is (N, classes, class_dim), the classes are (N,), y is (N, *shape).
        Raises: ValueError when the network has no decoder.
        """
        if self.decoder is None:
            raise ValueError("CapsNet got decode with reconstruction=0; it needs a weight above 0, for a decoder")
        return self.decoder(mask(v, classes[:, None], self.classes)[0], Context())[0].reshape(-1, *self.shape)

    def reconstruct(self, v: Array, classes: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the reconstruction from the capsules of k classes, overlaid, and the pullback to all capsules.

        Shapes: v is (N, classes, class_dim), the classes are (N, k), y is (N, *shape).
        Raises: ValueError when the network has no decoder.
        """
        if self.decoder is None:
            raise ValueError("CapsNet got reconstruct with reconstruction=0; it needs a weight above 0, for a decoder")
        masked, pull_mask = mask(v, classes, self.classes)
        parts, pull_decoder = self.decoder(masked, ctx)
        y, pull_overlay = overlay(parts.reshape(classes.shape[1], len(v), *self.shape))
        return y, lambda dy: pull_mask(pull_decoder(pull_overlay(dy).reshape(parts.shape)))


def lengths(v: Array) -> tuple[Array, Pullback]:
    """Return the lengths of vectors and their pullback: dv = dy v / |v|, and 0 where v is 0.

    Shapes: v is (N, J, D), y is (N, J).
    """
    y = np.sqrt(sum_last_axis(v * v))

    def pull(dy: Array) -> Array:
        dv: Array = v * (dy[..., None] / np.maximum(y, np.finfo(v.dtype).tiny))
        return dv

    return y[..., 0], pull


def mask(v: Array, classes: Array, num_classes: int) -> tuple[Array, Pullback]:
    """Return, for each of k classes, the capsules with all other classes zeroed, and the pullback.

    Shapes: v is (N, J, D), the classes are (N, k) integers, y is (k N, J D): first all examples with their first class.
    """
    chosen = (classes.T[..., None] == np.arange(num_classes)).astype(v.dtype)[..., None]  # (k, N, J, 1)
    y = (v * chosen).reshape(-1, v[0].size)

    def pull(dy: Array) -> Array:
        dv: Array = (dy.reshape(*chosen.shape[:3], -1) * chosen).sum(axis=0)
        return dv

    return y, pull


def overlay(parts: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return the overlay of images, 1 - Π (1 - part), and the pullback.

    Shapes: the parts are (k, N, ...), y is (N, ...).
    """
    if len(parts) == 1:
        return parts[0], lambda dy: dy[None]
    transparency = 1 - parts
    y = 1 - transparency.prod(axis=0)

    def pull(dy: Array) -> Array:
        others = [np.delete(transparency, i, axis=0).prod(axis=0) for i in range(len(parts))]
        return np.stack([dy * other for other in others])

    return y, pull


def make_decoder(
    shape: tuple[int, ...], capsules: tuple[int, int], config: CapsNetConfig, rng: np.random.Generator
) -> Sequential:
    """Return the decoder from masked capsules to an example; pixels are in 0..1, values of a sequence are unbounded."""
    layers: list[Layer] = []
    width = math.prod(capsules)
    for hidden in config.decoder:
        layers += [Dense(width, hidden, rng, init=he_normal), ReLU()]
        width = hidden
    layers.append(Dense(width, math.prod(shape), rng, init=glorot_uniform))
    layers.append(Sigmoid() if len(shape) == 3 else Identity())
    return Sequential(*layers)


def _side(size: int, flat: bool) -> tuple[int, int]:
    return (1 if flat else size, size)


def build(config: CapsNetConfig, task: Task, rng: np.random.Generator) -> CapsNet:
    """Build the network for a task."""
    return CapsNet(task.shape, task.outputs, config, rng)
