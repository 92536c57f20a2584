"""Charts of a comparison as SVG within a page, in the page's own font and colour of text, light or dark."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import TEXT_PLACEHOLDER
from neuralzoo.experiments.comparing.result import CandidateResult, ComparisonResult, SeedResult
from neuralzoo.experiments.running.colours import architecture_colour

DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))
WIDTH = 6.4  # inches
LEGEND_COLUMNS = 4
MAX_CURVE_POINTS = 80  # more cannot be seen and make the page heavy


@dataclass(frozen=True)
class LineStyle:
    """Line style of a candidate: its architecture's colour, and a dash where two share one."""

    colour: str
    dash: Any


def line_styles(ranking: Sequence[CandidateResult]) -> dict[str, LineStyle]:
    """Return the line style of each candidate by label."""
    used: list[str] = []
    styles: dict[str, LineStyle] = {}
    for r in sorted(ranking, key=lambda r: r.label):
        colour = architecture_colour(r.candidate.experiment.architecture.rpartition(":")[2])
        styles[r.label] = LineStyle(colour, DASHES[used.count(colour) % len(DASHES)])
        used.append(colour)
    return styles


def result_chart(result: ComparisonResult, published: Mapping[str, float]) -> str:
    """Draw the primary metric of each candidate's seeds, their mean with its interval, and the published values."""
    styles = line_styles(result.ranking)
    rows = [r.label for r in result.ranking] + [name for name in published if name not in styles]
    with svg(f"{result.dataset.name}-results", (WIDTH * 1.6, 0.75 + 0.42 * len(rows))) as (figure, made):
        axes = figure.subplots()
        for row, r in enumerate(result.ranking):
            values = [run.metrics[result.primary_metric] for run in r.runs]
            colour = styles[r.label].colour
            if len(values) > 1:
                axes.plot(r.shown_interval, [row, row], color=colour, linewidth=7, alpha=0.28, solid_capstyle="round")
            axes.plot(values, [row] * len(values), "o", color=colour, alpha=0.55, markersize=5, markeredgewidth=0)
            axes.plot([r.mean], [row], "|", color=colour, markersize=17, markeredgewidth=3)
        for name, value in published.items():
            axes.plot(
                value,
                rows.index(name),
                "D",
                color="none",
                markeredgecolor=TEXT_PLACEHOLDER,
                markersize=7,
                label="published" if name == next(iter(published)) else None,
                alpha=0.8,
            )
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(result.primary_metric)
        axes.grid(axis="x", color=TEXT_PLACEHOLDER, alpha=0.12)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        if published:
            figure.legend(loc="outside lower right", frameon=False, labelcolor=TEXT_PLACEHOLDER)
    return made[0]


def metric_chart(result: ComparisonResult, metric: str, against: str) -> str:
    """Draw a metric of all candidates against steps or seconds: the mean of the seeds, and a band over them."""
    styles = line_styles(result.ranking)
    size = WIDTH, 3.9 + 0.22 * len(styles) / LEGEND_COLUMNS
    with svg(f"{result.dataset.name}-{metric}-{against}", size) as (figure, made):
        axes = figure.subplots()
        for r in result.ranking:
            y = over_seeds(r.runs, metric)
            if not y.size:
                continue
            x = over_seeds(r.runs, "time/train_s").mean(axis=0) if against == "seconds" else steps_by_epoch(r.runs[0])
            shown = np.unique(np.linspace(0, y.shape[1] - 1, MAX_CURVE_POINTS).round().astype(int))
            style, x, y = styles[r.label], x[shown], y[:, shown]
            axes.plot(
                x,
                y.mean(axis=0),
                color=style.colour,
                linestyle=style.dash,
                marker="o" if y.shape[1] == 1 else "",
                linewidth=1.8,
                label=r.label,
            )
            axes.fill_between(x, y.min(axis=0), y.max(axis=0), color=style.colour, alpha=0.16, linewidth=0)
        values = np.concatenate([line.get_ydata() for line in axes.lines] or [np.ones(1)])
        if metric.endswith("loss") and 0 < 10 * values.min() < values.max():  # over less, a log axis has few ticks
            axes.set_yscale("log")
        ends = [line.get_xdata()[-1] for line in axes.lines]
        if against == "seconds" and 0 < 10 * min(ends, default=0) < max(ends):
            axes.set_xscale("log")  # on a linear axis the fastest would be a line at the edge
        axes.set(xlabel="optimizer steps" if against == "steps" else "training seconds", title=metric)
        axes.grid(color=TEXT_PLACEHOLDER, alpha=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", frameon=False, labelcolor=TEXT_PLACEHOLDER, ncols=LEGEND_COLUMNS)
    return made[0]


def curve_metrics(result: ComparisonResult) -> list[str]:
    """Return the metrics to draw: the primary metric and the loss in training, on the validation split if any."""
    known = {name for r in result.ranking for epoch in r.runs[0].history[:1] for name in epoch}
    short = result.primary_metric.partition("/")[2]
    wanted = [(f"val/{short}", f"train/{short}"), ("val/loss", "train/loss"), ("train/loss",)]
    found = [next((name for name in names if name in known), None) for names in wanted]
    return list(dict.fromkeys(name for name in found if name is not None))[:2]


def over_seeds(runs: Sequence[SeedResult], metric: str) -> Array:
    """Return a metric after each epoch, a row for each seed; as many epochs as all seeds have.

    Shapes: (seeds, epochs), empty where the metric is not measured.
    """
    histories = [[epoch[metric] for epoch in run.history if metric in epoch] for run in runs]
    shortest = min(map(len, histories))
    return np.array([history[:shortest] for history in histories]).reshape(len(runs), shortest)


def steps_by_epoch(run: SeedResult) -> Array:
    """Return the number of optimizer steps after each epoch."""
    epochs = len(run.history)
    return np.arange(1, epochs + 1) * (run.steps / max(epochs, 1))


@contextmanager
def svg(name: str, size: tuple[float, float]) -> Iterator[tuple[Any, list[str]]]:
    """Yield an empty figure, and a list that holds its SVG afterwards."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    coloured = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    ink: dict[Any, Any] = dict.fromkeys(coloured, TEXT_PLACEHOLDER)
    plain: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.parse_math": False,
        "font.size": 11,
        "axes.titlesize": 12,
    }
    made: list[str] = []
    with matplotlib.rc_context({**plain, **ink}):
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_alpha(0)
        FigureCanvasSVG(figure)
        yield figure, made
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    made.append(_inline(file.getvalue(), name))


def _inline(text: str, name: str) -> str:
    """Return an SVG file as an element of a page, which scales and has the page's font and colour of text."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<g) id="[a-zA-Z]+_\d+"', r"\1", text)
    label = escape(name)
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        lambda opening: f'<svg viewBox="{opening[1]}" role="img" aria-label="{label}">',
        text,
    )
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    # A path needs no more than a tenth of a point.
    text = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\d\.\d)\d+", r"\1", path.group()), text)
    return text.replace(TEXT_PLACEHOLDER, "currentColor").strip()
