"""The pictures of the modular network: who is asked where, and who does what."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.plugins.modular.network import Mixture
from neuralzoo.registry import Figure

MOST = 500  # test examples that are drawn
SIDE = 160  # points along each side of a map
MARKS = "osD^vP*Xph"


def draw_gate_map(figure: Any, module: Mixture, data: Any) -> None:
    """Draw which expert is asked where: over the plane if examples are points, else over their principal components."""
    from matplotlib.lines import Line2D

    x = data.test[0][:MOST]
    groups, names = kinds(data, MOST)
    axes = figure.subplots()
    colours = palette(len(module.experts))
    if x.shape[1:] == (2,):
        low, high = x.min(axis=0), x.max(axis=0)
        margin = 0.08 * (high - low)
        low, high = low - margin, high + margin
        plane = np.meshgrid(np.linspace(low[0], high[0], SIDE), np.linspace(low[1], high[1], SIDE))
        points = np.stack(plane, axis=-1).reshape(-1, 2).astype(x.dtype)
        field = (module.gates(points) @ colours).reshape(SIDE, SIDE, 3).clip(0, 1)
        axes.imshow(field, origin="lower", extent=(low[0], high[0], low[1], high[1]), aspect="auto", alpha=0.7)
        places, inside = x, "none"
        axes.set(xlabel="first input", ylabel="second input")
    else:
        places, inside = components(x), ""
        places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))  # of one number there is one component
        axes.set(xlabel="first principal component", ylabel="second principal component")
    mixed = (module.gates(x) @ colours).clip(0, 1)
    for group, name in enumerate(names):
        own = groups == group
        look = {"facecolors": "none", "edgecolors": "#222222"} if inside else {"c": mixed[own]}
        mark = MARKS[group % len(MARKS)]
        axes.scatter(places[own, 0], places[own, 1], s=16, linewidths=0.7, marker=mark, label=name, **look)
    shown = [
        Line2D([], [], linestyle="", marker="s", markersize=9, color=colour, label=f"expert {i + 1}")
        for i, colour in enumerate(colours)
    ]
    marked = [
        Line2D([], [], linestyle="", marker=MARKS[i % len(MARKS)], markerfacecolor="none", color="#222222", label=name)
        for i, name in enumerate(names)
    ]
    axes.legend(handles=[*shown, *marked], fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def draw_who_does_what(figure: Any, module: Mixture, data: Any) -> None:
    """Draw how much each expert is listened to in each sub-task: where a field names none, in each class."""
    groups, names = kinds(data)
    gates = module.gates(data.test[0])
    shares = np.stack([gates[groups == group].mean(axis=0) for group in range(len(names))], axis=1)  # (E, groups)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (expert, group), share in np.ndenumerate(shares):
        axes.text(group, expert, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.6 else "#222222")
    axes.set_xticks(range(len(names)), names, rotation=30 if max(map(len, names)) > 6 else 0)
    axes.set_yticks(range(len(shares)), [f"expert {i + 1}" for i in range(len(shares))])
    figure.colorbar(image, ax=axes, label="share of the gate")


def kinds(data: Any, most: int | None = None) -> tuple[Array, list[str]]:
    """Return of which kind test examples are, and the kinds' names.

    It is the sub-task if columns of 0 and 1 name one, else the class, else the quarter of the range of the first
    number to predict.
    """
    x, target = (array[:most] for array in (data.test[0], data.test[-1]))
    if (columns := field(data.test[0])).size:
        fitting = len(data.classes) == len(columns)
        return x[:, columns].argmax(axis=1), list(
            data.classes if fitting else [f"sub-task {i + 1}" for i in range(len(columns))]
        )
    if target.ndim == 1:
        return target, list(data.classes or map(str, range(data.task.outputs)))
    quarters = np.quantile(data.test[-1][:, 0], [0.25, 0.5, 0.75])
    return np.searchsorted(quarters, target[:, 0]), ["lowest answers", "low", "high", "highest answers"]


def field(x: Array) -> Array:
    """Return the columns of a table that name a sub-task: several, of 0 and 1, of which one is 1 in each row."""
    if x.ndim != 2:
        return np.empty(0, np.intp)
    columns = np.flatnonzero(((x == 0) | (x == 1)).all(axis=0))
    return columns if len(columns) > 1 and (x[:, columns].sum(axis=1) == 1).all() else np.empty(0, np.intp)


def components(x: Array) -> Array:
    """Return the two strongest principal components of examples."""
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
        caption="Whom the gate asks where: a colour for each expert, mixed as the gate mixes them; marks are examples.",
        draw=draw_gate_map,
        by_epoch=True,
    ),
    Figure(
        name="who_does_what",
        caption="How much each expert is listened to in each sub-task, or in each class.",
        draw=draw_who_does_what,
    ),
)
