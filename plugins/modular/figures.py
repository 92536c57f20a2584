"""Figures of the mixture of experts: gate weights over the inputs, and by sub-task."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import INK
from neuralzoo.plugins.modular.network import Mixture
from neuralzoo.registry import Figure

MAX_EXAMPLES = 500  # test examples that are drawn
GRID = 160  # points along each side of the map
MARKERS = "osD^vP*Xph"


def draw_gate_map(figure: Any, module: Mixture, data: Any) -> None:
    """Draw the gate weights over the plane if examples are points, else over their principal components."""
    from matplotlib.lines import Line2D

    x = data.test[0][:MAX_EXAMPLES]
    groups, names = example_groups(data, MAX_EXAMPLES)
    axes = figure.subplots()
    colours = palette(len(module.experts))
    if x.shape[1:] == (2,):
        low, high = x.min(axis=0), x.max(axis=0)
        margin = 0.08 * (high - low)
        low, high = low - margin, high + margin
        plane = np.meshgrid(np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID))
        points = np.stack(plane, axis=-1).reshape(-1, 2).astype(x.dtype)
        colour_map = (module.gates(points) @ colours).reshape(GRID, GRID, 3).clip(0, 1)
        axes.imshow(colour_map, origin="lower", extent=(low[0], high[0], low[1], high[1]), aspect="auto", alpha=0.7)
        points_2d, inside = x, "none"
        axes.set(xlabel="first input", ylabel="second input")
    else:
        points_2d, inside = principal_components(x), ""
        points_2d = np.pad(points_2d, ((0, 0), (0, 2 - points_2d.shape[1])))  # a single feature has one component
        axes.set(xlabel="first principal component", ylabel="second principal component")
    mixed = (module.gates(x) @ colours).clip(0, 1)
    for group, name in enumerate(names):
        own = groups == group
        style = {"facecolors": "none", "edgecolors": INK} if inside else {"c": mixed[own]}
        mark = MARKERS[group % len(MARKERS)]
        axes.scatter(points_2d[own, 0], points_2d[own, 1], s=16, linewidths=0.7, marker=mark, label=name, **style)
    shown = [
        Line2D([], [], linestyle="", marker="s", markersize=9, color=colour, label=f"expert {i + 1}")
        for i, colour in enumerate(colours)
    ]
    marked = [
        Line2D([], [], linestyle="", marker=MARKERS[i % len(MARKERS)], markerfacecolor="none", color=INK, label=name)
        for i, name in enumerate(names)
    ]
    axes.legend(handles=[*shown, *marked], fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def draw_expert_usage(figure: Any, module: Mixture, data: Any) -> None:
    """Draw the mean gate weight of each expert for each sub-task or, where there are none, for each class."""
    groups, names = example_groups(data)
    gates = module.gates(data.test[0])
    loads = np.stack([gates[groups == group].mean(axis=0) for group in range(len(names))], axis=1)  # (E, groups)
    axes = figure.subplots()
    image = axes.imshow(loads, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (expert, group), load in np.ndenumerate(loads):
        axes.text(group, expert, f"{load:.2f}", ha="center", va="center", color="white" if load > 0.6 else INK)
    axes.set_xticks(range(len(names)), names, rotation=30 if max(map(len, names)) > 6 else 0)
    axes.set_yticks(range(len(loads)), [f"expert {i + 1}" for i in range(len(loads))])
    figure.colorbar(image, ax=axes, label="mean gate weight")


def example_groups(data: Any, count: int | None = None) -> tuple[Array, list[str]]:
    """Return the group of each test example, and the names of the groups.

    Groups are the sub-tasks if one-hot columns identify them, else the classes, else the quartiles of the first target.
    """
    x, target = (array[:count] for array in (data.test[0], data.test[-1]))
    if (columns := one_hot_columns(data.test[0])).size:
        fitting = len(data.classes) == len(columns)
        return x[:, columns].argmax(axis=1), list(
            data.classes if fitting else [f"sub-task {i + 1}" for i in range(len(columns))]
        )
    if target.ndim == 1:
        return target, list(data.classes or map(str, range(data.task.outputs)))
    quarters = np.quantile(data.test[-1][:, 0], [0.25, 0.5, 0.75])
    return np.searchsorted(quarters, target[:, 0]), ["lowest targets", "low", "high", "highest targets"]


def one_hot_columns(x: Array) -> Array:
    """Return the columns of a table that are a one-hot sub-task: several, of 0 and 1, of which one is 1 in each row."""
    if x.ndim != 2:
        return np.empty(0, np.intp)
    columns = np.flatnonzero(((x == 0) | (x == 1)).all(axis=0))
    return columns if len(columns) > 1 and (x[:, columns].sum(axis=1) == 1).all() else np.empty(0, np.intp)


def principal_components(x: Array) -> Array:
    """Return the first two principal components of examples."""
    rows = x.reshape(len(x), -1).astype(np.float64)
    rows -= rows.mean(axis=0)
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    found: Array = u[:, :2] * s[:2]
    return found


def palette(experts: int) -> Array:
    """Return a colour for each expert.

    Shapes: (E, 3).
    """
    from matplotlib import colormaps

    return np.array([colormaps["tab10"](i % 10)[:3] for i in range(experts)])


FIGURES = (
    Figure(
        name="gate_map",
        caption="Gate weights over the inputs: a colour for each expert, mixed by its weight; markers are examples.",
        draw=draw_gate_map,
        by_epoch=True,
    ),
    Figure(
        name="expert_usage",
        caption="Mean gate weight of each expert in each sub-task, or in each class.",
        draw=draw_expert_usage,
    ),
)
