"""The command `compare`: train candidates on one dataset and write a page of their results."""

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuralzoo.experiments.cli.output import out

if TYPE_CHECKING:
    from neuralzoo.experiments.comparing.result import ComparisonResult


class Matched(StrEnum):
    """What candidates are matched on."""

    parameters = "parameters"
    steps = "steps"
    time = "time"
    none = "none"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compare)


def compare(
    candidates: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME|FILE.toml...",
            help="Architectures or experiments; one with settings or a label of its own is quoted: "
            "'linear: fnn model.hidden=[]'.",
        ),
    ] = None,
    dataset: Annotated[str | None, typer.Option(metavar="DATASET", help="Dataset of all candidates.")] = None,
    match: Annotated[
        Matched, typer.Option(help="Match candidates on parameters, optimizer steps, or training time.")
    ] = Matched.none,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each candidate, with seeds 0 to N-1.")] = 3,
    profile: Annotated[str, typer.Option(help="Profile of the reference experiments: quick or full.")] = "quick",
    set: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change a setting of all candidates (repeatable).")
    ] = None,
    arena: Annotated[
        bool, typer.Option("--arena", help="Compare all classifiers on MNIST-1D and on its shuffled control.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Copy the page of the arena to experiments/reports/arena.html.")
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER|comparison.json", help="Write the page of a saved comparison again; trains nothing."
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the page and the runs (default: within runs/).")
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow tracking store (default: mlflow.db in this folder).")
    ] = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Log the runs to MLflow (default: if installed).")
    ] = None,
) -> None:
    """Train candidates on one dataset and write a page that compares them; finished runs are not repeated."""
    from neuralzoo.experiments.comparing import arena as arenas
    from neuralzoo.experiments.comparing.candidates import candidates_of
    from neuralzoo.experiments.comparing.comparison import Comparison
    from neuralzoo.experiments.comparing.report import rewrite_page, run_and_report, text_of
    from neuralzoo.experiments.running.run_folder import RUNS
    from neuralzoo.experiments.tracking.address import resolve_uri
    from neuralzoo.registry import SettingError

    if page is not None:
        if candidates or dataset or set or arena or write or folder is not None:
            raise SettingError("--page got candidates or settings too; it needs only the folder of a saved comparison")
        out.print(f"page      {rewrite_page(page)}")
        return
    if arena and (candidates or dataset or set):
        raise SettingError("--arena got candidates, a dataset or settings too; it needs none: it has its own")
    if write and not arena:
        raise SettingError("--write got candidates; it saves the page of the arena, it needs --arena")
    if not arena and not candidates:
        raise SettingError("compare got no candidate; it needs at least one, such as `neuralzoo compare fnn`")
    uri = resolve_uri(track, tracking_uri)
    matched: Any = match.value
    options: dict[str, Any] = {"match": matched, "seeds": tuple(range(seeds)), "uri": uri, "report": _progress}
    if arena:
        folder = folder or RUNS / "arena"
        comparisons = [
            Comparison(arenas.candidates(name, out.print), folder=folder / name, **options) for name in arenas.PUBLISHED
        ]
        text = arenas.TEXT
    else:
        chosen = candidates_of(candidates or [], profile, dataset, set or [])
        comparisons = [Comparison(chosen, folder=folder, **options)]
        text = text_of(comparisons[0])
    made = run_and_report(comparisons, text, folder)
    for result, tracked in zip(made.results, made.tracked, strict=True):
        _print_result(result, tracked)
    out.print(f"page      {made.page}")
    if write:
        out.print(f"saved     {shutil.copy(made.page, arenas.PAGE)}")


def _progress(text: str) -> None:
    out.print(f"  {text}", style="dim")


def _print_result(result: "ComparisonResult", tracked: dict[str, Any]) -> None:
    from neuralzoo.experiments.comparing.result import ranking_table

    out.print(f"{result.dataset.name}: {result.match_description}", style="bold")
    if result.unranked:
        out.print(result.unranked, style="yellow")
    head, body = ranking_table(result)
    rows = [head, *body]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:  # not a table of rich's, which cuts what is wider than the window
        out.print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if tracked:
        from neuralzoo.experiments.tracking.address import ui_option
        from neuralzoo.experiments.tracking.store import SHARED_VIEW

        if not tracked["uri"].startswith("http"):
            out.print(f"see it    neuralzoo ui{ui_option(tracked['uri'])}")
        out.print(f"run       {result.url}/{tracked['run_id']}")
        out.print(f"compare   {result.url}?viewStateShareKey={SHARED_VIEW}")
