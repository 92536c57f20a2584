"""Where the windows of a convolution or a pooling lie in an image."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neuralzoo.core.kernels.numpy_backend import pad
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

Pair = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """Where the windows of a convolution lie: sizes for height and width, padding before and after each."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))

    @property
    def spans(self) -> Pair:
        """How many rows and columns a window reaches over."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def least(self) -> Pair:
        """The smallest image (H, W) that a window fits into."""
        height, width = (max(1, span - sum(p)) for span, p in zip(self.spans, self.padding, strict=True))
        return height, width

    def upright(self) -> "Windows":
        """Return the same windows with height and width exchanged."""
        return Windows(self.kernel[::-1], self.stride[::-1], self.dilation[::-1], self.padding[::-1])

    def count(self, size: Pair) -> Pair:
        """Return how many windows fit into an image (H, W), 0 or less where none does."""
        (top, bottom), (left, right) = self.padding
        height, width = size[0] + top + bottom - self.spans[0], size[1] + left + right - self.spans[1]
        return height // self.stride[0] + 1, width // self.stride[1] + 1

    def pad(self, x: Array, ctx: Context) -> Array:
        """Return the images with zeros around them."""
        (top, bottom), (left, right) = self.padding
        if not (top or bottom or left or right):
            return x
        n, h, w, c = x.shape
        padded = ctx.empty((n, top + h + bottom, left + w + right, c), x.dtype)
        pad(x, top, left, padded)
        return padded


def view(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Return a view of an array with these strides: `as_strided`, many times faster for what lies in order."""
    if x.flags.c_contiguous:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return as_strided(x, shape, strides)


def slide(places: Array, width: int, stride: int, columns: int) -> Array:
    """Return a view (P, columns, M, width D) of (P, M, W, D): `width` neighbours in each row as one vector."""
    p, m, _, d = places.shape
    p_stride, m_stride, w_stride, d_stride = places.strides
    shape, strides = (p, columns, m, width * d), (p_stride, stride * w_stride, m_stride, d_stride)
    return view(places, shape, strides)
