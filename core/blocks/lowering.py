"""Convolution as a matrix product: the windows of an image side by side, times the weights.

Images are (N, H, W, C) here; a sequence is an image of height 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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

    def count(self, size: Pair) -> Pair:
        """Return how many windows fit into an image (H, W), 0 or less where none does."""
        h, w = (
            (n + sum(p) - span) // s + 1
            for n, p, span, s in zip(size, self.padding, self.spans, self.stride, strict=True)
        )
        return h, w

    def pad(self, x: Array, ctx: Context) -> Array:
        """Return the images with zeros around them."""
        (top, bottom), (left, right) = self.padding
        if not (top or bottom or left or right):
            return x
        n, h, w, c = x.shape
        padded = ctx.empty((n, h + top + bottom, w + left + right, c), x.dtype)
        padded.fill(0)
        padded[:, top : top + h, left : left + w] = x
        return padded

    def of(self, padded: Array) -> Array:
        """Return a view (N, H', W', kh, kw, C) of all windows."""
        (sh, sw), (dh, dw) = self.stride, self.dilation
        windows = sliding_window_view(padded, self.spans, axis=(1, 2))[:, ::sh, ::sw, :, ::dh, ::dw]
        return windows.transpose(0, 1, 2, 4, 5, 3)

    def scatter(self, dcolumns: Array, size: tuple[int, ...], ctx: Context) -> Array:
        """Return dL/dx of images of a shape, from dL/d windows (N, H', W', kh, kw, C): each number goes home."""
        (top, bottom), (left, right) = self.padding
        (sh, sw), (dh, dw) = self.stride, self.dilation
        n, h, w, c = size
        rows, columns = dcolumns.shape[1:3]
        dx = ctx.empty((n, h + top + bottom, w + left + right, c), dcolumns.dtype)
        dx.fill(0)
        for i, j in np.ndindex(*self.kernel):
            to = dx[:, i * dh :, j * dw :][:, : (rows - 1) * sh + 1 : sh, : (columns - 1) * sw + 1 : sw]
            to += dcolumns[:, :, :, i, j]
        return dx[:, top : top + h, left : left + w]
