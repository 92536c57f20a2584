"""The pictures of the radial basis function network."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.plugins.rbfn.network import RBFN
from neuralzoo.registry import Figure

POINTS = 1000  # examples that are drawn at most
GRID = 120
PICTURES = 32
AROUND = 0.3  # of the data's extent, drawn around them
AWAY = 6.0  # radii of the data that the line goes outside
GREY, INK, LIMIT = "#7a8ba3", "#1f2937", "#c2410c"


def draw_centres(figure: Any, module: RBFN, data: Any) -> None:
    """Draw where the centres are: circles of their widths over points, pictures, or lines over those of examples."""
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
        strongest = strongest_units(module)[:PICTURES]
        for axes, unit in zip(figure.subplots(4, 8).flat, strongest, strict=False):
            picture = np.clip(centres[unit].reshape(shape), 0, 1)
            axes.imshow(picture if shape[-1] == 3 else picture.mean(axis=-1), cmap="gray_r", vmin=0, vmax=1)
        for axes in figure.axes:
            axes.set_axis_off()
    else:
        above, below = figure.subplots(2, 1, sharex=True)
        places = range(x.shape[1])
        lines = {"marker": "." if x.shape[1] < 20 else "", "linewidth": 0.6, "alpha": 0.3}
        above.plot(places, x[:POINTS:10].T, color=GREY, **lines)
        below.plot(places, centres[strongest_units(module)[:PICTURES]].T, color=LIMIT, **lines | {"alpha": 0.6})
        above.set(title="examples")
        below.set(title="centres of the strongest units", xlabel="input")
        below.locator_params(axis="x", integer=True)


def draw_surface(figure: Any, module: RBFN, data: Any) -> None:
    """Draw the answers over the plane in which the inputs differ most, and the examples on it."""
    x = rows(data.train[0])
    middle, ways = plane(x)
    flat = (x - middle) @ ways.T  # (N, 2)
    low, high = extent(flat)
    across, up = (np.linspace(low[i], high[i], GRID) for i in range(2))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    inputs = (middle + grid @ ways).astype(x.dtype)
    y = module.predict(inputs.reshape(-1, *data.train[0].shape[1:]))
    axes = figure.subplots()
    if is_classification(data):
        answer, top = y.argmax(axis=-1).reshape(GRID, GRID), max(y.shape[1] - 1, 1)
        axes.pcolormesh(across, up, answer, cmap="tab10", vmin=0, vmax=max(top, 9), alpha=0.35, rasterized=True)
    else:
        t = data.train[1][:, 0]
        limits = {"vmin": float(t.min()), "vmax": float(t.max())}
        mesh = axes.pcolormesh(across, up, y[:, 0].reshape(GRID, GRID), cmap="viridis", rasterized=True, **limits)
        figure.colorbar(mesh, label="answer", extend="both")
    scatter(axes, flat, data)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if x.shape[1] == 2:
        axes.set(aspect="equal")
    else:
        axes.set(xlabel="direction in which inputs differ most", ylabel="second such direction")


def draw_fall_back(figure: Any, module: RBFN, data: Any) -> None:
    """Draw the outputs along a line through the data and out of them; the biases are dashed."""
    x = rows(data.train[0])
    middle, ways = plane(x)
    along = (x - middle) @ ways[0]
    radius = float(np.abs(along).max()) or 1.0
    reach = float(np.exp(module.units.log_width.value.max())) / radius
    away = max(AWAY, 1 + 5 * reach)  # five widths outside a Gaussian is 4e-6
    place = np.linspace(-away, away, 601)
    inputs = (middle + np.outer(place * radius, ways[0])).astype(x.dtype)
    y, bias = module.predict(inputs.reshape(-1, *data.train[0].shape[1:])), module.output.bias
    axes = figure.subplots()
    axes.axvspan(float(along.min()) / radius, float(along.max()) / radius, color=GREY, alpha=0.2, label="data")
    many = y.shape[1] > 1
    for number, answer in enumerate(y.T):
        colour = f"C{number % 10}" if many else LIMIT
        axes.plot(place, answer, color=colour, linewidth=1.2, label=None if many else "answer")
        if bias is not None:
            axes.axhline(float(bias.value[number]), color=colour if many else INK, linestyle="--", linewidth=0.7)
    axes.plot([], [], color=INK, linestyle="--", linewidth=0.7, label="bias")
    axes.set(xlabel="distance from the middle of the data, in their radius", ylabel="logits" if many else "answer")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def rows(x: Array) -> Array:
    """Return examples as rows of numbers."""
    return x.reshape(len(x), -1)


def plane(x: Array) -> tuple[Array, Array]:
    """Return the mean and the two directions in which rows differ most; two inputs are their own plane.

    Shapes: x is (N, D), the mean (D,), the directions (2, D); the second is zero where D is 1.
    """
    middle, inputs = x.mean(axis=0), x.shape[1]
    if inputs <= 2:
        return np.zeros_like(middle) if inputs == 2 else middle, np.eye(2, inputs, dtype=x.dtype)
    centred = (x[:POINTS] - middle).astype(np.float64)
    ways = np.linalg.svd(centred, full_matrices=False)[2]
    return middle, np.vstack([ways, np.zeros((1, inputs))])[:2].astype(x.dtype)


def extent(x: Array) -> tuple[Array, Array]:
    """Return the corners of what is drawn around points."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = AROUND * np.maximum(high - low, 1e-6)
    return low - margin, high + margin


def scatter(axes: Any, points: Array, data: Any) -> None:
    """Draw examples as points, in the colours of their classes where there are such."""
    colours = {"c": data.train[1][:POINTS], "cmap": "tab10", "vmin": 0, "vmax": 9} if is_classification(data) else {}
    style = colours or {"color": "white", "edgecolors": INK, "linewidths": 0.3}
    axes.scatter(*points[:POINTS].T, s=9, zorder=2, **style)


def is_classification(data: Any) -> bool:
    """Tell whether the answers are classes."""
    return bool(data.task.kind == "classification")


def strongest_units(module: RBFN) -> Array:
    """Return the numbers of the units, those with the largest output weights first."""
    order: Array = np.square(module.output.weight.value).sum(axis=1).argsort()[::-1]
    return order


FIGURES = (
    Figure(
        name="centres",
        caption="Where the radial units stand: as circles of their width, as pictures, or as lines.",
        draw=draw_centres,
    ),
    Figure(
        name="surface",
        caption="What the network answers in the plane in which the inputs differ most, and training examples.",
        draw=draw_surface,
    ),
    Figure(
        name="fall_back",
        caption="Along a line out of the data: far from all centres Gaussian units are silent, the bias answers.",
        draw=draw_fall_back,
    ),
)
