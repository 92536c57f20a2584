"""Transposed convolution: a convolution taken backward, from a small image to a large one."""

import numpy as np

from neuralzoo.core.blocks.conv.geometry import Pair, Windows
from neuralzoo.core.blocks.conv.im2col import Lowered
from neuralzoo.core.blocks.conv.layers import check_groups, make_pair, make_windows
from neuralzoo.core.blocks.init import Initializer, he_normal
from neuralzoo.core.blocks.reductions import sum_of_rows
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient
from neuralzoo.core.module import Array, Parameter


class ConvTranspose2D(Layer):
    """Let every place of an image add its weighted values to a window around its place in a larger image.

        y[n, i stride + a - padding, j stride + b - padding] = sum over all i, a, j, b of  x[n, i, j] W[a, b], + bias

    This is what `Conv2D` does with dL/dy, and its pullback is what `Conv2D` does with x. `padding` is how much is cut
    off on each side, `output_padding` how much is added below and on the right: of the sizes that a convolution brings
    to the same one it says which is meant. A kernel of a multiple of the stride reaches all places equally often;
    others leave a pattern like a chessboard.

    Shapes: x is (N, H, W, inputs), y is (N, H', W', outputs), weight is (kh, kw, inputs, outputs), bias is (outputs,);
    H' is (H - 1) stride + kernel - 2 padding + output_padding.
    Raises: ValueError for sizes that do not fit together or x of another shape.
    Source: Zeiler et al. (2010), Deconvolutional Networks, https://doi.org/10.1109/CVPR.2010.5539957
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | Pair,
        rng: np.random.Generator,
        *,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        bias: bool = True,
        init: Initializer = he_normal,
    ) -> None:
        name = type(self).__name__
        self.inputs = inputs
        self.output_padding = make_pair(name, "output_padding", output_padding, 0)
        self.windows = make_windows(name, kernel, stride, padding, 1)
        check_groups(name, inputs, outputs, 1)
        _check_output_padding(name, self.output_padding, self.windows.stride)
        self.weight = Parameter(init((*self.windows.kernel, inputs, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, size: Pair) -> Pair:
        """Return (H', W') for images of (H, W).

        Raises: ValueError when the padding cuts everything off.
        """
        height, width = _sizes(size, self.windows, self.output_padding)
        if min(height, width, *size) < 1:
            raise ValueError(
                f"{type(self).__name__} got images of {size[0]} x {size[1]}, which would become {height} x {width}; it "
                f"needs larger ones or less padding"
            )
        return height, width

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the larger images and their pullback."""
        if x.ndim != 4 or x.shape[3] != self.inputs:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, H, W, {self.inputs})")
        size = self.output_shape((x.shape[1], x.shape[2]))
        return _transposed(x, self.weight, self.bias, self.windows, size, ctx, ctx.skips(x))


class ConvTranspose1D(Layer):
    """Let every step of a sequence add its weighted values to a window around its place in a longer sequence.

        y[n, t stride + a - padding] = sum over all t, a of  x[n, t] W[a], + bias

    This is `ConvTranspose2D` for images of width 1; see there.

    Shapes: x is (N, T, inputs), y is (N, T', outputs), weight is (kernel, inputs, outputs), bias is (outputs,);
    T' is (T - 1) stride + kernel - 2 padding + output_padding.
    Raises: ValueError for sizes that do not fit together or x of another shape.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        rng: np.random.Generator,
        *,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
        bias: bool = True,
        init: Initializer = he_normal,
    ) -> None:
        name = type(self).__name__
        self.inputs = inputs
        self.output_padding = make_pair(name, "output_padding", output_padding, 0, axis=0)
        self.windows = make_windows(name, kernel, stride, padding, 1, axis=0)
        check_groups(name, inputs, outputs, 1)
        _check_output_padding(name, self.output_padding, self.windows.stride)
        self.weight = Parameter(init((kernel, inputs, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, steps: int) -> int:
        """Return T' for sequences of T steps.

        Raises: ValueError when the padding cuts everything off.
        """
        found = _sizes((steps, 1), self.windows, self.output_padding)[0]
        if min(found, steps) < 1:
            raise ValueError(
                f"{type(self).__name__} got sequences of {steps} steps, which would become {found}; it needs longer "
                f"ones or less padding"
            )
        return found

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the longer sequences and their pullback."""
        if x.ndim != 3 or x.shape[2] != self.inputs:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, T, {self.inputs})")
        size = (self.output_shape(x.shape[1]), 1)
        y, pull = _transposed(x[:, :, None], self.weight, self.bias, self.windows, size, ctx, ctx.skips(x))
        return y[:, :, 0], lambda dy: pull(dy[:, :, None])[:, :, 0]


def _transposed(
    x: Array, weight: Parameter, bias: Parameter | None, windows: Windows, size: Pair, ctx: Context, skip: bool
) -> tuple[Array, Pullback]:
    """Return what a convolution of images of `size` does with dL/dy = x, and its pullback."""
    kernel = weight.value.reshape(*windows.kernel, *weight.value.shape[-2:])
    lowered = Lowered(kernel.transpose(0, 1, 3, 2), windows, 1, x.shape[2])  # from our outputs to our inputs
    y = lowered.spread(x, size, ctx)
    if bias is not None:
        y += bias.value

    def pull(dy: Array) -> Array:
        dx, pull_kernel = lowered.sum(dy, ctx)
        ctx.grads.add(weight, pull_kernel(x).transpose(0, 1, 3, 2).reshape(weight.value.shape))
        if bias is not None:
            ctx.grads.add(bias, sum_of_rows(dy))
        return no_gradient(x) if skip else dx

    return y, pull


def _sizes(size: Pair, windows: Windows, output_padding: Pair) -> Pair:
    height, width = (
        (n - 1) * s + k - 2 * p[0] + more
        for n, s, k, p, more in zip(size, windows.stride, windows.kernel, windows.padding, output_padding, strict=True)
    )
    return height, width


def _check_output_padding(name: str, output_padding: Pair, stride: Pair) -> None:
    if any(more >= s for more, s in zip(output_padding, stride, strict=True)):
        raise ValueError(f"{name} got an output_padding of {output_padding}; it needs less than the stride of {stride}")
