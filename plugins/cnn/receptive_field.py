"""Receptive fields of the units of a convolutional network.

The fields of the units of one map have one size, a stride apart. A layer with windows of k positions, stride s and
padding p changes the field of the layer before to

    size + (k - 1) stride          start - p stride          stride s
"""

from dataclasses import dataclass

from neuralzoo.core.blocks.combine import Residual, Sequential
from neuralzoo.core.blocks.conv import Conv1D, Conv2D
from neuralzoo.core.blocks.pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from neuralzoo.core.layer import Layer
from neuralzoo.plugins.cnn.network import CNN


@dataclass(frozen=True)
class ReceptiveField:
    """Receptive fields of a map along one axis: unit i reads `size` positions from `start + i stride` on."""

    size: int = 1
    stride: int = 1
    start: int = 0

    def after(self, window: int, stride: int, padding: int) -> "ReceptiveField":
        """Return the field after a layer of windows over this map."""
        return ReceptiveField(
            self.size + (window - 1) * self.stride, self.stride * stride, self.start - padding * self.stride
        )

    def positions(self, unit: int) -> range:
        """Return the positions that a unit reads; some may lie in the padding."""
        first = self.start + unit * self.stride
        return range(first, first + self.size)


def receptive_fields(network: CNN) -> list[tuple[ReceptiveField, ...]]:
    """Return the receptive fields of each stage, one for each axis: height and width, or time."""
    fields = (ReceptiveField(),) * (len(network.shape) - 1)
    by_stage: list[tuple[ReceptiveField, ...]] = []
    for stage in network.stages:
        for layer in stage.layers:
            fields = _after(layer, fields)
        by_stage.append(fields)
    return by_stage


def _after(layer: Layer, fields: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...]:
    match layer:
        case Residual(layer=Sequential(layers=layers)):  # its field is that of the residual branch
            for inner in layers:
                fields = _after(inner, fields)
            return fields
        case Conv1D() | Conv2D():
            axes = zip(layer.geometry.effective_kernel, layer.geometry.stride, layer.geometry.padding, strict=True)
            windows = [(kernel, stride, padding[0]) for kernel, stride, padding in axes]
        case MaxPool2D() | AveragePool2D():
            windows = [(window, stride, 0) for window, stride in zip(layer.window, layer.stride, strict=True)]
        case MaxPool1D() | AveragePool1D():
            windows = [(layer.window, layer.stride, 0)]
        case _:
            return fields
    return tuple(field.after(*sizes) for field, sizes in zip(fields, windows[-len(fields) :], strict=True))
