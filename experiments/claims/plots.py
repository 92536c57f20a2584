"""The plot of a verdict."""

from typing import Any

import numpy as np

from neuralzoo.core.plots import palette
from neuralzoo.experiments.claims.verdict import Verdict
from neuralzoo.experiments.running.statistics import t_interval


def verdict_chart(figure: Any, verdict: Verdict) -> None:
    """Draw each candidate's seeds as dots, their mean with its interval, and the bounds as lines."""
    conditions = [result.condition for result in verdict.conditions]
    metrics = list(dict.fromkeys(condition.metric for condition in conditions))
    for axes, metric in zip(np.atleast_1d(figure.subplots(len(metrics), 1)), metrics, strict=True):
        rows = [(label, by[metric]) for label, by in verdict.values.items() if metric in by]
        for row, (_, values) in enumerate(rows):
            mean, low, high = t_interval(values)
            axes.plot(values, [row] * len(values), "o", color=palette.NEUTRAL, alpha=0.5, markersize=4)
            if np.isfinite([low, high]).all():
                axes.plot([low, high], [row, row], color=palette.HIGHLIGHT, linewidth=2)
            axes.plot([mean], [row], "d", color=palette.HIGHLIGHT, markersize=6)
        for c in conditions:
            if c.metric == metric and c.over is None:
                bound = c.at_least if c.at_least is not None else c.at_most
                row = [label for label, _ in rows].index(c.of)
                axes.plot([bound, bound], [row - 0.4, row + 0.4], color="black", linewidth=1, linestyle="--")
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set(xlabel=metric)
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
