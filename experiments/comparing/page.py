"""The page of a report: one HTML file that needs nothing else, neither a network nor a server."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuralzoo.experiments.comparing import charts
from neuralzoo.experiments.comparing.result import (
    CandidateResult,
    ComparisonResult,
    PageText,
    Report,
    SeedResult,
    format_interval,
)
from neuralzoo.experiments.running.files import write_text
from neuralzoo.experiments.running.metrics import format_value

TEMPLATE = Path(__file__).with_name("comparison.html")
PALETTE_SIZE = 32  # colours of an embedded figure
FEW_CANDIDATES = 4
FIGURE_WIDTHS = ((FEW_CANDIDATES, 640), (8, 480), (math.inf, 360))  # pixels, by the number of candidates


def write(path: Path, report: Report) -> Path:
    """Write the page of a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, render(report))
    return path


def render(report: Report) -> str:
    """Return the page of a report as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = format_value
    return environment.get_template(TEMPLATE.name).render(
        text=report.text,
        sections=[_section(result, report.text) for result in report.results],
        environment=report.environment,
        date=report.date,
        command=report.command,
    )


def _section(c: ComparisonResult, text: PageText) -> dict[str, Any]:
    styles, published = charts.line_styles(c.ranking), text.published.get(c.dataset.name, {})
    task = c.dataset.task
    return {
        "dataset": c.dataset,
        "facts": f"{task.kind} of {task.input} inputs of {' × '.join(map(str, task.shape))}",
        "primary_metric": c.primary_metric,
        "match": " ".join(filter(None, [c.match_description, c.unranked])),
        "seeds": len(c.seeds),
        "rows": [_row(r, styles[r.label].colour, published) for r in c.ranking],
        "others": {label: value for label, value in published.items() if label not in styles},
        "published": bool(published),
        "result_chart": charts.result_chart(c, published),
        "curves": [charts.metric_chart(c, m, x) for m in charts.curve_metrics(c) for x in ("steps", "seconds")],
        "settings": differing_settings(c.ranking),
        "figures": {name: all for name, all in figures(c).items() if name not in text.skip_figures},
        "metrics": sorted({name for r in c.ranking for run in r.runs for name in run.metrics}),
        "runs": [_run(r.label, run) for r in c.ranking for run in r.runs],
    }


def _row(r: CandidateResult, colour: str, published: Mapping[str, float]) -> dict[str, Any]:
    return {
        "label": r.label,
        "architecture": r.candidate.experiment.architecture,
        "colour": colour,
        "mean": r.mean,
        "interval": format_interval(r),
        "parameters": r.num_parameters,
        "steps": r.runs[0].steps,
        "seconds": r.seconds,
        "published": published.get(r.label),
    }


def _run(label: str, run: SeedResult) -> dict[str, Any]:
    return {"label": label, "seed": run.seed, "metrics": run.metrics, "steps": run.steps, "url": run.url}


def differing_settings(ranking: Sequence[CandidateResult]) -> list[tuple[str, list[str]]]:
    """Return the settings in which candidates differ, each with a value for each; of a single candidate, all."""
    keys = list(dict.fromkeys(key for r in ranking for key in r.settings))
    rows = [(key, [r.settings.get(key, "") for r in ranking]) for key in keys if key != "seed"]
    return [row for row in rows if len(ranking) == 1 or len(set(row[1])) > 1]


def figures(result: ComparisonResult) -> dict[str, list[dict[str, str]]]:
    """Return the figures of each candidate's first seed by name: those that more candidates have come first.

    Of many candidates only figures that two or more of them have, so that a page stays light; files that are gone are
    skipped.
    """
    found: dict[str, list[dict[str, str]]] = {}
    width = next(width for count, width in FIGURE_WIDTHS if len(result.ranking) <= count)
    for r in result.ranking:
        for name, path in r.runs[0].figures.items():
            if (file := result.folder / path).is_file():
                found.setdefault(name, []).append({"label": r.label, "data": embedded(file, width)})
    fewest = 1 if len(result.ranking) <= FEW_CANDIDATES else 2
    kept = {name: all for name, all in found.items() if len(all) >= fewest}
    return dict(sorted(kept.items(), key=lambda item: -len(item[1])))


def embedded(path: Path, width: int) -> str:
    """Return a figure as a data URL, scaled down to a width in pixels and to few colours."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((width, width), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        small.quantize(PALETTE_SIZE).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
