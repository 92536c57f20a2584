"""The page of a comparison: one HTML file that needs nothing else, neither a network nor a server."""

import base64
import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neuralzoo import __version__
from neuralzoo.experiments.comparison import Comparison, Contest, Standing, between, mean
from neuralzoo.experiments.doctor import machine
from neuralzoo.experiments.page import charts
from neuralzoo.registry import get

TEMPLATE = Path(__file__).with_name("comparison.html")
PICTURE_WIDTH, PICTURE_COLOURS = 560, 48


@dataclass(frozen=True)
class Section:
    """One comparison on the page, and the published numbers that stand beside it."""

    comparison: Comparison
    published: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    base: str = ""
    """What the address of a run begins with; nothing if it is not tracked."""


@dataclass(frozen=True)
class Outcome:
    """Contests that were held: what came out of each, where it can be seen in the store, and the page of all."""

    path: Path
    comparisons: list[Comparison]
    tracked: list[dict[str, Any]]


def hold(
    contests: Sequence[Contest],
    title: str,
    lead: str,
    out: Path | None = None,
    published: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    source: str = "",
) -> Outcome:
    """Run contests, write one page of them all, and hand it to the parent run of each.

    `published` has numbers by data set and label. Raises: the errors of `Contest.run`.
    """
    held: list[Comparison] = []
    try:
        for contest in contests:
            held.append(contest.run())
        sections = [
            Section(c, published.get(c.info.name, {}), source, contest.base)
            for contest, c in zip(contests, held, strict=True)
        ]
        path = (out or _common(contests)) / "comparison.html"
        write(path, title, lead, sections)
        tracked = [contest.finish(c, [path]) for contest, c in zip(contests, held, strict=True)]
    except BaseException as error:
        for contest in contests[: len(held)]:
            contest.abandon("KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
        raise
    return Outcome(path, held, tracked)


def headings(contest: Contest) -> tuple[str, str]:
    """Return title and opening sentence of the page of one contest."""
    labels = [c.label for c in contest.contestants]
    experiment = contest.contestants[0].experiment
    seeds = f"{len(contest.seeds)} seeds" if len(contest.seeds) > 1 else "one seed"
    who = f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else labels[0]
    matched = "" if contest.match == "none" else f" at equal {contest.match}"
    verb = "Compared" if len(labels) > 1 else "Measured"
    return (
        f"{', '.join(labels)} on {experiment.dataset}",
        f"{verb} by {experiment.headline} over {seeds}: {who}{matched}.",
    )


def _common(contests: Sequence[Contest]) -> Path:
    folders = [contest.campaign.folder for contest in contests]
    return folders[0] if len(folders) == 1 else folders[0].parent


def write(path: Path, title: str, lead: str, sections: Sequence[Section]) -> Path:
    """Write the page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    text = environment.get_template(TEMPLATE.name).render(
        title=title,
        lead=lead,
        sections=[_section(section) for section in sections],
        about={"neuralzoo": __version__, **machine()},
        date=date.today().isoformat(),
        command=command(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _section(section: Section) -> dict[str, Any]:
    c = section.comparison
    style = charts.looks(c.standings)
    return {
        "name": c.info.name,
        "summary": c.info.summary,
        "facts": f"{c.info.task.kind} of {c.info.task.input} inputs of {' x '.join(map(str, c.info.task.shape))}",
        "citation": c.info.citation,
        "url": c.info.url,
        "headline": c.headline,
        "equal": c.equal,
        "seeds": len(c.seeds),
        "rows": [_row(s, style[s.label].colour, section.published) for s in c.standings],
        "others": {k: v for k, v in section.published.items() if k not in style},
        "published": bool(section.published),
        "source": section.source,
        "results": charts.results(c, dict(section.published)),
        "curves": [charts.curves(c, m, against) for m in charts.curve_metrics(c) for against in ("steps", "seconds")],
        "settings": settings(c.standings),
        "pictures": pictures(c.standings),
        "metrics": sorted({name for s in c.standings for r in s.records for name in r.metrics}),
        "runs": [_run(s, i, section.base) for s in c.standings for i in range(len(s.records))],
    }


def _row(s: Standing, colour: str, published: Mapping[str, float]) -> dict[str, Any]:
    return {
        "label": s.label,
        "architecture": s.contestant.experiment.architecture,
        "colour": colour,
        "mean": s.mean,
        "interval": between(s),
        "parameters": s.records[0].metrics["model/n_params"],
        "steps": s.records[0].steps,
        "seconds": mean(s.records, "time/train_s"),
        "published": published.get(s.label),
    }


def _run(s: Standing, index: int, base: str) -> dict[str, Any]:
    record = s.records[index]
    link = f"{base}/{record.tracked['run_id']}" if base and "run_id" in record.tracked else ""
    return {"label": s.label, "seed": record.seed, "metrics": record.metrics, "steps": record.steps, "link": link}


def settings(standings: Sequence[Standing]) -> list[tuple[str, list[str]]]:
    """Return the settings in which contestants differ, each with a value for each; of a single contestant, all."""
    flat = [_flat(s.contestant.experiment) for s in standings]
    keys = list(dict.fromkeys(key for own in flat for key in own))
    rows = [(key, [own.get(key, "") for own in flat]) for key in keys if key != "seed"]
    return [row for row in rows if len(standings) == 1 or len(set(row[1])) > 1]


def _flat(experiment: Any) -> dict[str, str]:
    plain = experiment.settings()
    plain["model"] = get(experiment.architecture).configure(experiment.model).model_dump(mode="json")
    found: dict[str, str] = {}

    def walk(group: Mapping[str, Any], path: str) -> None:
        for key, value in group.items():
            if isinstance(value, dict):
                walk(value, f"{path}{key}.")
            else:
                found[f"{path}{key}"] = f"{value:.4g}" if isinstance(value, float) else str(value)

    walk(plain, "")
    return found


def pictures(standings: Sequence[Standing]) -> dict[str, list[dict[str, str]]]:
    """Return the pictures of each contestant's first seed by their key: those that more share come first."""
    found: dict[str, list[dict[str, str]]] = {}
    for s in standings:
        for path in sorted(s.records[0].folder.figures.glob("*.png")):
            found.setdefault(path.stem, []).append({"label": s.label, "data": embedded(path)})
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def embedded(path: Path) -> str:
    """Return a picture as text that can stand in a page, smaller than the file."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((PICTURE_WIDTH, PICTURE_WIDTH), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        small.quantize(PICTURE_COLOURS).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def number(value: float) -> str:
    """Return a number as people read it: counts whole, measures with four places."""
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) >= 0.001 or value == 0 else f"{value:.3g}"


def command() -> str:
    """Return the command line that makes this page."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
