"""Pooling: one number for each channel of a window, or of a whole image or sequence."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient, no_pullback
from neuralzoo.core.module import Array

Pair = tuple[int, int]

Fold = Callable[[Array, int, int, int, Context], tuple[Array, Pullback]]
"""Pools along one axis: a function of (x, axis, window, stride, ctx)."""


class _Pool2D(Layer, ABC):
    """Pools windows of images along one axis after the other.

    Columns come before rows: of several equal maxima the first one in reading order is found, as in PyTorch.
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
        (height, width), (down, across) = self.window, self.stride
        if size[0] < height or size[1] < width:
            raise ValueError(
                f"{type(self).__name__} got images of {size[0]} x {size[1]}; its window needs at least "
                f"{height} x {width}"
            )
        return (size[0] - height) // down + 1, (size[1] - width) // across + 1

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the pooled images and their pullback."""
        if x.ndim != 4:
            raise ValueError(f"{type(self).__name__} got x of shape {x.shape}; it needs (N, H, W, C)")
        self.output_shape((x.shape[1], x.shape[2]))
        return self._pool(x, ctx)

    def _pool(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        across, pull_across = self._fold(x, 2, self.window[1], self.stride[1], ctx)
        y, pull_down = self._fold(across, 1, self.window[0], self.stride[0], ctx)
        if not ctx.recording:
            return y, no_pullback
        return y, lambda dy: no_gradient(x) if ctx.skips(x) else pull_across(pull_down(dy))

    @property
    @abstractmethod
    def _fold(self) -> Fold: ...


class _Pool1D(Layer, ABC):
    """Pools windows of sequences along the axis of time."""

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
        y, pull = self._fold(x, 1, self.window, self.stride, ctx)
        if not ctx.recording:
            return y, no_pullback
        return y, lambda dy: no_gradient(x) if ctx.skips(x) else pull(dy)

    @property
    @abstractmethod
    def _fold(self) -> Fold: ...


class MaxPool2D(_Pool2D):
    """Keep the largest number of each window, channel by channel.

        y[n, i, j, c] = max over a, b of  x[n, i stride + a, j stride + b, c]

    dx is dy where the maximum was found, the first one in reading order if there are several, and 0 elsewhere; where
    windows overlap, it adds up. Rows and columns that are left over at the end are not read.

    Shapes: x is (N, H, W, C), y is (N, H', W', C) with H' = (H - window) // stride + 1; the stride is the window's
    size if none is given.
    Raises: ValueError for sizes below 1, and for x of another shape or smaller than the window.
    Source: Ranzato, Huang, Boureau and LeCun (2007), Unsupervised Learning of Invariant Feature Hierarchies with
    Applications to Object Recognition, https://doi.org/10.1109/CVPR.2007.383157
    """

    def _pool(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        return max_of_squares(x, ctx) if self.window == self.stride == (2, 2) else super()._pool(x, ctx)

    @property
    def _fold(self) -> Fold:
        return max_along


class MaxPool1D(_Pool1D):
    """Keep the largest number of each window, channel by channel; see `MaxPool2D`.

    Shapes: x is (N, T, D), y is (N, T', D) with T' = (T - window) // stride + 1.
    Raises: ValueError for sizes below 1, and for x of another shape or shorter than the window.
    """

    @property
    def _fold(self) -> Fold:
        return max_along


class AveragePool2D(_Pool2D):
    """Take the mean of each window, channel by channel.

        y[n, i, j, c] = mean over a, b of  x[n, i stride + a, j stride + b, c]

    Every number of a window gets an equal part of its dy. Rows and columns that are left over are not read.

    Shapes: x is (N, H, W, C), y is (N, H', W', C) with H' = (H - window) // stride + 1; the stride is the window's
    size if none is given.
    Raises: ValueError for sizes below 1, and for x of another shape or smaller than the window.
    Source: LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
    https://doi.org/10.1109/5.726791
    """

    @property
    def _fold(self) -> Fold:
        return mean_along


class AveragePool1D(_Pool1D):
    """Take the mean of each window, channel by channel; see `AveragePool2D`.

    Shapes: x is (N, T, D), y is (N, T', D) with T' = (T - window) // stride + 1.
    Raises: ValueError for sizes below 1, and for x of another shape or shorter than the window.
    """

    @property
    def _fold(self) -> Fold:
        return mean_along


class GlobalAveragePool(Layer):
    """Take the mean of each channel over all places: dx = dy / places, everywhere.

    Shapes: x is (N, H, W, C) or (N, T, D), y is (N, C) or (N, D).
    Raises: ValueError when there is no axis between the first and the last, or nothing along them.
    Source: Lin, Chen and Yan (2013), Network In Network, https://arxiv.org/abs/1312.4400
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the means and their pullback."""
        places = _count(self, x)
        y = np.matmul(np.full((1, places), 1 / places, x.dtype), x.reshape(len(x), places, -1))[:, 0]

        def pull(dy: Array) -> Array:
            if ctx.skips(x):
                return no_gradient(x)
            dx = ctx.empty((len(x), places, x.shape[-1]), dy.dtype)
            np.multiply(dy[:, None], 1 / places, out=dx)
            return dx.reshape(x.shape)

        return y, pull


class GlobalMaxPool(Layer):
    """Keep the largest number of each channel: dx is dy at the first place that has it, 0 elsewhere.

    Shapes: x is (N, H, W, C) or (N, T, D), y is (N, C) or (N, D).
    Raises: ValueError when there is no axis between the first and the last, or nothing along them.
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the maxima and their pullback."""
        rows = x.reshape(len(x), _count(self, x), x.shape[-1])
        where = rows.argmax(axis=1)[:, None]
        y = np.take_along_axis(rows, where, axis=1)[:, 0]

        def pull(dy: Array) -> Array:
            if ctx.skips(x):
                return no_gradient(x)
            dx = ctx.empty(rows.shape, dy.dtype)
            dx.fill(0)
            np.put_along_axis(dx, where, dy[:, None], axis=1)
            return dx.reshape(x.shape)

        return y, pull


def max_along(x: Array, axis: int, window: int, stride: int, ctx: Context) -> tuple[Array, Pullback]:
    """Return the maxima of windows along one axis and their pullback, which gives dy to the first maximum."""
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    places = (length - window) // stride + 1
    whole, pooled = (math.prod(before), length, math.prod(after)), (math.prod(before), places, math.prod(after))
    y = ctx.empty((*before, places, *after), x.dtype)
    wanted = ctx.recording and not ctx.skips(x)
    picks = ctx.empty((window - 1, *pooled) if wanted else (0, 0, 0, 0), x.dtype)
    kernels.max_windows(x.reshape(whole), window, stride, y.reshape(pooled), picks)

    def pull(dy: Array) -> Array:
        dx = _blank(x, axis, window, stride, dy, ctx)
        work = ctx.empty((2, *pooled), dy.dtype)
        kernels.max_windows_back(dy.reshape(pooled), picks, window, stride, dx.reshape(whole), work)
        return dx

    return y, pull


def max_of_squares(x: Array, ctx: Context) -> tuple[Array, Pullback]:
    """Return the maxima of squares of two by two numbers (N, H, W, C) and their pullback, in one pass."""
    n, height, width, channels = x.shape
    y = ctx.empty((n, height // 2, width // 2, channels), x.dtype)
    wanted = ctx.recording and not ctx.skips(x)
    picks = ctx.empty((3, *y.shape) if wanted else (0, 0, 0, 0, 0), x.dtype)
    kernels.max_squares(x, y, picks)
    if not ctx.recording:
        return y, no_pullback

    def pull(dy: Array) -> Array:
        if ctx.skips(x):
            return no_gradient(x)
        dx = ctx.empty(x.shape, dy.dtype)
        if height % 2 or width % 2:
            dx.fill(0)
        kernels.max_squares_back(dy, picks, dx)
        return dx

    return y, pull


def mean_along(x: Array, axis: int, window: int, stride: int, ctx: Context) -> tuple[Array, Pullback]:
    """Return the means of windows along one axis and their pullback."""
    places = _places(x, axis, window, stride)
    y = ctx.empty(x[places[0]].shape, x.dtype)
    y[...] = x[places[0]]
    for place in places[1:]:
        y += x[place]
    y *= 1 / window

    def pull(dy: Array) -> Array:
        dx = _blank(x, axis, window, stride, dy, ctx)
        share = np.multiply(dy, 1 / window, out=ctx.empty(dy.shape, dy.dtype))
        for place in places:
            _put(dx, place, share, overlap=stride < window)
        return dx

    return y, pull


def _places(x: Array, axis: int, window: int, stride: int) -> list[tuple[slice, ...]]:
    """Return where the first numbers of all windows along an axis are, where the second ones, and so on."""
    last = (x.shape[axis] - window) // stride * stride
    before = (slice(None),) * axis
    return [(*before, slice(k, k + last + 1, stride)) for k in range(window)]


def _blank(x: Array, axis: int, window: int, stride: int, dy: Array, ctx: Context) -> Array:
    """Return memory for dx: zeros, but where windows without gaps or overlap will set all of it."""
    dx = ctx.empty(x.shape, dy.dtype)
    if stride != window or x.shape[axis] % window:
        dx.fill(0)
    return dx


def _put(dx: Array, place: tuple[slice, ...], gradient: Array, *, overlap: bool) -> None:
    if overlap:
        dx[place] += gradient
    else:
        dx[place] = gradient


def _check_sizes(layer: Layer, *sizes: int) -> None:
    if min(sizes) < 1:
        half = len(sizes) // 2
        window, stride = (", ".join(map(str, part)) for part in (sizes[:half], sizes[half:]))
        raise ValueError(f"{type(layer).__name__} got window={window} and stride={stride}; it needs numbers above 0")


def _count(layer: Layer, x: Array) -> int:
    """Return how many places there are between the first and the last axis."""
    places = math.prod(x.shape[1:-1])
    if x.ndim < 3 or places == 0:
        raise ValueError(f"{type(layer).__name__} got x of shape {x.shape}; it needs (N, H, W, C) or (N, T, D)")
    return places
