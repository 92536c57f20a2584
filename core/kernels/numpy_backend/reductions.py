"""Reductions of rows."""

import numpy as np

from neuralzoo.core.module import Array

SHORT_ROW = 48  # elements of a row below which the maximum over the columns of its transpose is faster, measured


def row_max(x: Array, y: Array) -> None:
    """Set y to the maximum of each row, NaN of a row that has one. Shapes: x (M, D), y (M,)."""
    if x.shape[1] < SHORT_ROW:
        np.max(np.ascontiguousarray(x.T), axis=0, out=y)
    else:
        y[...] = x[np.arange(len(x)), x.argmax(axis=1)]  # `argmax` is quicker than `max` here
