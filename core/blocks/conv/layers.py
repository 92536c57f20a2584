"""Convolution layers: the same weights at every position of an image or a sequence."""

from typing import Any, Literal

import numpy as np

from neuralzoo.core.blocks.conv.geometry import ConvGeometry, Pair
from neuralzoo.core.blocks.conv.im2col import Im2colConv
from neuralzoo.core.blocks.conv.toeplitz import FEW_CHANNELS
from neuralzoo.core.blocks.init import Initializer, he_normal
from neuralzoo.core.blocks.reductions import sum_leading_axes
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Array, Parameter

Padding = int | Pair | Literal["same", "valid"]
EVAL_CHUNK = 256  # examples convolved at once in evaluation: windows take several times the memory of the images


class Conv2D(Layer):
    """2-D convolution (cross-correlation): the weighted sum of a window around every position of an image.

        y[n, i, j] = sum over a, b of  x[n, i stride + a dilation - padding, j stride + ...] W[a, b] + bias

    With the windows side by side as rows X (N H' W', kh kw C) this is a matrix product, and so are its gradients:

        y = X W + b          dW = X.T dy          db = sum of the rows of dy          dX = dy W.T

    and dx sums dX position by position (`im2col`; in plain loops: `reference`). Beyond the border x is 0. `padding` is
    the number of zeros on each side: one number, one for height and one for width, "valid" for none, or "same" for
    dilation (kernel - 1) in all, of which the side before gets the smaller half: H' is then H / stride, rounded up.
    Each of `groups` equal parts of the channels is convolved with weights of its own.

    Shapes: x is (N, H, W, inputs), y is (N, H', W', outputs), weight is (kh, kw, inputs / groups, outputs), bias is
    (outputs,); H' is (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1.
    Raises: ValueError for sizes that do not fit together, for x of another shape or too small for a window.
    Source: LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
    https://doi.org/10.1109/5.726791
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | Pair,
        rng: np.random.Generator,
        *,
        stride: int | Pair = 1,
        padding: Padding = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initializer = he_normal,
    ) -> None:
        self.inputs, self.groups = inputs, groups
        self.geometry = make_geometry(type(self).__name__, kernel, stride, padding, dilation)
        check_groups(type(self).__name__, inputs, outputs, groups)
        self.weight = Parameter(init((*self.geometry.kernel, inputs // groups, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, size: Pair) -> Pair:
        """Return (H', W') for images of (H, W).

        Raises: ValueError when the window does not fit into the image.
        """
        found, (height, width) = self.geometry.output_size(size), self.geometry.min_input
        if min(*found, *size) < 1:
            raise ValueError(
                f"{type(self).__name__} got images of {size[0]} x {size[1]}; its kernel needs at least "
                f"{height} x {width}"
            )
        return found

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the convolution and its pullback."""
        if x.ndim != 4 or x.shape[3] != self.inputs:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, H, W, {self.inputs})")
        self.output_shape((x.shape[1], x.shape[2]))
        return convolve(x, self.weight, self.bias, self.geometry, self.groups, ctx)


class Conv1D(Layer):
    """1-D convolution (cross-correlation): the weighted sum of a window around every step of a sequence.

        y[n, t] = sum over a of  x[n, t stride + a dilation - padding] W[a] + b

    This is `Conv2D` for images of height 1, or of width 1 where that is faster; see there.

    Shapes: x is (N, T, inputs), y is (N, T', outputs), weight is (kernel, inputs / groups, outputs), bias is
    (outputs,).
    Raises: ValueError for sizes that do not fit together, for x of another shape or too short for a window.
    Source: Waibel et al. (1989), Phoneme Recognition Using Time-Delay Neural Networks,
    https://doi.org/10.1109/29.21701
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        rng: np.random.Generator,
        *,
        stride: int = 1,
        padding: int | Literal["same", "valid"] = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initializer = he_normal,
    ) -> None:
        self.inputs, self.groups = inputs, groups
        self.geometry = make_geometry(type(self).__name__, kernel, stride, padding, dilation, axis=1)
        check_groups(type(self).__name__, inputs, outputs, groups)
        self.weight = Parameter(init((kernel, inputs // groups, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, steps: int) -> int:
        """Return T' for sequences of T steps.

        Raises: ValueError when the window does not fit into the sequence.
        """
        found, minimum = self.geometry.output_size((1, steps))[1], self.geometry.min_input[1]
        if min(found, steps) < 1:
            raise ValueError(
                f"{type(self).__name__} got sequences of {steps} steps; its kernel needs at least {minimum}"
            )
        return found

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the convolution and its pullback."""
        if x.ndim != 3 or x.shape[2] != self.inputs:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, T, {self.inputs})")
        self.output_shape(x.shape[1])
        # With few channels the width is cut into blocks (`toeplitz`); with more, images of width 1 are faster.
        axis, geometry = (1, self.geometry) if self.inputs < FEW_CHANNELS else (2, self.geometry.transposed())
        image, needs_grad = np.expand_dims(x, axis), ctx.needs_grad(x)
        y, pull = convolve(image, self.weight, self.bias, geometry, self.groups, ctx, needs_grad)
        return y.squeeze(axis), lambda dy: pull(np.expand_dims(dy, axis)).squeeze(axis)


