"""Inputs of a network: one array, or a tuple of arrays; dL/dx is of the first.

Checks pass an input on as it is, and look into it with these functions only.
"""

from collections.abc import Callable
from typing import Any

from neuralzoo.core.module import Array


def arrays_of(x: Any) -> tuple[Array, ...]:
    """Return the arrays of an input, of which there may be one."""
    return x if isinstance(x, tuple) else (x,)


def first_of(x: Any) -> Array:
    """Return the first array, which dL/dx is of."""
    return arrays_of(x)[0]


def with_first(x: Any, array: Array) -> Any:
    """Return the input with another first array."""
    rest = arrays_of(x)[1:]
    return (array, *rest) if rest else array


def each(change: Callable[[Array], Array], x: Any) -> Any:
    """Return the input with every array changed in the same way."""
    first, *rest = [change(array) for array in arrays_of(x)]
    return (first, *rest) if rest else first


def rows_of(x: Any, rows: slice) -> Any:
    """Return a copy of some of the examples, from all arrays the same ones."""
    return each(lambda array: array[rows].copy(), x)


def reversed_rows(x: Any) -> Any:
    """Return a copy with the examples in the opposite order."""
    return rows_of(x, slice(None, None, -1))
