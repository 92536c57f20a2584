"""Charts of a comparison as SVG within a page: the page's own font and ink, so that they fit light and dark."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.comparing.comparison import Comparison, Standing
from neuralzoo.experiments.run_group import Record
from neuralzoo.experiments.tracking.store import colour

INK = "#010203"  # drawn in this, shown in the page's own colour of text
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))
WIDTH = 6.4
LEGEND_COLUMNS = 4
POINTS = 80  # of a curve: more are not seen and make the page heavy


@dataclass(frozen=True)
class Look:
    """How a contestant is drawn: its architecture's colour, and a dash where two share one."""

    colour: str
    dash: Any


def looks(standings: Sequence[Standing]) -> dict[str, Look]:
    """Return how each contestant is drawn, by label."""
    used: list[str] = []
    found: dict[str, Look] = {}
    for s in sorted(standings, key=lambda s: s.label):
        shade = colour(s.contestant.experiment.architecture.rpartition(":")[2])
        found[s.label] = Look(shade, DASHES[used.count(shade) % len(DASHES)])
        used.append(shade)
    return found


def results(comparison: Comparison, published: Mapping[str, float]) -> str:
    """Draw each contestant's seeds, their mean with its interval, and the published numbers."""
    style = looks(comparison.standings)
    rows = [s.label for s in comparison.standings] + [name for name in published if name not in style]
    with svg(f"{comparison.info.name}-results", (WIDTH * 1.6, 0.75 + 0.42 * len(rows))) as (figure, page):
        axes = figure.subplots()
        for row, s in enumerate(comparison.standings):
            values = [record.metrics[comparison.headline] for record in s.records]
            shade = style[s.label].colour
            if len(values) > 1:
                axes.plot([s.low, s.high], [row, row], color=shade, linewidth=7, alpha=0.28, solid_capstyle="round")
            axes.plot(values, [row] * len(values), "o", color=shade, alpha=0.55, markersize=5, markeredgewidth=0)
            axes.plot([s.mean], [row], "|", color=shade, markersize=17, markeredgewidth=3)
        for name, value in published.items():
            label = "published" if name == next(iter(published)) else None
            axes.plot(
                value, rows.index(name), "D", color="none", markeredgecolor=INK, markersize=7, label=label, alpha=0.8
            )
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(comparison.headline)
        axes.grid(axis="x", color=INK, alpha=0.12)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        if published:
            figure.legend(loc="outside lower right", frameon=False, labelcolor=INK)
    return page[0]


def curves(comparison: Comparison, metric: str, against: str) -> str:
    """Draw a metric of all contestants against steps or seconds: the mean of the seeds, and a band over them."""
    style = looks(comparison.standings)
    size = WIDTH, 3.9 + 0.22 * len(style) / LEGEND_COLUMNS
    with svg(f"{comparison.info.name}-{metric}-{against}", size) as (figure, page):
        axes = figure.subplots()
        for s in comparison.standings:
            y = over_seeds(s.records, metric)
            if not y.size:
                continue
            x = over_seeds(s.records, "time/train_s").mean(axis=0) if against == "seconds" else steps(s.records[0])
            shown = np.unique(np.linspace(0, y.shape[1] - 1, POINTS).round().astype(int))
            look, x, y = style[s.label], x[shown], y[:, shown]
            marker = "o" if y.shape[1] == 1 else ""
            axes.plot(
                x, y.mean(axis=0), color=look.colour, linestyle=look.dash, marker=marker, linewidth=1.8, label=s.label
            )
            axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=look.colour, alpha=0.16, linewidth=0)
        values = np.concatenate([line.get_ydata() for line in axes.lines] or [np.ones(1)])
        if metric.endswith("loss") and 0 < 10 * values.min() < values.max():  # else the ticks say little
            axes.set_yscale("log")
        ends = [line.get_xdata()[-1] for line in axes.lines]
        if against == "seconds" and 0 < 10 * min(ends, default=0) < max(ends):
            axes.set_xscale("log")  # or the fast ones would be a stroke at the edge
        axes.set(xlabel="optimizer steps" if against == "steps" else "training seconds", title=metric)
        axes.grid(color=INK, alpha=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", frameon=False, labelcolor=INK, ncols=LEGEND_COLUMNS)
    return page[0]


def curve_metrics(comparison: Comparison) -> list[str]:
    """Return what is worth a curve: the headline metric and the loss in training, on held-out data where there is."""
    seen = {name for s in comparison.standings for epoch in s.records[0].history[:1] for name in epoch}
    short = comparison.headline.partition("/")[2]
    wanted = [(f"val/{short}", f"train/{short}"), ("val/loss", "train/loss"), ("train/loss",)]
    found = [next((name for name in names if name in seen), None) for names in wanted]
    return list(dict.fromkeys(name for name in found if name is not None))[:2]


def over_seeds(records: Sequence[Record], metric: str) -> Array:
    """Return a metric after each epoch, a row for each seed; as many epochs as all seeds have.

    Shapes: (seeds, epochs), empty where the metric is not measured.
    """
    histories = [[epoch[metric] for epoch in record.history if metric in epoch] for record in records]
    shortest = min(map(len, histories))
    return np.array([history[:shortest] for history in histories]).reshape(len(records), shortest)


def steps(record: Record) -> Array:
    """Return the number of steps that were done after each epoch."""
    epochs = len(record.history)
    return np.arange(1, epochs + 1) * (record.steps / max(epochs, 1))


@contextmanager
def svg(name: str, size: tuple[float, float]) -> Iterator[tuple[Any, list[str]]]:
    """Hand out an empty figure, and a list that has its SVG afterwards."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    ink: dict[Any, Any] = {
        key: INK for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    }
    plain: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 11, "axes.titlesize": 12}
    page: list[str] = []
    with matplotlib.rc_context({**plain, **ink}):
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_alpha(0)
        FigureCanvasSVG(figure)
        yield figure, page
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    page.append(_inline(file.getvalue(), name))


def _inline(text: str, name: str) -> str:
    """Return an SVG file as an element of a page: it scales, its ink is the page's, its names are its own."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<g) id="[a-zA-Z]+_\d+"', r"\1", text)
    text = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{name}">', text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    # A tenth of a point is enough for a path.
    text = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\d\.\d)\d+", r"\1", path.group()), text)
    return text.replace(INK, "currentColor").strip()
