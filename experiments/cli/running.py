"""The command that runs an experiment."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralzoo.experiments.cli.shared import say

if TYPE_CHECKING:
    from neuralzoo.experiments.runner import Result
    from neuralzoo.registry import Experiment


class Profile(StrEnum):
    """Which reference experiment."""

    quick = "quick"
    full = "full"
    arena = "arena"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def run(
    what: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE.toml", help="An architecture, or an experiment.")
    ] = None,
    profile: Annotated[
        Profile, typer.Option(help="The minute on embedded data, or the published protocol.")
    ] = Profile.quick,
    set: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change a setting: optimizer.lr=0.01.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, data order and dropout.")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run: its name, folder, or `last`.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store [default: mlflow.db in this folder].")] = None,
    track: Annotated[bool, typer.Option(help="Log the run to MLflow.")] = True,
    runs: Annotated[Path, typer.Option(help="Where run folders are.")] = Path("runs"),
) -> None:
    """Train an architecture on its reference experiment, or run an experiment from a file."""
    from neuralzoo.experiments import runner
    from neuralzoo.experiments.progress import ProgressBar
    from neuralzoo.registry import SettingError

    hooks = [ProgressBar(say.out)]
    if resume is not None:
        if what or set or seed is not None:
            raise SettingError("--resume got settings too; a resumed run keeps its own, it needs only the run")
        say.line(f"resuming {resume}")
        _tell(runner.resume(resume, root=runs, hooks=hooks))
        return
    if what is None:
        raise SettingError("run got neither a name nor a file; it needs one, such as `neuralzoo run fnn`")
    experiment = _experiment(what, profile.value).set([*(set or []), *([f"seed={seed}"] if seed is not None else [])])
    e = experiment
    say.line(
        f"{e.architecture} on {e.dataset} · {e.epochs} epochs · {e.optimizer.name} lr {e.optimizer.lr} · seed {e.seed}"
    )
    wanted = None if track and tracking_uri is None else track
    _tell(runner.run(experiment, track=wanted, tracking_uri=tracking_uri, root=runs, hooks=hooks))


def _experiment(what: str, profile: str) -> "Experiment":
    from neuralzoo.experiments.runner import reference
    from neuralzoo.registry import Experiment

    if what.endswith(".toml"):
        return Experiment.from_file(Path(what))
    return reference(what, profile)


def _tell(result: "Result") -> None:
    """Print what came out and where it can be seen."""
    tests = [f"{name} {value:.4f}" for name, value in result.metrics.items() if name.startswith("test/")]
    headline = result.experiment.headline
    tests.sort(key=lambda text: not text.startswith(headline))
    train = result.metrics.get("time/train_s", 0.0)
    say.line(
        f"{' · '.join(tests)}   ({train:.1f} s of training, {result.module.size:,} parameters)",
        style="bold green",
    )
    say.line(f"model     {result.folder.model}")
    for path in sorted(result.folder.figures.glob("*.png")):
        say.line(f"picture   {path}")
    if not result.tracked:
        say.line("tracking  off; pip install 'neuralzoo[experiments]' logs runs to MLflow")
        return
    from neuralzoo.experiments.store import default_uri, leaderboard_page, run_page

    tracked = result.tracked
    share = tracked["overhead_s"] / max(result.seconds, 1e-9)
    say.line(
        f"tracking  {tracked['overhead_s']:.2f} s in {tracked['epochs']} epochs ({share:.1%}), "
        f"{tracked['start_s']:.1f} s to open the store, {tracked['end_s']:.1f} s for pictures and model"
    )
    uri = "" if tracked["uri"] == default_uri() else f" --tracking-uri {tracked['uri']}"
    base = tracked["uri"] if tracked["uri"].startswith("http") else "http://127.0.0.1:5000"
    if not tracked["uri"].startswith("http"):
        say.line(f"see it    neuralzoo ui{uri}")
    say.line(f"run       {base}/{run_page(tracked['experiment_id'], tracked['run_id'])}")
    say.line(f"compare   {base}/{leaderboard_page(tracked['experiment_id'])}")
