"""Pooling layers: the maximum or mean of each channel over windows, or over all positions."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Array

Pair = tuple[int, int]

PoolAxis = Callable[[Array, int, int, int, Context], tuple[Array, Pullback]]
"""Pools windows along one axis: a function of (x, axis, window, stride, ctx)."""


class _Pool2D(Layer, ABC):
    """Pools windows of images, along one axis after the other.

    Columns come before rows: of equal maxima the first one in reading order is taken, as in PyTorch.
    """

    def __init__(self, window: int | Pair, stride: int | Pair | None = None) -> None:
        self.window = (window, window) if isinstance(window, int) else window
        stride = self.window if stride is None else stride
        self.stride = (stride, stride) if isinstance(stride, int) else stride
        _check_sizes(self, *self.window, *self.stride)

    def output_shape(self, size: Pair) -> Pair:
        """Return (H', W') for images of (H, W).

        Raises: ValueError when the window does not fit into the image.
        """
        (height, width), (sh, sw) = self.window, self.stride
        if size[0] < height or size[1] < width:
            raise ValueError(
                f"{type(self).__name__} got images of {size[0]} x {size[1]}; its window needs at least "
                f"{height} x {width}"
            )
        return (size[0] - height) // sh + 1, (size[1] - width) // sw + 1

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the pooled images and their pullback."""
        if x.ndim != 4:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, H, W, C)")
        self.output_shape((x.shape[1], x.shape[2]))
        return self._pool(x, ctx)

    def _pool(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        columns, pull_columns = self._pool_axis(x, 2, self.window[1], self.stride[1], ctx)
        y, pull_rows = self._pool_axis(columns, 1, self.window[0], self.stride[0], ctx)
        if not ctx.recording:
            return y, unrecorded_pullback
        return y, lambda dy: pull_columns(pull_rows(dy)) if ctx.needs_grad(x) else zero_grad_like(x)

    @property
    @abstractmethod
    def _pool_axis(self) -> PoolAxis: ...


class _Pool1D(Layer, ABC):
    """Pools windows of sequences."""

    def __init__(self, window: int, stride: int | None = None) -> None:
        self.window = window
        self.stride = window if stride is None else stride
        _check_sizes(self, self.window, self.stride)

    def output_shape(self, steps: int) -> int:
        """Return T' for sequences of T steps.

        Raises: ValueError when the window does not fit into the sequence.
        """
        if steps < self.window:
            raise ValueError(
                f"{type(self).__name__} got sequences of {steps} steps; its window needs at least {self.window}"
            )
        return (steps - self.window) // self.stride + 1

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the pooled sequences and their pullback."""
        if x.ndim != 3:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, T, D)")
        self.output_shape(x.shape[1])
        y, pull = self._pool_axis(x, 1, self.window, self.stride, ctx)
        if not ctx.recording:
            return y, unrecorded_pullback
        return y, lambda dy: pull(dy) if ctx.needs_grad(x) else zero_grad_like(x)

    @property
    @abstractmethod
    def _pool_axis(self) -> PoolAxis: ...


class MaxPool2D(_Pool2D):
    """2-D max pooling: the maximum of each window, channel by channel.

        y[n, i, j, c] = max over a, b of  x[n, i stride + a, j stride + b, c]

    dx is dy at the maximum, the first one in reading order if there are several, and 0 elsewhere; where windows
    overlap, it adds up. Rows and columns beyond the last window are not read.

    Shapes: x is (N, H, W, C), y is (N, H', W', C) with H' = (H - window) // stride + 1; the stride is the window's
    size if none is given.
    Raises: ValueError for sizes below 1, and for x of another shape or smaller than the window.
    Source: Ranzato, Huang, Boureau and LeCun (2007), Unsupervised Learning of Invariant Feature Hierarchies with
    Applications to Object Recognition, https://doi.org/10.1109/CVPR.2007.383157
    """

    def _pool(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        return max_pool_2x2(x, ctx) if self.window == self.stride == (2, 2) else super()._pool(x, ctx)

    @property
    def _pool_axis(self) -> PoolAxis:
        return max_pool_axis


class MaxPool1D(_Pool1D):
    """1-D max pooling: the maximum of each window, channel by channel; see `MaxPool2D`.

    Shapes: x is (N, T, D), y is (N, T', D) with T' = (T - window) // stride + 1.
    Raises: ValueError for sizes below 1, and for x of another shape or shorter than the window.
    """

    @property
    def _pool_axis(self) -> PoolAxis:
        return max_pool_axis


class AveragePool2D(_Pool2D):
    """2-D average pooling: the mean of each window, channel by channel.

        y[n, i, j, c] = mean over a, b of  x[n, i stride + a, j stride + b, c]

    Every element of a window gets an equal part of its dy. Rows and columns beyond the last window are not read.

    Shapes: x is (N, H, W, C), y is (N, H', W', C) with H' = (H - window) // stride + 1; the stride is the window's
    size if none is given.
    Raises: ValueError for sizes below 1, and for x of another shape or smaller than the window.
    Source: LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
    https://doi.org/10.1109/5.726791
    """

    @property
    def _pool_axis(self) -> PoolAxis:
        return average_pool_axis


class AveragePool1D(_Pool1D):
    """1-D average pooling: the mean of each window, channel by channel; see `AveragePool2D`.

    Shapes: x is (N, T, D), y is (N, T', D) with T' = (T - window) // stride + 1.
    Raises: ValueError for sizes below 1, and for x of another shape or shorter than the window.
    """

    @property
    def _pool_axis(self) -> PoolAxis:
        return average_pool_axis


class GlobalAveragePool(Layer):
    """Global average pooling: the mean of each channel over all P positions, dx = dy / P.

    Shapes: x is (N, H, W, C) or (N, T, D), y is (N, C) or (N, D).
    Raises: ValueError when there is no axis between the first and the last, or nothing along them.
    Source: Lin, Chen and Yan (2013), Network In Network, https://arxiv.org/abs/1312.4400
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the means and their pullback."""
        positions = _count_positions(self, x)
        y = np.matmul(np.full((1, positions), 1 / positions, x.dtype), x.reshape(len(x), positions, -1))[:, 0]

        def pull(dy: Array) -> Array:
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            dx = ctx.empty((len(x), positions, x.shape[-1]), dy.dtype)
            np.multiply(dy[:, None], 1 / positions, out=dx)
            return dx.reshape(x.shape)

        return y, pull


class GlobalMaxPool(Layer):
    """Global max pooling: the maximum of each channel; dx is dy at its first position, 0 elsewhere.

    Shapes: x is (N, H, W, C) or (N, T, D), y is (N, C) or (N, D).
    Raises: ValueError when there is no axis between the first and the last, or nothing along them.
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the maxima and their pullback."""
        rows = x.reshape(len(x), _count_positions(self, x), x.shape[-1])
        argmax = rows.argmax(axis=1)[:, None]
        y = np.take_along_axis(rows, argmax, axis=1)[:, 0]

        def pull(dy: Array) -> Array:
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            dx = ctx.empty(rows.shape, dy.dtype)
            dx.fill(0)
            np.put_along_axis(dx, argmax, dy[:, None], axis=1)
            return dx.reshape(x.shape)

        return y, pull


def max_pool_axis(x: Array, axis: int, window: int, stride: int, ctx: Context) -> tuple[Array, Pullback]:
    """Max pooling along one axis, and its pullback, which gives dy to the first maximum."""
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    count = (length - window) // stride + 1
    flat, pooled = (math.prod(before), length, math.prod(after)), (math.prod(before), count, math.prod(after))
    y = ctx.empty((*before, count, *after), x.dtype)
    recorded = ctx.recording and ctx.needs_grad(x)
    switches = ctx.empty((window - 1, *pooled) if recorded else (0, 0, 0, 0), x.dtype)
    kernels.max_pool_axis(x.reshape(flat), window, stride, y.reshape(pooled), switches)

    def pull(dy: Array) -> Array:
        dx = _empty_dx(x, axis, window, stride, dy, ctx)
        scratch = ctx.empty((2, *pooled), dy.dtype)
        kernels.max_pool_axis_backward(dy.reshape(pooled), switches, window, stride, dx.reshape(flat), scratch)
        return dx

    return y, pull


def max_pool_2x2(x: Array, ctx: Context) -> tuple[Array, Pullback]:
    """Max pooling over 2x2 windows of images (N, H, W, C), in one pass, and its pullback."""
    n, height, width, channels = x.shape
    y = ctx.empty((n, height // 2, width // 2, channels), x.dtype)
    recorded = ctx.recording and ctx.needs_grad(x)
    switches = ctx.empty((3, *y.shape) if recorded else (0, 0, 0, 0, 0), x.dtype)
    kernels.max_pool_2x2(x, y, switches)
    if not ctx.recording:
        return y, unrecorded_pullback

    def pull(dy: Array) -> Array:
        if not ctx.needs_grad(x):
            return zero_grad_like(x)
        dx = ctx.empty(x.shape, dy.dtype)
        if height % 2 or width % 2:
            dx.fill(0)
        kernels.max_pool_2x2_backward(dy, switches, dx)
        return dx

    return y, pull


def average_pool_axis(x: Array, axis: int, window: int, stride: int, ctx: Context) -> tuple[Array, Pullback]:
    """Average pooling along one axis, and its pullback."""
    first, *others = reads = _window_slices(x, axis, window, stride)
    y = ctx.empty(x[first].shape, x.dtype)
    y[...] = x[first]
    for read in others:
        y += x[read]
    y *= 1 / window

    def pull(dy: Array) -> Array:
        dx = _empty_dx(x, axis, window, stride, dy, ctx)
        part = np.multiply(dy, 1 / window, out=ctx.empty(dy.shape, dy.dtype))
        for read in reads:
            if stride < window:
                dx[read] += part
            else:
                dx[read] = part
        return dx

    return y, pull


def _window_slices(x: Array, axis: int, window: int, stride: int) -> list[tuple[slice, ...]]:
    """Return the slices of x with the first elements of all windows along an axis, the second ones, and so on."""
    last = (x.shape[axis] - window) // stride * stride
    before = (slice(None),) * axis
    return [(*before, slice(k, k + last + 1, stride)) for k in range(window)]


def _empty_dx(x: Array, axis: int, window: int, stride: int, dy: Array, ctx: Context) -> Array:
    """Return an array for dx: zeros, unless windows without gaps or overlap will set all of it."""
    dx = ctx.empty(x.shape, dy.dtype)
    if stride != window or x.shape[axis] % window:
        dx.fill(0)
    return dx


def _check_sizes(layer: Layer, *sizes: int) -> None:
    if min(sizes) < 1:
        half = len(sizes) // 2
        window, stride = (", ".join(map(str, part)) for part in (sizes[:half], sizes[half:]))
        raise ValueError(f"{type(layer).__name__} got window={window} and stride={stride}; it needs sizes above 0")


def _count_positions(layer: Layer, x: Array) -> int:
    """Return the number of positions: the product of all axes but the first and the last."""
    positions = math.prod(x.shape[1:-1])
    if x.ndim < 3 or positions == 0:
        raise ValueError(f"{type(layer).__name__} got x of shape {x.shape}; it needs (N, H, W, C) or (N, T, D)")
    return positions
