"""Convolution: the same weights applied at every place of an image or a sequence."""

from typing import Any, Literal

import numpy as np

from neuralzoo.core.blocks.conv.geometry import Pair, Windows
from neuralzoo.core.blocks.conv.im2col import Lowered
from neuralzoo.core.blocks.conv.toeplitz import FEW
from neuralzoo.core.blocks.init import Initializer, he_normal
from neuralzoo.core.blocks.reductions import sum_of_rows
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient, no_pullback
from neuralzoo.core.module import Array, Parameter

Padding = int | Pair | Literal["same", "valid"]
AT_ONCE = 256  # examples in evaluation: windows take several times the memory of the images


class Conv2D(Layer):
    """Give every place of an image a weighted sum of the places around it, the same weights everywhere.

        y[n, i, j] = sum over a, b of  x[n, i stride + a dilation - padding, j stride + ...] W[a, b] + bias

    With the windows side by side as rows X (N H' W', kh kw C) this is a matrix product, and so are its gradients:

        y = X W + b          dW = X.T dy          db = sum of the rows of dy          dX = dy W.T

    and dx collects from dX what belongs to the same place. Beyond the border x is 0. `padding` is how many zeros stand
    on each side: a number, one for height and one for width, "valid" for none, or "same" for dilation (kernel - 1)
    in all, of which the side before gets the smaller half: H' is then H / stride, rounded up. Each of `groups` equal
    parts of the channels is convolved with weights of its own.

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
        self.windows = make_windows(type(self).__name__, kernel, stride, padding, dilation)
        check_groups(type(self).__name__, inputs, outputs, groups)
        self.weight = Parameter(init((*self.windows.kernel, inputs // groups, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, size: Pair) -> Pair:
        """Return (H', W') for images of (H, W).

        Raises: ValueError when the window does not fit into the image.
        """
        found, (height, width) = self.windows.count(size), self.windows.least
        if min(*found, *size) < 1:
            raise ValueError(
                f"{type(self).__name__} got images of {size[0]} x {size[1]}; its kernel needs at least "
                f"{height} x {width}"
            )
        return found

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the weighted sums and their pullback."""
        if x.ndim != 4 or x.shape[3] != self.inputs:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, H, W, {self.inputs})")
        self.output_shape((x.shape[1], x.shape[2]))
        return convolve(x, self.weight, self.bias, self.windows, self.groups, ctx)


class Conv1D(Layer):
    """Give every step of a sequence a weighted sum of the steps around it, the same weights everywhere.

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
        self.windows = make_windows(type(self).__name__, kernel, stride, padding, dilation, axis=1)
        check_groups(type(self).__name__, inputs, outputs, groups)
        self.weight = Parameter(init((kernel, inputs // groups, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, steps: int) -> int:
        """Return T' for sequences of T steps.

        Raises: ValueError when the window does not fit into the sequence.
        """
        found, least = self.windows.count((1, steps))[1], self.windows.least[1]
        if min(found, steps) < 1:
            raise ValueError(f"{type(self).__name__} got sequences of {steps} steps; its kernel needs at least {least}")
        return found

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the weighted sums and their pullback."""
        if x.ndim != 3 or x.shape[2] != self.inputs:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, T, {self.inputs})")
        self.output_shape(x.shape[1])
        # Of few channels neighbours along the width are taken together; of many, upright sequences are faster.
        axis, windows = (1, self.windows) if self.inputs < FEW else (2, self.windows.upright())
        image, skip = np.expand_dims(x, axis), ctx.skips(x)
        y, pull = convolve(image, self.weight, self.bias, windows, self.groups, ctx, skip)
        return y.squeeze(axis), lambda dy: pull(np.expand_dims(dy, axis)).squeeze(axis)


def convolve(
    x: Array,
    weight: Parameter,
    bias: Parameter | None,
    windows: Windows,
    groups: int,
    ctx: Context,
    skip: bool | None = None,
) -> tuple[Array, Pullback]:
    """Return the convolution of images and its pullback; `skip` says that nobody asks for dL/dx."""
    if not ctx.recording and len(x) > AT_ONCE:
        blocks = [x[i : i + AT_ONCE] for i in range(0, len(x), AT_ONCE)]
        return np.concatenate([convolve(block, weight, bias, windows, groups, ctx)[0] for block in blocks]), no_pullback
    skip = ctx.skips(x) if skip is None else skip
    size = (x.shape[1], x.shape[2])
    kernel = weight.value.reshape(*windows.kernel, *weight.value.shape[-2:])
    lowered = Lowered(kernel, windows, groups, windows.count(size)[1])
    y, pull_kernel = lowered.sum(x, ctx)
    if bias is not None:
        y += bias.value

    def pull(dy: Array) -> Array:
        ctx.grads.add(weight, pull_kernel(dy).reshape(weight.value.shape))
        if bias is not None:
            ctx.grads.add(bias, sum_of_rows(dy))
        return no_gradient(x) if skip else lowered.spread(dy, size, ctx)

    return y, pull


def make_windows(
    name: str,
    kernel: int | Pair,
    stride: int | Pair,
    padding: Padding,
    dilation: int | Pair,
    axis: int | None = None,
) -> Windows:
    """Return the windows with these settings; `name` is the layer's, for errors.

    With an `axis` they are those of sequences, which become images of height 1 or width 1.
    """
    kernel = make_pair(name, "kernel", kernel, 1, axis)
    stride = make_pair(name, "stride", stride, 1, axis)
    dilation = make_pair(name, "dilation", dilation, 1, axis)
    if padding == "same":
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        top, left = whole[0] // 2, whole[1] // 2
        return Windows(kernel, stride, dilation, ((top, whole[0] - top), (left, whole[1] - left)))
    if padding == "valid":
        return Windows(kernel, stride, dilation)
    if isinstance(padding, str):
        raise ValueError(f'{name} got padding="{padding}"; it needs "same", "valid" or numbers')
    height, width = make_pair(name, "padding", padding, 0, axis)
    return Windows(kernel, stride, dilation, ((height, height), (width, width)))


def make_pair(name: str, what: str, value: int | Pair, least: int, axis: int | None = None) -> Pair:
    """Return a setting for height and width; with an `axis` for that one, and `least` for the other.

    Raises: ValueError when it is less than `least`, or no whole number or pair of them.
    """
    numbers: tuple[Any, ...] = tuple(value) if isinstance(value, tuple | list) and axis is None else (value, value)
    if len(numbers) != 2 or not all(isinstance(number, int | np.integer) for number in numbers):
        kinds = "one whole number or two" if axis is None else "a whole number"
        raise ValueError(f"{name} got a {what} of {value}; it needs {kinds}")
    height, width = int(numbers[0]), int(numbers[1])
    if min(height, width) < least:
        raise ValueError(f"{name} got a {what} of {value}; it needs at least {least}")
    return (least if axis == 1 else height), (least if axis == 0 else width)


def check_groups(name: str, inputs: int, outputs: int, groups: int) -> None:
    """Raise a ValueError unless the groups divide inputs and outputs."""
    if min(inputs, outputs, groups) < 1 or inputs % groups or outputs % groups:
        raise ValueError(
            f"{name} got {inputs} inputs, {outputs} outputs and {groups} groups; it needs numbers above 0 that the "
            f"groups divide"
        )
