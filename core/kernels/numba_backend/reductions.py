"""Reductions of rows, one pass."""

from typing import Any

import numpy as np

from neuralzoo.core.kernels.numba_backend._jit import compiled

SIMD_LANES = 16


@compiled
def _maximum(new: Any, old: Any) -> Any:
    return new if (new > old) | (new != new) else old  # propagates NaN as NumPy does; "or" would be a jump


@compiled
def row_max(x: Any, y: Any) -> None:
    """Set y to the maximum of each row, NaN of a row that has one. Shapes: x (M, D), y (M,)."""
    rows, columns = x.shape
    end = columns - columns % SIMD_LANES
    lanes = np.empty(SIMD_LANES, x.dtype)
    for m in range(rows):
        largest = x[m, 0]
        if end:
            for k in range(SIMD_LANES):  # side by side, which the processor's vectors are made for
                lanes[k] = x[m, k]
            for first in range(SIMD_LANES, end, SIMD_LANES):
                for k in range(SIMD_LANES):
                    lanes[k] = _maximum(x[m, first + k], lanes[k])
            for k in range(SIMD_LANES):
                largest = _maximum(lanes[k], largest)
        for k in range(end, columns):
            largest = _maximum(x[m, k], largest)
        y[m] = largest
