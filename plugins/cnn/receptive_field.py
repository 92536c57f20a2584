"""Where the units of a convolutional network look: their receptive fields.

Units of one map look at fields of one size, a step apart. A layer of windows of k places, s apart, with p zeros in
front, lets the field of the layer before grow:

    size + (k - 1) step          start - p step          step s
"""

from dataclasses import dataclass

from neuralzoo.core.blocks.combine import Residual, Sequential
from neuralzoo.core.blocks.conv import Conv1D, Conv2D
from neuralzoo.core.blocks.pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from neuralzoo.core.layer import Layer
from neuralzoo.plugins.cnn.network import CNN


@dataclass(frozen=True)
class Field:
    """What the units of a map see along one axis: unit i sees `size` places from `start + i step` on."""

    size: int = 1
    step: int = 1
    start: int = 0

    def after(self, window: int, stride: int, padding: int) -> "Field":
        """Return the field behind windows over this map."""
        return Field(self.size + (window - 1) * self.step, self.step * stride, self.start - padding * self.step)

    def places(self, unit: int) -> range:
        """Return the places that a unit sees; some may lie outside of the example."""
        first = self.start + unit * self.step
        return range(first, first + self.size)


def receptive_fields(network: CNN) -> list[tuple[Field, ...]]:
    """Return for each stage what a unit sees: a field for each axis, height and width or time."""
    fields = (Field(),) * (len(network.shape) - 1)
    found: list[tuple[Field, ...]] = []
    for stage in network.stages:
        for layer in stage.layers:
            fields = _after(layer, fields)
        found.append(fields)
    return found


def _after(layer: Layer, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    match layer:
        case Residual(layer=Sequential(layers=layers)):  # the way around sees less than the way through
            for inner in layers:
                fields = _after(inner, fields)
            return fields
        case Conv1D() | Conv2D():
            axes = zip(layer.geometry.effective_kernel, layer.geometry.stride, layer.geometry.padding, strict=True)
            grown = [(span, stride, padding[0]) for span, stride, padding in axes]
        case MaxPool2D() | AveragePool2D():
            grown = [(window, stride, 0) for window, stride in zip(layer.window, layer.stride, strict=True)]
        case MaxPool1D() | AveragePool1D():
            grown = [(layer.window, layer.stride, 0)]
        case _:
            return fields
    return tuple(field.after(*sizes) for field, sizes in zip(fields, grown[-len(fields) :], strict=True))
