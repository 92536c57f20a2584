"""What a loss is."""

from typing import Protocol

from neuralzoo.core.module import Array


class Loss(Protocol):
    """Loss function: how far predictions are from their targets.

    It returns the mean over the batch and its derivative with respect to the prediction, already divided by the
    batch size, so that gradients do not grow with the batch. It may say in an attribute `quantity` what it measures;
    values of losses that say the same can be compared.
    """

    def __call__(self, prediction: Array, target: Array, /) -> tuple[float, Array]:
        """Return the mean loss and d loss / d prediction, of the prediction's shape and dtype."""
