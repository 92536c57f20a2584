"""The page of a comparison: one HTML file that needs nothing else, neither a network nor a server."""

import base64
import io
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from neuralzoo import __version__
from neuralzoo.experiments.comparing import charts
from neuralzoo.experiments.comparing.comparison import Comparison, Contest, Standing, between, mean
from neuralzoo.experiments.doctor import machine
from neuralzoo.experiments.running.metrics import rounded
from neuralzoo.registry import get

TEMPLATE = Path(__file__).with_name("comparison.html")
PICTURE_COLOURS = 32
FEW = 4  # contestants
PICTURE_WIDTHS = ((FEW, 640), (8, 480), (math.inf, 360))  # pixels, by the number of contestants


@dataclass(frozen=True)
class Frame:
    """What a page says around its comparisons: title and opening, published numbers by data set and label."""

    title: str
    lead: str
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    source: str = ""
    """Where the published numbers are from."""
    without: tuple[str, ...] = ()
    """Pictures that are left out."""


@dataclass(frozen=True)
class Outcome:
    """Contests that were held: what came out of each, where it can be seen in the store, and the page of all."""

    path: Path
    comparisons: list[Comparison]
    tracked: list[dict[str, Any]]


def hold(contests: Sequence[Contest], frame: Frame, out: Path | None = None) -> Outcome:
    """Run contests, write one page of them all, and hand it to the parent run of each.

    Raises: the errors of `Contest.run`.
    """
    held: list[Comparison] = []
    try:
        for contest in contests:
            held.append(contest.run())
        path = (out or _common(contests)) / "comparison.html"
        write(path, frame, held, [contest.base for contest in contests])
        tracked = [contest.finish(c, [path]) for contest, c in zip(contests, held, strict=True)]
    except BaseException as error:
        for contest in contests[: len(held)]:
            contest.abandon("KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
        raise
    return Outcome(path, held, tracked)


def frame_of(contest: Contest) -> Frame:
    """Return title and opening sentence of the page of one contest."""
    labels = [c.label for c in contest.contestants]
    experiment = contest.contestants[0].experiment
    seeds = f"{len(contest.seeds)} seeds" if len(contest.seeds) > 1 else "one seed"
    matched = "" if contest.match == "none" else f" at equal {contest.match}"
    return Frame(
        f"{', '.join(labels)} on {experiment.dataset}",
        f"{'Compared' if len(labels) > 1 else 'Measured'} by {experiment.headline} over {seeds}{matched}.",
    )


def _common(contests: Sequence[Contest]) -> Path:
    folders = [contest.campaign.folder for contest in contests]
    return folders[0] if len(folders) == 1 else folders[0].parent


def write(path: Path, frame: Frame, comparisons: Sequence[Comparison], bases: Sequence[str]) -> Path:
    """Write the page; the addresses of runs begin with the bases, nothing for those that are not tracked."""
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
        frame=frame,
        sections=[_section(c, frame, base) for c, base in zip(comparisons, bases, strict=True)],
        about={"neuralzoo": __version__, **machine()},
        date=date.today().isoformat(),
        command=command(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _section(c: Comparison, frame: Frame, base: str) -> dict[str, Any]:
    style, published = charts.looks(c.standings), frame.published.get(c.info.name, {})
    return {
        "info": c.info,
        "facts": f"{c.info.task.kind} of {c.info.task.input} inputs of {' × '.join(map(str, c.info.task.shape))}",
        "headline": c.headline,
        "equal": c.equal,
        "seeds": len(c.seeds),
        "rows": [_row(s, style[s.label].colour, published) for s in c.standings],
        "others": {label: value for label, value in published.items() if label not in style},
        "published": bool(published),
        "results": charts.results(c, published),
        "curves": [charts.curves(c, m, against) for m in charts.curve_metrics(c) for against in ("steps", "seconds")],
        "settings": settings(c.standings),
        "pictures": {key: shown for key, shown in pictures(c.standings).items() if key not in frame.without},
        "metrics": sorted({name for s in c.standings for r in s.records for name in r.metrics}),
        "runs": [_run(s, i, base) for s in c.standings for i in range(len(s.records))],
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
    """Return the pictures of each contestant's first seed by their key: those that more share come first.

    Of many contestants only pictures that two or more of them have: a page should stay light.
    """
    found: dict[str, list[dict[str, str]]] = {}
    width = next(width for few, width in PICTURE_WIDTHS if len(standings) <= few)
    for s in standings:
        for path in sorted(s.records[0].folder.figures.glob("*.png")):
            found.setdefault(path.stem, []).append({"label": s.label, "data": embedded(path, width)})
    fewest = 1 if len(standings) <= FEW else 2
    kept = {key: pictures for key, pictures in found.items() if len(pictures) >= fewest}
    return dict(sorted(kept.items(), key=lambda item: -len(item[1])))


def embedded(path: Path, width: int) -> str:
    """Return a picture as text that can stand in a page, smaller than the file."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((width, width), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        small.quantize(PICTURE_COLOURS).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def number(value: float) -> str:
    """Return a number as people read it: counts whole, measures with four places."""
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:,.0f}"
    return rounded(value)


def command() -> str:
    """Return the command line that makes this page."""
    return shlex.join(["neuralzoo", *sys.argv[1:]])
