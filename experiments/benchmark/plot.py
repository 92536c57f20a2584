"""The scaling plot: time of a training step by size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuralzoo.core.plots.palette import SERIES

COLUMNS = 4
COLOURS = {"batch": SERIES[1], "width": SERIES[0], "length": SERIES[2]}


def draw_scaling(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw the time of a step against its size, a panel for each architecture, and its multiply-adds dashed."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["architecture"] for row in rows))
    height = -(-len(names) // COLUMNS)
    # Text stays text, and equal results give an equal file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "scaling", "font.size": 8}):
        figure = Figure(figsize=(2.6 * COLUMNS, 2.2 * height + 0.4), layout="constrained")
        grid = figure.subplots(height, COLUMNS, squeeze=False, sharex=True).ravel()
        for panel, name in zip(grid, names, strict=False):
            _draw(panel, [row for row in rows if row["architecture"] == name])
            panel.set_title(name)
        for panel in grid[len(names) :]:
            panel.set_axis_off()
        figure.supxlabel("size, as a multiple of the reference configuration's (dashed: growth of its multiply-adds)")
        figure.supylabel("ms per training step")
        handles = {line.get_label(): line for panel in figure.axes for line in panel.get_lines()}
        shown = [axis for axis in COLOURS if axis in handles]
        figure.legend([handles[axis] for axis in shown], shown, loc="outside upper right", ncols=len(shown))
        figure.savefig(file, metadata={"Date": None})


def _draw(panel: Any, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        factors, colour = row["factors"], COLOURS[row["axis"]]
        panel.loglog(factors, [1e3 * s for s in row["seconds"]], "o-", ms=3, lw=1.2, color=colour, label=row["axis"])
        last, counted = row["seconds"][-1], row["multiply_adds"]
        if counted[-1]:
            arithmetic = [1e3 * last * count / counted[-1] for count in counted]
            panel.loglog(factors, arithmetic, "--", lw=0.8, color=colour)
    panel.set_xticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
    panel.minorticks_off()
