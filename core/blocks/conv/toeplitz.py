"""Convolution with few channels: several neighbouring places at once, so that the matrices are not so narrow.

`places` neighbours see a common stretch of the image. Their weights side by side, shifted by a stride each and 0
elsewhere, are a kernel of its own, with `places` times as many outputs and `places` times the stride:

    B[a, j stride + b dilation, c, j] = W[a, b, c]

The product does more multiplications, those with 0 too, but far fewer numbers are copied, and processors multiply
matrices of some width many times faster than narrow ones.
"""

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neuralzoo.core.blocks.conv.geometry import Windows
from neuralzoo.core.module import Array

FEW = 12  # channels up to which copies of so few numbers and narrow matrices cost more than products with 0
WIDTH = 80  # how many columns of a matrix are about enough


def choose_places(kernel: Array, windows: Windows, columns: int, groups: int) -> int:
    """Return how many of the `columns` places of a row are taken at once, a divisor of it; 1 where there is no gain."""
    channels, outputs = kernel.shape[2:]
    if channels >= FEW or kernel.shape[1] == 1 or groups > 1:
        return 1
    divisors = (places for places in range(1, columns + 1) if columns % places == 0)
    return min(divisors, key=lambda places: abs(places - WIDTH / outputs))


def widen(kernel: Array, windows: Windows, places: int) -> tuple[Array, Windows]:
    """Return the kernel B (kh, width, C, places O) and its windows."""
    kh, _, channels, outputs = kernel.shape
    stride, dilation = windows.stride[1], windows.dilation[1]
    width = (places - 1) * stride + windows.spans[1]
    wide = np.zeros((kh, width, channels, places, outputs), kernel.dtype)
    _band(wide, kernel, stride, dilation)[...] = kernel[..., None, :]
    return wide.reshape(kh, width, channels, places * outputs), replace(
        windows, kernel=(kh, width), stride=(windows.stride[0], places * stride), dilation=(windows.dilation[0], 1)
    )


def narrow(dwide: Array, kernel: Array, windows: Windows, places: int) -> Array:
    """Return dL/d kernel from dL/dB, the pullback of `widen`."""
    kh, width, channels, _ = dwide.shape
    dwide = dwide.reshape(kh, width, channels, places, kernel.shape[3])
    found: Array = _band(dwide, kernel, windows.stride[1], windows.dilation[1]).sum(axis=3)
    return found


def _band(wide: Array, kernel: Array, stride: int, dilation: int) -> Array:
    """Return a view (kh, kw, C, places, O) of what is not 0 in B."""
    kh, kw, channels, outputs = kernel.shape
    height, width, channel, place, output = wide.strides
    shape = (kh, kw, channels, wide.shape[3], outputs)
    return as_strided(wide, shape, (height, dilation * width, channel, place + stride * width, output))
