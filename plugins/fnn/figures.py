"""Figures of the feed-forward network."""

from typing import Any

from neuralzoo.core.plots.palette import DIVERGING
from neuralzoo.plugins.fnn.network import FNN
from neuralzoo.registry import Figure
from neuralzoo.registry.dataset import Dataset


def draw_first_layer_weights(figure: Any, module: FNN, data: Dataset) -> None:
    """Draw the weights of the first-layer units of largest norm: red is positive, blue negative."""
    inputs = data.test[0][0]
    weights = module.dense[0].weight.value.T  # (units, inputs)
    strongest = (weights**2).sum(axis=1).argsort()[::-1][:32]
    for axes, unit in zip(figure.subplots(4, 8).flat, strongest, strict=False):
        image = weights[unit].reshape(inputs.shape)
        image = image.mean(axis=-1) if image.ndim == 3 else image.reshape(1, -1)
        limit = float(abs(image).max())
        axes.imshow(image, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="equal" if len(image) > 1 else "auto")
    for axes in figure.axes:
        axes.set_axis_off()


FIGURES = (
    Figure(
        name="first_layer_weights",
        caption="Weights of the first-layer units of largest norm: red is positive, blue negative.",
        draw=draw_first_layer_weights,
    ),
)