def convolve(
    x: Array,
    weight: Parameter,
    bias: Parameter | None,
    geometry: ConvGeometry,
    groups: int,
    ctx: Context,
    needs_grad: bool | None = None,
) -> tuple[Array, Pullback]:
    """Return the convolution of images and its pullback; `needs_grad` says whether dL/dx is needed, else `ctx`."""
    if not ctx.recording and len(x) > EVAL_CHUNK:
        blocks = [x[i : i + EVAL_CHUNK] for i in range(0, len(x), EVAL_CHUNK)]
        return np.concatenate(
            [convolve(block, weight, bias, geometry, groups, ctx)[0] for block in blocks]
        ), unrecorded_pullback
    needs_grad = ctx.needs_grad(x) if needs_grad is None else needs_grad
    size = (x.shape[1], x.shape[2])
    kernel = weight.value.reshape(*geometry.kernel, *weight.value.shape[-2:])
    conv = Im2colConv(kernel, geometry, groups, geometry.output_size(size)[1])
    y, pull_kernel = conv.forward(x, ctx)
    if bias is not None:
        y += bias.value

    def pull(dy: Array) -> Array:
        ctx.grads.add(weight, pull_kernel(dy).reshape(weight.value.shape))
        if bias is not None:
            ctx.grads.add(bias, sum_leading_axes(dy))
        return conv.backward_input(dy, size, ctx) if needs_grad else zero_grad_like(x)

    return y, pull


def make_geometry(
    name: str,
    kernel: int | Pair,
    stride: int | Pair,
    padding: Padding,
    dilation: int | Pair,
    axis: int | None = None,
) -> ConvGeometry:
    """Return the geometry with these settings; `name` is the layer's, for errors.

    With an `axis` it is that of sequences, as images of height 1 or width 1.
    """
    kernel = make_pair(name, "kernel", kernel, 1, axis)
    stride = make_pair(name, "stride", stride, 1, axis)
    dilation = make_pair(name, "dilation", dilation, 1, axis)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        top, left = total[0] // 2, total[1] // 2
        return ConvGeometry(kernel, stride, dilation, ((top, total[0] - top), (left, total[1] - left)))
    if padding == "valid":
        return ConvGeometry(kernel, stride, dilation)
    if isinstance(padding, str):
        raise ValueError(f'{name} got padding="{padding}"; it needs "same", "valid" or whole numbers')
    height, width = make_pair(name, "padding", padding, 0, axis)
    return ConvGeometry(kernel, stride, dilation, ((height, height), (width, width)))


def make_pair(name: str, setting: str, value: int | Pair, minimum: int, axis: int | None = None) -> Pair:
    """Return a setting for height and width; with an `axis` for that one, and `minimum` for the other.

    Raises: ValueError when it is less than `minimum`, or no whole number or pair of them.
    """
    values: tuple[Any, ...] = tuple(value) if isinstance(value, tuple | list) and axis is None else (value, value)
    if len(values) != 2 or not all(isinstance(each, int | np.integer) for each in values):
        kinds = "one whole number or two" if axis is None else "a whole number"
        raise ValueError(f"{name} got a {setting} of {value}; it needs {kinds}")
    height, width = int(values[0]), int(values[1])
    if min(height, width) < minimum:
        raise ValueError(f"{name} got a {setting} of {value}; it needs at least {minimum}")
    return (minimum if axis == 1 else height), (minimum if axis == 0 else width)


def check_groups(name: str, inputs: int, outputs: int, groups: int) -> None:
    """Raise a ValueError unless `groups` divides inputs and outputs."""
    if min(inputs, outputs, groups) < 1 or inputs % groups or outputs % groups:
        raise ValueError(
            f"{name} got {inputs} inputs, {outputs} outputs and {groups} groups; it needs positive numbers, the last a "
            f"divisor of the others"
        )
