"""Maxima of rows, of windows, and of squares, one pass each."""

from typing import Any

import numpy as np

from neuralzoo.core.kernels.numba_backend._jit import compiled

LANES = 16


@compiled
def _larger(new: Any, old: Any) -> Any:
    return new if (new > old) | (new != new) else old  # NaN goes on, as in NumPy; "or" would be a jump


@compiled
def row_max(x: Any, largest: Any) -> None:
    """Set the largest number of each row."""
    count, width = x.shape
    whole = width - width % LANES
    lanes = np.empty(LANES, x.dtype)
    for m in range(count):
        most = x[m, 0]
        if whole:
            for k in range(LANES):  # side by side, which the processor's vectors are made for
                lanes[k] = x[m, k]
            for first in range(LANES, whole, LANES):
                for k in range(LANES):
                    lanes[k] = _larger(x[m, first + k], lanes[k])
            for k in range(LANES):
                most = _larger(lanes[k], most)
        for k in range(whole, width):
            most = _larger(x[m, k], most)
        largest[m] = most


@compiled
def max_windows(x: Any, window: int, stride: int, y: Any, picks: Any) -> None:
    """Set y to the maxima of windows along the middle axis, and `picks`, if not empty, to where they come from."""
    wanted = picks.size > 0
    for a in range(y.shape[0]):
        for p in range(y.shape[1]):
            for b in range(y.shape[2]):
                y[a, p, b] = x[a, p * stride, b]
            for k in range(1, window):
                for b in range(y.shape[2]):
                    new, old = x[a, p * stride + k, b], y[a, p, b]
                    if wanted:
                        picks[k - 1, a, p, b] = new > old
                    y[a, p, b] = _larger(new, old)


@compiled
def max_windows_back(dy: Any, picks: Any, window: int, stride: int, dx: Any, work: Any) -> None:
    """Give dy to the first maximum of each window."""
    overlap = stride < window
    for a in range(dy.shape[0]):
        for p in range(dy.shape[1]):
            first = p * stride
            if window == 2 and not overlap:  # of nearly all windows: short enough for the processor's vectors
                for b in range(dy.shape[2]):
                    taken = dy[a, p, b] * picks[0, a, p, b]
                    dx[a, first, b] = dy[a, p, b] - taken
                    dx[a, first + 1, b] = taken
                continue
            for b in range(dy.shape[2]):
                left = dy[a, p, b]
                for k in range(window - 1, 0, -1):
                    taken = left * picks[k - 1, a, p, b]
                    left -= taken
                    dx[a, first + k, b] = taken + dx[a, first + k, b] if overlap else taken
                dx[a, first, b] = left + dx[a, first, b] if overlap else left


@compiled
def max_squares(x: Any, y: Any, picks: Any) -> None:
    """Set y to the maxima of squares of two by two numbers, and `picks`, if not empty, to where they come from.

    The first of its parts gets the number of the place in reading order, the others are not used.
    """
    wanted = picks.size > 0
    zero, one, two, three = y.dtype.type(0), y.dtype.type(1), y.dtype.type(2), y.dtype.type(3)
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for k in range(y.shape[3]):
                    most, place = x[n, 2 * i, 2 * j, k], zero
                    new = x[n, 2 * i, 2 * j + 1, k]
                    place = one if new > most else place
                    most = _larger(new, most)
                    new = x[n, 2 * i + 1, 2 * j, k]
                    place = two if new > most else place
                    most = _larger(new, most)
                    new = x[n, 2 * i + 1, 2 * j + 1, k]
                    place = three if new > most else place
                    most = _larger(new, most)
                    y[n, i, j, k] = most
                    if wanted:
                        picks[0, n, i, j, k] = place


@compiled
def max_squares_back(dy: Any, picks: Any, dx: Any) -> None:
    """Give dy to the first maximum of each square in reading order, and 0 to its other numbers."""
    zero = dx.dtype.type(0)
    for n in range(dy.shape[0]):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):  # a short loop for each place suits the processor's vectors
                for k in range(dy.shape[3]):
                    dx[n, 2 * i, 2 * j, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 0 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i, 2 * j + 1, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 1 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i + 1, 2 * j, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 2 else zero
                for k in range(dy.shape[3]):
                    dx[n, 2 * i + 1, 2 * j + 1, k] = dy[n, i, j, k] if picks[0, n, i, j, k] == 3 else zero
