"""Ranges of settings: NaN, infinities and numbers out of range are refused where an object is made."""

import math
from collections.abc import Callable


def require_positive(owner: str, **settings: float) -> None:
    """Check that settings are positive numbers.

    Raises: ValueError when one is not, or is infinite or NaN.
    """
    _require(owner, settings, lambda value: 0 < value < math.inf, "a positive number")


def require_not_negative(owner: str, **settings: float) -> None:
    """Check that settings are numbers of at least 0.

    Raises: ValueError when one is not, or is infinite or NaN.
    """
    _require(owner, settings, lambda value: 0 <= value < math.inf, "a number of at least 0")


def require_fraction(owner: str, **settings: float) -> None:
    """Check that settings are numbers in [0, 1).

    Raises: ValueError when one is not.
    """
    _require(owner, settings, lambda value: 0 <= value < 1, "a number in [0, 1)")


def _require(owner: str, settings: dict[str, float], allowed: Callable[[float], bool], needed: str) -> None:
    for name, value in settings.items():
        if not allowed(value):
            raise ValueError(f"{owner} got {name}={value}; it needs {needed}")
