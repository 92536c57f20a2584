"""im2col: convolution as a matrix product of the windows of an image, as rows X, and the weights.

    y = X W          dW = X.T dy          dX = dy W.T, summed into dx position by position (col2im)

Images are (N, H, W, C), kernels (kh, kw, C / groups, O); a sequence is an image of height or width 1.
"""

from collections.abc import Callable

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.blocks.conv.geometry import ConvGeometry, Pair, sliding_windows, view
from neuralzoo.core.blocks.conv.toeplitz import choose_block_width, expand_kernel, fold_kernel_grad
from neuralzoo.core.blocks.conv.winograd import conv_f2_3, supports_f2_3
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

KernelPullback = Callable[[Array], Array]
"""From dL/dy (N, H', W', O) to dL/d kernel."""

MIN_CHANNELS_SLIDING = 8  # from which on rows of so few elements are copied quickly enough


class Im2colConv:
    """A convolution with given weights, for images of W' output columns, and its backward pass.

    A kernel of few channels is applied to a block of neighbouring positions at once (see `toeplitz`).
    """

    def __init__(self, kernel: Array, geometry: ConvGeometry, groups: int, columns: int) -> None:
        self.kernel, self.geometry, self.groups = kernel, geometry, groups
        self.block = choose_block_width(kernel, columns, groups)
        self.expanded, self.expanded_geometry = (
            (kernel, geometry) if self.block == 1 else expand_kernel(kernel, geometry, self.block)
        )

    def forward(self, x: Array, ctx: Context) -> tuple[Array, KernelPullback]:
        """Return y (N, H', W', O) and the pullback to the kernel."""
        y, pull = correlate(x, self.expanded, self.expanded_geometry, self.groups, ctx)

        def pull_kernel(dy: Array) -> Array:
            dexpanded = pull(self._merge_blocks(dy))
            if self.block == 1:
                return dexpanded
            return fold_kernel_grad(dexpanded, self.kernel, self.geometry, self.block)

        return y.reshape(*y.shape[:2], -1, self.kernel.shape[3]), pull_kernel

    def backward_input(self, dy: Array, size: Pair, ctx: Context) -> Array:
        """Return dL/dx of images (H, W) from dy (N, H', W', O)."""
        dense = self.expanded_geometry.stride == (1, 1)
        backward = backward_input_dense if dense else backward_input_strided
        return backward(self._merge_blocks(dy), self.expanded, self.expanded_geometry, size, self.groups, ctx)

    def _merge_blocks(self, dy: Array) -> Array:
        """Return dy with the positions of a block as channels."""
        n, rows, columns, _ = dy.shape
        return np.ascontiguousarray(dy).reshape(n, rows, columns // self.block, -1)


def correlate(
    x: Array, kernel: Array, geometry: ConvGeometry, groups: int, ctx: Context
) -> tuple[Array, KernelPullback]:
    """Return the cross-correlation of images and the kernel, and the pullback to the kernel."""
    rows, columns = geometry.output_size((x.shape[1], x.shape[2]))
    if supports_f2_3(kernel, geometry, groups):
        return conv_f2_3(x, kernel, geometry, ctx)
    x = geometry.pad(x, ctx)
    kh, kw, channels, outputs = kernel.shape
    y = ctx.empty((len(x), rows, columns, outputs), np.result_type(x, kernel))
    if kw > 1 and geometry.dilation[1] == 1 and groups == 1 and channels >= MIN_CHANNELS_SLIDING:
        matrices = _im2col_rows(x, geometry, rows, columns, ctx)  # (W', N H', kw kh C)
        np.matmul(matrices, kernel.transpose(1, 0, 2, 3).reshape(-1, outputs), out=_by_column(y))

        def pull(dy: Array) -> Array:
            product: Array = np.matmul(matrices.transpose(0, 2, 1), _by_column(dy)).sum(axis=0)
            return product.reshape(kw, kh, channels, outputs).transpose(1, 0, 2, 3)

    else:
        matrices = _im2col(x, geometry, rows, columns, groups, ctx)  # (groups, N H' W', kh kw C)
        np.matmul(matrices, _by_group(kernel, groups), out=_by_group(y, groups))

        def pull(dy: Array) -> Array:
            product: Array = np.matmul(matrices.transpose(0, 2, 1), _by_group(dy, groups))
            return product.transpose(1, 0, 2).reshape(kernel.shape)

    return y, pull


def _im2col(x: Array, geometry: ConvGeometry, rows: int, columns: int, groups: int, ctx: Context) -> Array:
    """Return all windows as rows of matrices, one for each group of channels."""
    (n, _, _, c), (n_stride, h_stride, w_stride, c_stride) = x.shape, x.strides
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.stride, geometry.dilation
    of_group = c // groups
    windowed = view(
        x,
        (groups, n, rows, columns, kh, kw, of_group),
        (of_group * c_stride, n_stride, sh * h_stride, sw * w_stride, dh * h_stride, dw * w_stride, c_stride),
    )
    copy = ctx.empty(windowed.shape, x.dtype)
    copy[...] = windowed
    return copy.reshape(groups, n * rows * columns, kh * kw * of_group)


def _im2col_rows(x: Array, geometry: ConvGeometry, rows: int, columns: int, ctx: Context) -> Array:
    """Return all windows as rows of matrices, one for each column of windows.

    Only the height is unfolded. With the rows of a window side by side at each position, neighbouring positions are a
    contiguous window, so that overlapping matrices are read from kw times less memory.
    """
    (n, _, w, c), (n_stride, h_stride, w_stride, c_stride) = x.shape, x.strides
    (kh, kw), (sh, sw), dh = geometry.kernel, geometry.stride, geometry.dilation[0]
    strides = (n_stride, sh * h_stride, w_stride, dh * h_stride, c_stride)
    unfolded = ctx.empty((n, rows, w, kh, c), x.dtype)
    unfolded[...] = view(x, unfolded.shape, strides)
    positions = unfolded.reshape(1, n * rows, w, kh * c)
    return np.squeeze(sliding_windows(positions, kw, sw, columns), 0)


def _by_column(y: Array) -> Array:
    """Return a view (W', N H', O) of images."""
    n, rows, columns, outputs = y.shape
    return y.reshape(n * rows, columns, outputs).transpose(1, 0, 2)


def _by_group(y: Array, groups: int) -> Array:
    """Return a view (groups, all other axes but the last, O / groups)."""
    return y.reshape(-1, groups, y.shape[-1] // groups).transpose(1, 0, 2)


def backward_input_dense(
    dy: Array, kernel: Array, geometry: ConvGeometry, size: Pair, groups: int, ctx: Context
) -> Array:
    """Return dL/dx of images without their padding, for stride 1: dy convolved with the flipped kernel.

    dx[i] = sum over a of dy[i + padding - a dilation] W[a].T
    """
    kh, kw, channels, outputs = kernel.shape
    flipped = kernel[::-1, ::-1].reshape(kh, kw, channels, groups, outputs // groups)
    flipped = flipped.transpose(0, 1, 4, 3, 2).reshape(kh, kw, outputs // groups, groups * channels)
    margins = [(k - 1 - p[0], k - 1 - p[1]) for k, p in zip(geometry.effective_kernel, geometry.padding, strict=True)]
    crop = tuple(max(0, -before) for before, _ in margins)
    (top, bottom), (left, right) = ((max(0, before), max(0, after)) for before, after in margins)
    backward = ConvGeometry(geometry.kernel, dilation=geometry.dilation, padding=((top, bottom), (left, right)))
    dx, _ = correlate(dy, flipped, backward, groups, ctx)
    return dx[:, crop[0] : crop[0] + size[0], crop[1] : crop[1] + size[1]]


def backward_input_strided(
    dy: Array, kernel: Array, geometry: ConvGeometry, size: Pair, groups: int, ctx: Context
) -> Array:
    """Return dL/dx of images without their padding, for any stride: the rows of dX, added up (col2im)."""
    (n, rows, columns, _), (kh, kw, channels, _) = dy.shape, kernel.shape
    (top, bottom), (left, right) = geometry.padding
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    padded = ctx.empty((n, top + size[0] + bottom, left + size[1] + right, groups, channels), dy.dtype)
    padded.fill(0)
    windows = ctx.empty((groups, n, rows, columns, kw, channels), dy.dtype)
    for a in range(kh):
        row = _by_group(kernel[a], groups).transpose(0, 2, 1)  # (groups, O / groups, kw C / groups)
        np.matmul(_by_group(dy, groups), row, out=windows.reshape(groups, n * rows * columns, kw * channels))
        for group in range(groups):
            kernels.col2im_add(windows[group], a * dh, sh, sw, dw, padded[:, :, :, group])
    padded = padded.reshape(*padded.shape[:3], groups * channels)
    return padded[:, top : top + size[0], left : left + size[1]]
