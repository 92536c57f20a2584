"""Convolutional neural network (CNN): stages of convolution and pooling, then dense layers.

    h_0 = x                                             an image (H, W, C) or a sequence (T, D)
    h_l = pool(f(norm(h_{l-1} * W_l + b_l)))            l = 1 .. L: a stage; * is convolution
    h  <- f(h + F(h))        F(h) = norm(f(norm(h * U)) * V)          a residual block at its end
    y   = dense layers of h_L, flattened or pooled to one value per channel

Weights are shared by all positions: a kernel of k x k from C to C' channels has k k C C' weights whatever the size of
the image, and the feature maps are equivariant to translation. Pooling enlarges the receptive fields
(`receptive_field`) and makes the units less sensitive to position.

The skip connection of a residual block lets gradients pass through deep networks. Batch normalisation has a bias, so
that convolutions before it have none.

Sources: LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition,
https://doi.org/10.1109/5.726791; residual blocks: He, Zhang, Ren and Sun (2015), https://arxiv.org/abs/1512.03385;
normalisation: Ioffe and Szegedy (2015), https://arxiv.org/abs/1502.03167
"""

import math
from typing import Any

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS
from neuralzoo.core.blocks.combine import Residual, Sequential
from neuralzoo.core.blocks.conv import Conv1D, Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import glorot_uniform, he_normal
from neuralzoo.core.blocks.norm import BatchNorm
from neuralzoo.core.blocks.pooling import (
    AveragePool1D,
    AveragePool2D,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
)
from neuralzoo.core.blocks.shape import Flatten
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.cnn.config import CNNConfig
from neuralzoo.registry import Task

POOLS: dict[tuple[str, int], type[MaxPool1D | MaxPool2D | AveragePool1D | AveragePool2D]] = {
    ("max", 1): MaxPool1D,
    ("max", 2): MaxPool2D,
    ("average", 1): AveragePool1D,
    ("average", 2): AveragePool2D,
}
HE_INIT_ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu")
HEADS: dict[str, type[Layer]] = {"flatten": Flatten, "average": GlobalAveragePool, "max": GlobalMaxPool}


class CNN(Layer):
    """Stages of convolutions and pooling, and a head of dense layers.

    Shapes: x is (N, H, W, C) or (N, T, D), y is (N, outputs).
    Raises: ValueError when a kernel or window is larger than its input, with the stage; when an example has another
    shape. A global head accepts examples of other sizes, too.
    """

    def __init__(self, shape: tuple[int, ...], outputs: int, config: CNNConfig, rng: np.random.Generator) -> None:
        self.shape = shape
        self.stages: list[Sequential] = []
        size, inputs = shape[:-1], shape[-1]
        for number, channels in enumerate(config.channels):
            stage = make_stage(number, inputs, channels, len(size), config, rng)
            size, inputs = output_size(f"stage {number + 1}", stage, size), channels
            self.stages.append(stage)
        width = inputs * (math.prod(size) if config.head == "flatten" else 1)
        self.head = make_head(width, outputs, config, rng)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the logits, or the predictions in regression, and their pullback."""
        if isinstance(self.head.layers[0], Flatten) and x.shape[1:] != self.shape:
            raise ValueError(f"CNN got x of shape {x.shape}; it needs {('N', *self.shape)}")
        return Sequential(*self.stages, self.head)(x, ctx)

    def feature_maps(self, x: Array) -> list[Array]:
        """Return the feature maps of each stage, in evaluation mode.

        Shapes: x is (N, H, W, C) or (N, T, D); the maps of a stage are (N, H', W', channels) or (N, T', channels).
        """
        maps: list[Array] = []
        for stage in self.stages:
            x = stage.predict(x)
            maps.append(x)
        return maps


def make_stage(
    number: int, inputs: int, channels: int, axes: int, config: CNNConfig, rng: np.random.Generator
) -> Sequential:
    """Return convolutions with normalisation and non-linearity, pooling, and residual blocks."""
    layers: list[Layer] = []
    for index in range(config.convolutions):
        first = number == index == 0
        padding = "same" if config.padding == "same" or (config.padding == "first" and first) else "valid"
        layers += convolution(inputs, channels, axes, config, rng, padding, config.stride if index == 0 else 1)
        layers.append(ACTIVATIONS[config.activation]())
        inputs = channels
    if config.pooling is not None and not (config.head != "flatten" and number == len(config.channels) - 1):
        layers.append(POOLS[config.pooling, axes](config.window))
    for _ in range(config.residual):
        before = convolution(channels, channels, axes, config, rng, "same", 1)
        after = convolution(channels, channels, axes, config, rng, "same", 1)
        layers.append(Residual(Sequential(*before, ACTIVATIONS[config.activation](), *after)))
        layers.append(ACTIVATIONS[config.activation]())
    return Sequential(*layers)


def convolution(
    inputs: int, outputs: int, axes: int, config: CNNConfig, rng: np.random.Generator, padding: str, stride: int
) -> list[Layer]:
    """Return a convolution, and its normalisation if there is one."""
    kind: Any = Conv2D if axes == 2 else Conv1D
    init = he_normal if config.activation in HE_INIT_ACTIVATIONS else glorot_uniform
    bias = config.norm is None
    conv = kind(inputs, outputs, config.kernel, rng, stride=stride, padding=padding, bias=bias, init=init)
    return [conv] if bias else [conv, BatchNorm(outputs)]


def make_head(width: int, outputs: int, config: CNNConfig, rng: np.random.Generator) -> Sequential:
    """Return the layer that turns feature maps into one row of features, and the dense layers."""
    layers: list[Layer] = [HEADS[config.head]()]
    init = he_normal if config.activation in HE_INIT_ACTIVATIONS else glorot_uniform
    for hidden in config.hidden:
        layers += [Dropout(config.dropout)] if config.dropout else []
        layers += [Dense(width, hidden, rng, init=init), ACTIVATIONS[config.activation]()]
        width = hidden
    layers += [Dropout(config.dropout)] if config.dropout else []
    layers.append(Dense(width, outputs, rng, init=glorot_uniform))
    return Sequential(*layers)


def output_size(name: str, stage: Sequential, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the size of a stage's feature maps, (H', W') or (T',), from the size of its input.

    Raises: ValueError with the stage's name when a window is larger than its input.
    """
    try:
        for layer in stage.layers:
            match layer:
                case Conv2D() | MaxPool2D() | AveragePool2D():
                    size = layer.output_shape((size[0], size[1]))
                case Conv1D() | MaxPool1D() | AveragePool1D():
                    size = (layer.output_shape(size[0]),)
    except ValueError as error:
        raise ValueError(f"{name} does not fit: {error}") from None
    return size


def build(config: CNNConfig, task: Task, rng: np.random.Generator) -> CNN:
    """Build the network for a task."""
    return CNN(task.shape, task.outputs, config, rng)
