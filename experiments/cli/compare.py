"""The command that compares architectures."""

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuralzoo.experiments.cli.output import say
from neuralzoo.experiments.running.metrics import rounded

if TYPE_CHECKING:
    from neuralzoo.experiments.comparing.comparison import Comparison, Contest


class Matched(StrEnum):
    """What contestants have in equal amount."""

    params = "params"
    steps = "steps"
    time = "time"
    none = "none"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compare)


def compare(
    contestants: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME|FILE.toml...",
            help="Architectures or experiments; one with settings or a label of its own is quoted: "
            "'linear: fnn model.hidden=[]'.",
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(metavar="DATASET", help="The data set for all of them.")] = None,
    match: Annotated[Matched, typer.Option(help="Equal parameters, optimizer steps, or training time.")] = Matched.none,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each, with seeds 0 to N-1.")] = 3,
    profile: Annotated[str, typer.Option(help="Which reference experiments.")] = "quick",
    set: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change a setting of all.")] = None,
    arena: Annotated[
        bool, typer.Option("--arena", help="All classifiers on MNIST-1D and its shuffled control.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Save the page of the arena with the library.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the page and the runs [default: within runs/].")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store [default: mlflow.db in this folder].")] = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Log the runs to MLflow [default: if installed].")
    ] = None,
) -> None:
    """Train contestants on one data set and write a page that compares them; finished runs are not repeated."""
    from neuralzoo.experiments import run as runner
    from neuralzoo.experiments.comparing import arena as known
    from neuralzoo.experiments.comparing import page
    from neuralzoo.experiments.comparing.candidates import contestants_of
    from neuralzoo.experiments.comparing.comparison import Contest
    from neuralzoo.experiments.running.run_folder import RUNS
    from neuralzoo.registry import SettingError

    if arena and (contestants or task or set):
        raise SettingError("--arena got contestants, a task or settings too; it needs none: they are its own")
    if write and not arena:
        raise SettingError("--write got contestants; it saves the page of the arena, it needs --arena")
    if not arena and not contestants:
        raise SettingError("compare got no contestant; it needs at least one, such as `neuralzoo compare fnn`")
    uri = runner.store_for(track, tracking_uri)
    matched: Any = "parameters" if match is Matched.params else match.value
    more: dict[str, Any] = {"match": matched, "seeds": tuple(range(seeds)), "uri": uri, "tell": _progress}
    if arena:
        out = out or RUNS / "arena"
        contests = [Contest(known.contestants(n, say.line), folder=out / n, **more) for n in known.PUBLISHED]
        frame = known.FRAME
    else:
        contests = [Contest(contestants_of(contestants or [], profile, task, set or []), folder=out, **more)]
        frame = page.frame_of(contests[0])
    outcome = page.hold(contests, frame, out)
    for contest, comparison, tracked in zip(contests, outcome.comparisons, outcome.tracked, strict=True):
        _show(contest, comparison, tracked)
    say.line(f"page      {outcome.path}")
    if write:
        say.line(f"saved     {shutil.copy(outcome.path, known.PAGE)}")


def _progress(text: str) -> None:
    say.line(f"  {text}", style="dim")


def _show(contest: "Contest", comparison: "Comparison", tracked: dict[str, Any]) -> None:
    from neuralzoo.experiments.comparing.comparison import between, mean

    c = comparison
    say.line(f"{c.info.name}: {c.equal}", style="bold")
    rows = [("contestant", c.headline, "95 % interval", "parameters", "steps", "training")]
    for s in c.standings:
        size, seconds = f"{s.records[0].metrics['model/n_params']:,.0f}", f"{mean(s.records, 'time/train_s'):.1f} s"
        rows.append((s.label, rounded(s.mean), between(s), size, f"{s.records[0].steps:,}", seconds))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:  # not a table of rich's, which cuts what is wider than the window
        say.line("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if tracked:
        from neuralzoo.experiments.tracking.store import SHARED_VIEW, default_uri

        if not tracked["uri"].startswith("http"):
            uri = "" if tracked["uri"] == default_uri() else f" --tracking-uri {tracked['uri']}"
            say.line(f"see it    neuralzoo ui{uri}")
        say.line(f"run       {contest.base}/{tracked['run_id']}")
        say.line(f"compare   {contest.base}?viewStateShareKey={SHARED_VIEW}")
