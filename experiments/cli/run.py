"""The command that runs an experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralzoo.experiments.cli.output import say
from neuralzoo.experiments.running.metrics import rounded

if TYPE_CHECKING:
    from neuralzoo.experiments.run import Result
    from neuralzoo.registry import Experiment


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def run(
    what: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE.toml", help="An architecture, or an experiment.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="The minute on embedded data, or the published protocol: quick or full [default: quick]."),
    ] = None,
    set: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change a setting: optimizer.lr=0.01.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, data order and dropout.")] = None,
    hook: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Let a plugin's trainer hook watch; may be given again.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run: its name, folder, or `last`.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store [default: mlflow.db in this folder].")] = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Log the run to MLflow [default: if installed].")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are.")] = Path("runs"),
) -> None:
    """Train an architecture on its reference experiment, or run an experiment from a file."""
    from neuralzoo.experiments import run as runner
    from neuralzoo.experiments.running.progress import ProgressBar
    from neuralzoo.registry import Experiment, SettingError

    if resume is not None:
        if any(given is not None for given in (what, set, seed, profile, hook, tracking_uri, track)):
            raise SettingError("--resume got settings too; a resumed run keeps its own, it needs only the run")
        folder = runner.unfinished(resume, runs)
        title = f"resuming {folder.name}\n{_title(Experiment.from_file(folder.experiment))}"
        _tell(runner.resume(str(folder.path), root=runs, hooks=[ProgressBar(say.out, title)]))
        return
    if what is None:
        raise SettingError("run got neither a name nor a file; it needs one, such as `neuralzoo run fnn`")
    settings = [*(set or []), *([f"seed={seed}"] if seed is not None else [])]
    experiment = _changed(runner.experiment_of(what, profile), settings)
    if hook:
        experiment = experiment.set([f"hooks={[*experiment.hooks, *hook]}"])
    hooks = [ProgressBar(say.out, _title(experiment))]
    _tell(runner.run(experiment, track=track, tracking_uri=tracking_uri, root=runs, hooks=hooks), advise=track is None)


def _title(e: "Experiment") -> str:
    return (
        f"{e.architecture} on {e.dataset} · {e.epochs} epochs · {e.optimizer.name} lr {e.optimizer.lr} · seed {e.seed}"
    )


def _changed(experiment: "Experiment", settings: list[str]) -> "Experiment":
    """Return the experiment with settings; one of the architecture that lacks its `model.` is told with it."""
    from neuralzoo.registry import SettingError, get

    for key in (setting.partition("=")[0].strip() for setting in settings):
        if key not in type(experiment).model_fields and key in get(experiment.architecture).config.model_fields:
            raise SettingError(f"the experiment has no setting {key!r}; did you mean model.{key}?")
    return experiment.set(settings)


def _tell(result: "Result", advise: bool = False) -> None:
    """Print what came out and where it can be seen; `advise` how to install what tracking lacks."""
    tests = [f"{name} {rounded(value)}" for name, value in result.metrics.items() if name.startswith("test/")]
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
        from neuralzoo.experiments.run import missing_for_tracking

        lacking = missing_for_tracking() if advise else ""
        advice = f" ({lacking} not installed); pip install 'neuralzoo[experiments]' logs runs to MLflow"
        say.line(f"tracking  off{advice if lacking else ''}")
        return
    from neuralzoo.experiments.tracking.store import default_uri, leaderboard_page, run_page

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
