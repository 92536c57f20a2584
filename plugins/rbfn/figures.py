"""Figures of the radial basis function network."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import HIGHLIGHT, INK, NEUTRAL
from neuralzoo.plugins.rbfn.network import RBFN
from neuralzoo.registry import Figure

MAX_POINTS = 1000  # examples that are drawn
GRID = 120  # points along each side of the surface
MAX_CENTRES = 32  # that are drawn as images or lines
MARGIN = 0.3  # of the extent of the data, drawn around it
LINE_RADII = 6.0  # half the length of the line, in radii of the data


def draw_centres(figure: Any, module: RBFN, data: Any) -> None:
    """Draw the centres: as circles of their widths, as images, or as lines beside those of examples."""
    x, shape = rows(data.train[0]), data.train[0].shape[1:]
    centres, width = module.units.centres.value, np.exp(module.units.log_width.value)
    width = np.broadcast_to(width, len(centres))
    if x.shape[1] == 2:
        from matplotlib.patches import Circle

        axes = figure.subplots()
        scatter(axes, x, data)
        for (across, up), radius in zip(centres, width, strict=True):
            axes.add_patch(Circle((across, up), radius, fill=False, color=INK, alpha=0.25, linewidth=0.6))
        axes.plot(*centres.T, "+", color=INK, markersize=5)
        low, high = extent(x)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    elif len(shape) == 3:
        strongest = strongest_units(module)[:MAX_CENTRES]
        for axes, unit in zip(figure.subplots(4, 8).flat, strongest, strict=False):
            image = np.clip(centres[unit].reshape(shape), 0, 1)
            axes.imshow(image if shape[-1] == 3 else image.mean(axis=-1), cmap="gray_r", vmin=0, vmax=1)
        for axes in figure.axes:
            axes.set_axis_off()
    else:
        above, below = figure.subplots(2, 1, sharex=True)
        features = range(x.shape[1])
        lines = {"marker": "." if x.shape[1] < 20 else "", "linewidth": 0.6, "alpha": 0.3}
        above.plot(features, x[:MAX_POINTS:10].T, color=NEUTRAL, **lines)
        below.plot(
            features, centres[strongest_units(module)[:MAX_CENTRES]].T, color=HIGHLIGHT, **lines | {"alpha": 0.6}
        )
        above.set(title="examples")
        below.set(title="centres of the strongest units", xlabel="input")
        below.locator_params(axis="x", integer=True)


def draw_surface(figure: Any, module: RBFN, data: Any) -> None:
    """Draw the predictions over the plane of the first two principal components, and the examples on it."""
    x = rows(data.train[0])
    mean, directions = plane(x)
    flat = (x - mean) @ directions.T  # (N, 2)
    low, high = extent(flat)
    across, up = (np.linspace(low[i], high[i], GRID) for i in range(2))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    inputs = (mean + grid @ directions).astype(x.dtype)
    y = module.predict(inputs.reshape(-1, *data.train[0].shape[1:]))
    axes = figure.subplots()
    if is_classification(data):
        predicted, top = y.argmax(axis=-1).reshape(GRID, GRID), max(y.shape[1] - 1, 1)
        axes.pcolormesh(across, up, predicted, cmap="tab10", vmin=0, vmax=max(top, 9), alpha=0.35, rasterized=True)
    else:
        t = data.train[1][:, 0]
        limits = {"vmin": float(t.min()), "vmax": float(t.max())}
        mesh = axes.pcolormesh(across, up, y[:, 0].reshape(GRID, GRID), cmap="viridis", rasterized=True, **limits)
        figure.colorbar(mesh, label="prediction", extend="both")
    scatter(axes, flat, data)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if x.shape[1] == 2:
        axes.set(aspect="equal")
    else:
        axes.set(xlabel="first principal component", ylabel="second principal component")


def draw_extrapolation(figure: Any, module: RBFN, data: Any) -> None:
    """Draw the outputs along a line through the data and beyond; the biases are dashed."""
    x = rows(data.train[0])
    mean, directions = plane(x)
    along = (x - mean) @ directions[0]
    radius = float(np.abs(along).max()) or 1.0
    reach = float(np.exp(module.units.log_width.value.max())) / radius
    away = max(LINE_RADII, 1 + 5 * reach)  # five widths outside a Gaussian is 4e-6
    position = np.linspace(-away, away, 601)
    inputs = (mean + np.outer(position * radius, directions[0])).astype(x.dtype)
    y, bias = module.predict(inputs.reshape(-1, *data.train[0].shape[1:])), module.output.bias
    axes = figure.subplots()
    axes.axvspan(float(along.min()) / radius, float(along.max()) / radius, color=NEUTRAL, alpha=0.2, label="data")
    many = y.shape[1] > 1
    for number, output in enumerate(y.T):
        colour = f"C{number % 10}" if many else HIGHLIGHT
        axes.plot(position, output, color=colour, linewidth=1.2, label=None if many else "prediction")
        if bias is not None:
            axes.axhline(float(bias.value[number]), color=colour if many else INK, linestyle="--", linewidth=0.7)
    axes.plot([], [], color=INK, linestyle="--", linewidth=0.7, label="bias")
    axes.set(xlabel="distance from the mean of the data, in radii", ylabel="logits" if many else "prediction")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def rows(x: Array) -> Array:
    """Return examples as flat rows."""
    return x.reshape(len(x), -1)


def plane(x: Array) -> tuple[Array, Array]:
    """Return the mean and the first two principal directions; two inputs are their own plane.

    Shapes: x is (N, D), the mean (D,), the directions (2, D); the second is zero where D is 1.
    """
    mean, inputs = x.mean(axis=0), x.shape[1]
    if inputs <= 2:
        return np.zeros_like(mean) if inputs == 2 else mean, np.eye(2, inputs, dtype=x.dtype)
    centred = (x[:MAX_POINTS] - mean).astype(np.float64)
    directions = np.linalg.svd(centred, full_matrices=False)[2]
    return mean, np.vstack([directions, np.zeros((1, inputs))])[:2].astype(x.dtype)


def extent(x: Array) -> tuple[Array, Array]:
    """Return the lower and the upper corner of the axes around points."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = MARGIN * np.maximum(high - low, 1e-6)
    return low - margin, high + margin


def scatter(axes: Any, points: Array, data: Any) -> None:
    """Draw examples as points, coloured by class in classification."""
    colours = (
        {"c": data.train[1][:MAX_POINTS], "cmap": "tab10", "vmin": 0, "vmax": 9} if is_classification(data) else {}
    )
    style = colours or {"color": "white", "edgecolors": INK, "linewidths": 0.3}
    axes.scatter(*points[:MAX_POINTS].T, s=9, zorder=2, **style)


def is_classification(data: Any) -> bool:
    """Return whether the targets are classes."""
    return bool(data.task.kind == "classification")


def strongest_units(module: RBFN) -> Array:
    """Return the indices of the units, those with the largest output weights first."""
    order: Array = np.square(module.output.weight.value).sum(axis=1).argsort()[::-1]
    return order


FIGURES = (
    Figure(
        name="centres",
        caption="Centres of the radial units: as circles of their width, as images, or as lines.",
        draw=draw_centres,
    ),
    Figure(
        name="surface",
        caption="Predictions in the plane of the first two principal components, and training examples.",
        draw=draw_surface,
    ),
    Figure(
        name="extrapolation",
        caption="Outputs along a line out of the data: far from all centres Gaussian units leave the bias.",
        draw=draw_extrapolation,
    ),
)
