"""Convolution as a matrix product: the windows of an image side by side, times the weights.

    y = X W          dW = X.T dy          dX = dy W.T, of which dx collects what belongs to the same place

Images are (N, H, W, C), kernels (kh, kw, C / groups, O); a sequence is an image of height or width 1.
"""

from collections.abc import Callable

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.blocks.conv.geometry import Pair, Windows, slide, view
from neuralzoo.core.blocks.conv.toeplitz import choose_places, narrow, widen
from neuralzoo.core.blocks.conv.winograd import correlate_pairs, suits_pairs
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

PullKernel = Callable[[Array], Array]
"""From dL/dy (N, H', W', O) to dL/d kernel."""

MANY = 8  # channels from which on copies of so few numbers are no burden


class Lowered:
    """A convolution with given weights, for images of given width, and what goes back through it.

    A kernel of few channels is applied to several neighbouring places at once (see `banded`).
    """

    def __init__(self, kernel: Array, windows: Windows, groups: int, columns: int) -> None:
        self.kernel, self.windows, self.groups = kernel, windows, groups
        self.places = choose_places(kernel, windows, columns, groups)
        self.wide, self.strides = (kernel, windows) if self.places == 1 else widen(kernel, windows, self.places)

    def sum(self, x: Array, ctx: Context) -> tuple[Array, PullKernel]:
        """Return y (N, H', W', O), the weighted sums of all windows of images, and the pullback to the kernel."""
        y, pull = correlate(x, self.wide, self.strides, self.groups, ctx)

        def pull_kernel(dy: Array) -> Array:
            dwide = pull(self._together(dy))
            return dwide if self.places == 1 else narrow(dwide, self.kernel, self.windows, self.places)

        return y.reshape(*y.shape[:2], -1, self.kernel.shape[3]), pull_kernel

    def spread(self, dy: Array, size: Pair, ctx: Context) -> Array:
        """Return dL/dx of images (H, W) from dy (N, H', W', O)."""
        back = gather if self.strides.stride == (1, 1) else scatter
        return back(self._together(dy), self.wide, self.strides, size, self.groups, ctx)

    def _together(self, dy: Array) -> Array:
        n, rows, columns, _ = dy.shape
        return np.ascontiguousarray(dy).reshape(n, rows, columns // self.places, -1)


def correlate(x: Array, kernel: Array, windows: Windows, groups: int, ctx: Context) -> tuple[Array, PullKernel]:
    """Return the weighted sums of all windows of images, and the pullback to the kernel."""
    rows, columns = windows.count((x.shape[1], x.shape[2]))
    if suits_pairs(kernel, windows, groups):
        return correlate_pairs(x, kernel, windows, ctx)
    x = windows.pad(x, ctx)
    kh, kw, channels, outputs = kernel.shape
    y = ctx.empty((len(x), rows, columns, outputs), np.result_type(x, kernel))
    if kw > 1 and windows.dilation[1] == 1 and groups == 1 and channels >= MANY:
        matrices = _sliding(x, windows, rows, columns, ctx)  # (W', N H', kw kh C)
        np.matmul(matrices, kernel.transpose(1, 0, 2, 3).reshape(-1, outputs), out=_by_column(y))

        def pull(dy: Array) -> Array:
            product: Array = np.matmul(matrices.transpose(0, 2, 1), _by_column(dy)).sum(axis=0)
            return product.reshape(kw, kh, channels, outputs).transpose(1, 0, 2, 3)

    else:
        matrices = _unfolded(x, windows, rows, columns, groups, ctx)  # (groups, N H' W', kh kw C)
        np.matmul(matrices, _by_group(kernel, groups), out=_by_group(y, groups))

        def pull(dy: Array) -> Array:
            product: Array = np.matmul(matrices.transpose(0, 2, 1), _by_group(dy, groups))
            return product.transpose(1, 0, 2).reshape(kernel.shape)

    return y, pull


def _unfolded(x: Array, windows: Windows, rows: int, columns: int, groups: int, ctx: Context) -> Array:
    """Return all windows as rows of matrices, one for each group of channels."""
    (n, _, _, c), (n_stride, h_stride, w_stride, c_stride) = x.shape, x.strides
    (kh, kw), (sh, sw), (dh, dw) = windows.kernel, windows.stride, windows.dilation
    of_group = c // groups
    windowed = view(
        x,
        (groups, n, rows, columns, kh, kw, of_group),
        (of_group * c_stride, n_stride, sh * h_stride, sw * w_stride, dh * h_stride, dw * w_stride, c_stride),
    )
    copy = ctx.empty(windowed.shape, x.dtype)
    copy[...] = windowed
    return copy.reshape(groups, n * rows * columns, kh * kw * of_group)


def _sliding(x: Array, windows: Windows, rows: int, columns: int, ctx: Context) -> Array:
    """Return all windows as rows of matrices, one for each column of windows.

    Only the height is unfolded. With the rows of a window side by side at each place, neighbouring places make up a
    window where they lie, so that matrices which overlap are read from kw times less memory.
    """
    (n, _, w, c), (n_stride, h_stride, w_stride, c_stride) = x.shape, x.strides
    (kh, kw), (sh, sw), dh = windows.kernel, windows.stride, windows.dilation[0]
    strides = (n_stride, sh * h_stride, w_stride, dh * h_stride, c_stride)
    unfolded = ctx.empty((n, rows, w, kh, c), x.dtype)
    unfolded[...] = view(x, unfolded.shape, strides)
    places = unfolded.reshape(1, n * rows, w, kh * c)
    return np.squeeze(slide(places, kw, sw, columns), 0)


def _by_column(y: Array) -> Array:
    """Return a view (W', N H', O) of images."""
    n, rows, columns, outputs = y.shape
    return y.reshape(n * rows, columns, outputs).transpose(1, 0, 2)


def _by_group(y: Array, groups: int) -> Array:
    """Return a view (groups, all other axes but the last, O / groups)."""
    return y.reshape(-1, groups, y.shape[-1] // groups).transpose(1, 0, 2)


def gather(dy: Array, kernel: Array, windows: Windows, size: Pair, groups: int, ctx: Context) -> Array:
    """Return dL/dx of images without their padding, for windows of stride 1: the convolution of dy, turned around.

    dx[i] = sum over a of dy[i + padding - a dilation] W[a].T: the sum over windows of dy with the kernel reversed.
    """
    kh, kw, channels, outputs = kernel.shape
    reversed_kernel = kernel[::-1, ::-1].reshape(kh, kw, channels, groups, outputs // groups)
    reversed_kernel = reversed_kernel.transpose(0, 1, 4, 3, 2).reshape(kh, kw, outputs // groups, groups * channels)
    around = [(span - 1 - p[0], span - 1 - p[1]) for span, p in zip(windows.spans, windows.padding, strict=True)]
    cut = tuple(max(0, -before) for before, _ in around)
    (top, bottom), (left, right) = ((max(0, before), max(0, after)) for before, after in around)
    there = Windows(windows.kernel, dilation=windows.dilation, padding=((top, bottom), (left, right)))
    dx, _ = correlate(dy, reversed_kernel, there, groups, ctx)
    return dx[:, cut[0] : cut[0] + size[0], cut[1] : cut[1] + size[1]]


def scatter(dy: Array, kernel: Array, windows: Windows, size: Pair, groups: int, ctx: Context) -> Array:
    """Return dL/dx of images without their padding: the rows of dX, each added where its window was."""
    (n, rows, columns, _), (kh, kw, channels, _) = dy.shape, kernel.shape
    (top, bottom), (left, right) = windows.padding
    (sh, sw), (dh, dw) = windows.stride, windows.dilation
    padded = ctx.empty((n, top + size[0] + bottom, left + size[1] + right, groups, channels), dy.dtype)
    padded.fill(0)
    product = ctx.empty((groups, n, rows, columns, kw, channels), dy.dtype)
    for a in range(kh):
        row = _by_group(kernel[a], groups).transpose(0, 2, 1)  # (groups, O / groups, kw C / groups)
        np.matmul(_by_group(dy, groups), row, out=product.reshape(groups, n * rows * columns, kw * channels))
        for group in range(groups):
            kernels.add_windows(product[group], a * dh, sh, sw, dw, padded[:, :, :, group])
    whole = padded.reshape(*padded.shape[:3], groups * channels)
    return whole[:, top : top + size[0], left : left + size[1]]
