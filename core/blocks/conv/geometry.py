"""The geometry of a convolution: where its windows lie in an image."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neuralzoo.core.kernels.numpy_backend import pad
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

Pair = tuple[int, int]


@dataclass(frozen=True)
class ConvGeometry:
    """Kernel, stride and dilation of a convolution, for height and width, and its padding before and after each."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))

    @property
    def effective_kernel(self) -> Pair:
        """Height and width of a window with the gaps of its dilation: dilation (kernel - 1) + 1."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def min_input(self) -> Pair:
        """The smallest image (H, W) that a window fits into."""
        height, width = (max(1, k - sum(p)) for k, p in zip(self.effective_kernel, self.padding, strict=True))
        return height, width

    def transposed(self) -> "ConvGeometry":
        """Return the geometry with height and width exchanged."""
        return ConvGeometry(self.kernel[::-1], self.stride[::-1], self.dilation[::-1], self.padding[::-1])

    def output_size(self, size: Pair) -> Pair:
        """Return (H', W'), the number of windows in an image (H, W), 0 or less where none fits."""
        height, width = (
            n + before + after - k
            for n, (before, after), k in zip(size, self.padding, self.effective_kernel, strict=True)
        )
        return height // self.stride[0] + 1, width // self.stride[1] + 1

    def pad(self, x: Array, ctx: Context) -> Array:
        """Return zero-padded images."""
        (top, bottom), (left, right) = self.padding
        if not (top or bottom or left or right):
            return x
        n, h, w, c = x.shape
        padded = ctx.empty((n, top + h + bottom, left + w + right, c), x.dtype)
        pad(x, top, left, padded)
        return padded


def view(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Return a view of an array with the given strides: `as_strided`, many times faster for contiguous arrays."""
    if x.flags.c_contiguous:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return as_strided(x, shape, strides)


def sliding_windows(x: Array, width: int, stride: int, columns: int) -> Array:
    """Return a view (P, columns, M, width D) of x (P, M, W, D): windows of `width` positions of each row."""
    p, m, _, d = x.shape
    p_stride, m_stride, w_stride, d_stride = x.strides
    shape, strides = (p, columns, m, width * d), (p_stride, stride * w_stride, m_stride, d_stride)
    return view(x, shape, strides)
