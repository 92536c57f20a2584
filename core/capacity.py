"""Capacity: how large a network may be, checked before its weights take memory."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

MOST_PARAMETERS = 2**28
"""Most parameters of a network: 1 GB in float32, and four times that with gradients and the moments of Adam."""
MOST_LAYERS = 1_000
"""Most layers of one kind that a setting can ask for."""
MOST_DRAWS = 20_000
SIZE_POSITION = {"random": 0, "standard_normal": 0, "normal": 2, "uniform": 2, "integers": 2, "laplace": 2}


class CapacityError(ValueError):
    """A network would have too many parameters."""


class BoundedGenerator(np.random.Generator):
    """Random generator to initialize one network: it draws what NumPy's does, but no more than a network may have.

    Raises: CapacityError before the draw with which the weights would be more than `MOST_PARAMETERS`.
    """

    def __init__(self, bit_generator: np.random.BitGenerator) -> None:
        super().__init__(bit_generator)
        self.drawn = self.draws = 0

    def count(self, size: Any) -> None:
        """Count a draw of this size.

        Raises: CapacityError.
        """
        self.drawn += math.prod(size) if isinstance(size, Iterable) else size or 1
        self.draws += 1
        require_capacity(self.drawn)
        if self.draws > MOST_DRAWS:
            raise CapacityError(
                f"it would have more than {MOST_DRAWS:,} weight arrays, with {self.drawn:,} parameters in the first of "
                f"them; it needs fewer or smaller layers"
            )


def require_capacity(parameters: int) -> None:
    """Check a number of parameters before they take memory.

    Raises: CapacityError when it is more than `MOST_PARAMETERS`.
    """
    if parameters > MOST_PARAMETERS:
        raise CapacityError(
            f"it would have {parameters:,} parameters or more; it needs at most {MOST_PARAMETERS:,}, so fewer or "
            f"smaller layers"
        )


def _counted(name: str, position: int) -> Any:
    """Return the method of a generator that counts what it draws first."""
    draw = getattr(np.random.Generator, name)

    def counted_draw(self: BoundedGenerator, *arguments: Any, **named: Any) -> Any:
        self.count(arguments[position] if len(arguments) > position else named.get("size"))
        return draw(self, *arguments, **named)

    return counted_draw


for _name, _position in SIZE_POSITION.items():
    setattr(BoundedGenerator, _name, _counted(_name, _position))
