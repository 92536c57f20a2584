"""Inputs: what comes in at the door of a network, converted to the arrays that it computes with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FLOAT32 = np.dtype(np.float32)
NEEDED = "it needs an array of numbers, a row for each example"


def as_array(owner: str, x: Any) -> Array:
    """Return x as an array of native byte order; one that is such an array is returned itself.

    Raises: ValueError when it is not made of numbers: None, text, lists of different lengths; or is a single number.
    """
    try:
        array = np.asarray(x)
    except (ValueError, TypeError):
        raise ValueError(f"{owner} got {_kind(x)} of uneven lengths or mixed types; {NEEDED}") from None
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise ValueError(f"{owner} got {_kind(x)}; {NEEDED}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_floats(owner: str, x: Any, dtype: np.dtype[Any] | None) -> Array:
    """Return x as an array of the dtype; without one arrays of float32 or float64 stay, all else becomes float32.

    Raises: ValueError when it is not made of numbers, or one is too large for the dtype.
    """
    array = as_array(owner, x)
    needed = dtype or (np.dtype(np.float64) if array is x and array.dtype == np.float64 else FLOAT32)
    if array.dtype == needed:
        return array
    try:
        with np.errstate(over="raise"):
            return array.astype(needed)
    except FloatingPointError:
        raise ValueError(f"{owner} got {array.dtype} inputs too large for {needed}, in which it computes") from None


def as_tokens(owner: str, x: Any) -> Array:
    """Return tokens as an array of integers.

    Raises: ValueError when they are no integers: floats, bool.
    """
    array = as_array(owner, x)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{owner} got tokens of dtype {array.dtype}; it needs integers")
    return array.astype(np.int64) if array.dtype == np.uint64 else array  # NumPy takes no indices of uint64


def predict_rows(predict: Callable[[Any], Array], x: Any) -> Array:
    """Return predict(x); without examples, an empty array of the shape that predictions have.

    That shape is known from predicting a single example of zeros, of length 1 where it comes with a length.
    """
    first, *rest = x if isinstance(x, tuple) else (x,)
    if len(first):
        return predict(x)
    one = [np.zeros((1, *first.shape[1:]), first.dtype), *(np.ones((1, *a.shape[1:]), a.dtype) for a in rest)]
    return predict(tuple(one) if rest else one[0])[:0].copy()


def _kind(x: Any) -> str:
    return (
        f"an array of {x.dtype}, shape {x.shape}"
        if isinstance(x, np.ndarray)
        else f"an object of type {type(x).__name__}"
    )
