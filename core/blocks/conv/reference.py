"""2-D convolution as its definition says, one kernel position at a time: what `im2col` computes, to be read first."""

from collections.abc import Callable

import numpy as np

from neuralzoo.core.blocks.conv.geometry import ConvGeometry
from neuralzoo.core.module import Array


def conv2d(
    x: Array, weight: Array, bias: Array, geometry: ConvGeometry, groups: int = 1
) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """2-D convolution and its pullback, from dy to (dx, dweight, dbias).

        y = sum over a, b of  x_ab W_ab + bias          dW_ab = x_ab.T dy          dx_ab += dy W_ab.T

    with x_ab what kernel position (a, b) reads at all output positions: every stride-th row and column of x from
    a dilation - padding and b dilation - padding on.

    Shapes: x is (N, H, W, C), weight is (kh, kw, C / groups, O), bias is (O,), y is (N, H', W', O).
    """
    (rows, columns), (sh, sw), (dh, dw) = geometry.output_size(x.shape[1:3]), geometry.stride, geometry.dilation
    padded = np.pad(x, ((0, 0), *geometry.padding, (0, 0)))
    inputs, outputs = (np.split(np.arange(n), groups) for n in (x.shape[3], len(bias)))  # channels of each group
    reads = {
        (a, b): np.s_[:, a * dh : a * dh + rows * sh : sh, b * dw : b * dw + columns * sw : sw]
        for a, b in np.ndindex(geometry.kernel)
    }

    y = np.zeros((len(x), rows, columns, len(bias))) + bias
    for (a, b), read in reads.items():
        for c, o in zip(inputs, outputs, strict=True):
            y[..., o] += padded[read][..., c] @ weight[a, b][:, o]

    def pull(dy: Array) -> tuple[Array, Array, Array]:
        dpadded, dweight = np.zeros(padded.shape), np.zeros(weight.shape)
        for (a, b), read in reads.items():
            for c, o in zip(inputs, outputs, strict=True):
                dweight[a, b][:, o] = np.einsum("nijc,nijo->co", padded[read][..., c], dy[..., o])
                dpadded[read][..., c] += dy[..., o] @ weight[a, b][:, o].T
        (top, _), (left, _) = geometry.padding
        return dpadded[:, top : top + x.shape[1], left : left + x.shape[2]], dweight, dy.sum(axis=(0, 1, 2))

    return y, pull
