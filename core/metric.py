"""What a metric is: the quantity it measures, its unit, and which end of it is better."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricInfo:
    """The declaration of a metric: without one a metric is reported, but runs are not ranked by it.

    `quantity` is what it measures, in words: two values are comparable only where it is the same. `direction` is which
    end is the better one, "neither" for what is only watched, such as a gradient's norm.
    """

    quantity: str
    direction: Literal["lower", "higher", "neither"]
    unit: str = ""


def loss_info(loss: object) -> MetricInfo:
    """Return the declaration of a loss: what its attribute `quantity` says, else the name of its class."""
    return MetricInfo(str(getattr(loss, "quantity", "")) or type(loss).__name__, "lower")
