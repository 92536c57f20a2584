"""Max pooling along one axis, and over 2x2 windows of images, one pass each."""

from typing import Any

from neuralzoo.core.kernels.numba_backend._jit import compiled


@compiled
def _maximum(new: Any, old: Any) -> Any:
    return new if (new > old) | (new != new) else old  # propagates NaN as NumPy does; "or" would be a jump


@compiled
def max_pool_axis(x: Any, window: int, stride: int, y: Any, switches: Any) -> None:
    """Max pooling along the middle axis: set y to window maxima, and `switches`, unless empty, to their positions."""
    recorded = switches.size > 0
    for a in range(y.shape[0]):
        for p in range(y.shape[1]):
            for b in range(y.shape[2]):
                y[a, p, b] = x[a, p * stride, b]
            for k in range(1, window):
                for b in range(y.shape[2]):
                    new, old = x[a, p * stride + k, b], y[a, p, b]
                    if recorded:
                        switches[k - 1, a, p, b] = new > old
                    y[a, p, b] = _maximum(new, old)


@compiled
def max_pool_axis_backward(dy: Any, switches: Any, window: int, stride: int, dx: Any, scratch: Any) -> None:
    """Give dy to the first maximum of each window."""
    overlap = stride < window
    for a in range(dy.shape[0]):
        for p in range(dy.shape[1]):
            first = p * stride
            if window == 2 and not overlap:  # of nearly all windows: short enough for the processor's vectors
                for b in range(dy.shape[2]):
                    dx_1 = dy[a, p, b] * switches[0, a, p, b]
                    dx[a, first, b] = dy[a, p, b] - dx_1
                    dx[a, first + 1, b] = dx_1
                continue
            for b in range(dy.shape[2]):
                dm = dy[a, p, b]
                for k in range(window - 1, 0, -1):
                    dx_k = dm * switches[k - 1, a, p, b]
                    dm -= dx_k
                    dx[a, first + k, b] = dx_k + dx[a, first + k, b] if overlap else dx_k
                dx[a, first, b] = dm + dx[a, first, b] if overlap else dm


@compiled
def max_pool_2x2(x: Any, y: Any, switches: Any) -> None:
    """Max pooling over 2x2 windows: set y to window maxima, and `switches`, unless empty, to their positions.

    Its first part gets the position 0 ... 3 in reading order, the others are not used.
    """
    recorded = switches.size > 0
    zero, one, two, three = y.dtype.type(0), y.dtype.type(1), y.dtype.type(2), y.dtype.type(3)
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for k in range(y.shape[3]):
                    largest, position = x[n, 2 * i, 2 * j, k], zero
                    new = x[n, 2 * i, 2 * j + 1, k]
                    position = one if new > largest else position
                    largest = _maximum(new, largest)
                    new = x[n, 2 * i + 1, 2 * j, k]
                    position = two if new > largest else position
                    largest = _maximum(new, largest)
                    new = x[n, 2 * i + 1, 2 * j + 1, k]
                    position = three if new > largest else position
                    largest = _maximum(new, largest)
                    y[n, i, j, k] = largest
                    if recorded:
                        switches[0, n, i, j, k] = position


@compiled
def max_pool_2x2_backward(dy: Any, switches: Any, dx: Any) -> None:
    """Give dy to the first maximum of each 2x2 window in reading order, and 0 to its other elements."""
    zero = dx.dtype.type(0)
    for n in range(dy.shape[0]):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):  # a short loop for each position suits the processor's vectors
                for k in range(dy.shape[3]):
                    dx[n, 2 * i, 2 * j, k] = dy[n, i, j, k] if switches[0, n, i, j, k] == 0 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i, 2 * j + 1, k] = dy[n, i, j, k] if switches[0, n, i, j, k] == 1 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i + 1, 2 * j, k] = dy[n, i, j, k] if switches[0, n, i, j, k] == 2 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i + 1, 2 * j + 1, k] = dy[n, i, j, k] if switches[0, n, i, j, k] == 3 else zero
