"""Reports: run comparisons, save their results, and write the page."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from neuralzoo import __version__
from neuralzoo.experiments.comparing import page
from neuralzoo.experiments.comparing.comparison import Comparison
from neuralzoo.experiments.comparing.result import REPORT, ComparisonResult, PageText, Report
from neuralzoo.experiments.doctor import machine
from neuralzoo.experiments.running.signals import GOES_ON, hint_if_interrupted, signals_as_exceptions

PAGE = "comparison.html"


@dataclass(frozen=True)
class ReportPaths:
    """A report that was made: its page, its JSON, its results, and where each parent run is tracked."""

    page: Path
    json: Path
    results: tuple[ComparisonResult, ...]
    tracked: list[dict[str, Any]]


def run_and_report(comparisons: Sequence[Comparison], text: PageText, folder: Path | None = None) -> ReportPaths:
    """Run comparisons, save their results as JSON, write one page, and log both to the parent run of each.

    Raises: the errors of `Comparison.run`.
    """
    with signals_as_exceptions(), hint_if_interrupted(lambda: GOES_ON):
        return _run_and_report(comparisons, text, folder)


def _run_and_report(comparisons: Sequence[Comparison], text: PageText, folder: Path | None) -> ReportPaths:
    results: list[ComparisonResult] = []
    try:
        for comparison in comparisons:
            results.append(comparison.run())
        folder = folder or _common_folder(results)
        report = Report(
            text=text,
            results=tuple(results),
            environment={"neuralzoo": __version__, **machine()},
            date=date.today().isoformat(),
            command=shlex.join(["neuralzoo", *sys.argv[1:]]),
        )
        html, json = page.write(folder / PAGE, report), report.save(folder / REPORT)
        tracked = [comparison.finish(r, [html, json]) for comparison, r in zip(comparisons, results, strict=True)]
    except BaseException as error:
        for comparison in comparisons[: len(results)]:
            comparison.close(error)
        raise
    return ReportPaths(html, json, tuple(results), tracked)


def rewrite_page(path: Path) -> Path:
    """Write the page of a saved report again, beside it, without training; `path` is its file or its folder.

    Raises: SettingError when there is no report or it can't be read.
    """
    report = Report.load(path)
    return page.write((path if path.is_dir() else path.parent) / PAGE, report)


def text_of(comparison: Comparison) -> PageText:
    """Return title and introduction of the page of one comparison."""
    labels = [c.label for c in comparison.candidates]
    experiment = comparison.candidates[0].experiment
    seeds = f"{len(comparison.seeds)} seeds" if len(comparison.seeds) > 1 else "one seed"
    matched = "" if comparison.match == "none" else f" at equal {comparison.match}"
    return PageText(
        title=f"{', '.join(labels)} on {experiment.dataset}",
        intro=f"{'Compared' if len(labels) > 1 else 'Measured'} by {experiment.primary_metric} over {seeds}{matched}.",
    )


def _common_folder(results: Sequence[ComparisonResult]) -> Path:
    return results[0].folder if len(results) == 1 else results[0].folder.parent
