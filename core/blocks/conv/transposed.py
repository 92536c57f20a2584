"""Transposed convolution layers: the adjoint of a convolution, from a small image to a large one."""

import numpy as np

from neuralzoo.core.blocks.conv.geometry import ConvGeometry, Pair
from neuralzoo.core.blocks.conv.im2col import Im2colConv
from neuralzoo.core.blocks.conv.layers import check_groups, make_geometry, make_pair
from neuralzoo.core.blocks.init import Initializer, he_normal
from neuralzoo.core.blocks.reductions import sum_leading_axes
from neuralzoo.core.layer import Context, Layer, Pullback, zero_grad_like
from neuralzoo.core.module import Array, Parameter


class ConvTranspose2D(Layer):
    """2-D transposed convolution: every position adds its weighted values to a window of a larger image.

        y[n, i stride + a - padding, j stride + b - padding] = sum over all i, a, j, b of  x[n, i, j] W[a, b], + bias

    This is what `Conv2D` does with dL/dy, and its pullback is what `Conv2D` does with x. `padding` is what is cropped
    on each side, `output_padding` the rows and columns added at the end: it selects among the sizes that a convolution
    maps to the same one. A kernel of a multiple of the stride covers all positions equally often; others leave
    checkerboard artefacts.

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
        self.geometry = make_geometry(name, kernel, stride, padding, 1)
        check_groups(name, inputs, outputs, 1)
        _check_output_padding(name, self.output_padding, self.geometry.stride)
        self.weight = Parameter(init((*self.geometry.kernel, inputs, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, size: Pair) -> Pair:
        """Return (H', W') for images of (H, W).

        Raises: ValueError when the padding crops everything.
        """
        height, width = _output_size(size, self.geometry, self.output_padding)
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
        return _transposed(x, self.weight, self.bias, self.geometry, size, ctx, ctx.needs_grad(x))


class ConvTranspose1D(Layer):
    """1-D transposed convolution: every step adds its weighted values to a window of a longer sequence.

        y[n, t stride + a - padding] = sum over all t, a of  x[n, t] W[a], + bias

    This is `ConvTranspose2D` for images of width 1; see there. With stride 2 it upsamples a sequence, the opposite of a
    strided `Conv1D`:

        >>> layer = ConvTranspose1D(1, 1, 2, np.random.default_rng(0), stride=2)
        >>> layer.weight.value[:, 0, 0] = [1, 0.5]
        >>> layer.predict(np.array([[[1], [2], [4]]], np.float32))[0, :, 0].tolist()
        [1.0, 0.5, 2.0, 1.0, 4.0, 2.0]

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
        self.geometry = make_geometry(name, kernel, stride, padding, 1, axis=0)
        check_groups(name, inputs, outputs, 1)
        _check_output_padding(name, self.output_padding, self.geometry.stride)
        self.weight = Parameter(init((kernel, inputs, outputs), rng))
        self.bias = Parameter(np.zeros(outputs, np.float32)) if bias else None

    def output_shape(self, steps: int) -> int:
        """Return T' for sequences of T steps.

        Raises: ValueError when the padding crops everything.
        """
        found = _output_size((steps, 1), self.geometry, self.output_padding)[0]
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
        y, pull = _transposed(x[:, :, None], self.weight, self.bias, self.geometry, size, ctx, ctx.needs_grad(x))
        return y[:, :, 0], lambda dy: pull(dy[:, :, None])[:, :, 0]


def _transposed(
    x: Array,
    weight: Parameter,
    bias: Parameter | None,
    geometry: ConvGeometry,
    size: Pair,
    ctx: Context,
    needs_grad: bool,
) -> tuple[Array, Pullback]:
    """Return dL/dx of a convolution of images of `size` with dL/dy = x, and its pullback."""
    kernel = weight.value.reshape(*geometry.kernel, *weight.value.shape[-2:])
    conv = Im2colConv(kernel.transpose(0, 1, 3, 2), geometry, 1, x.shape[2])  # from the outputs to the inputs
    y = conv.backward_input(x, size, ctx)
    if bias is not None:
        y += bias.value

    def pull(dy: Array) -> Array:
        dx, pull_kernel = conv.forward(dy, ctx)
        ctx.grads.add(weight, pull_kernel(x).transpose(0, 1, 3, 2).reshape(weight.value.shape))
        if bias is not None:
            ctx.grads.add(bias, sum_leading_axes(dy))
        return dx if needs_grad else zero_grad_like(x)

    return y, pull


def _output_size(size: Pair, geometry: ConvGeometry, output_padding: Pair) -> Pair:
    height, width = (
        (n - 1) * s + k - 2 * p[0] + more
        for n, s, k, p, more in zip(
            size, geometry.stride, geometry.kernel, geometry.padding, output_padding, strict=True
        )
    )
    return height, width


def _check_output_padding(name: str, output_padding: Pair, stride: Pair) -> None:
    if any(more >= s for more, s in zip(output_padding, stride, strict=True)):
        raise ValueError(f"{name} got an output_padding of {output_padding}; it needs less than the stride of {stride}")
