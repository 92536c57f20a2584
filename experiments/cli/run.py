"""The command `run`: train an experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralzoo.experiments.cli.output import out
from neuralzoo.experiments.running.metrics import format_metric

if TYPE_CHECKING:
    from neuralzoo.experiments.run import RunResult
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
        typer.Option(help="quick (at most a minute, embedded data) or full (published protocol) (default: quick)."),
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Change a setting, such as optimizer.lr=0.01 (repeatable)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weight initialization, data order and dropout.")] = None,
    hook: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Add a plugin's trainer hook (repeatable).")
    ] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Resume a run, by name, folder or `last`.")] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow tracking store (default: mlflow.db in this folder).")
    ] = None,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Log the run to MLflow (default: if installed).")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the run folders.")] = Path("runs"),
) -> None:
    """Train an architecture on its reference experiment, or run an experiment from a file."""
    from neuralzoo.experiments import run as runner
    from neuralzoo.experiments.running.preflight import changed, experiment_of
    from neuralzoo.experiments.running.progress import ProgressBar
    from neuralzoo.experiments.running.run_folder import find_unfinished
    from neuralzoo.experiments.running.signals import hint_if_interrupted
    from neuralzoo.registry import Experiment, SettingError

    if resume is not None:
        if any(given is not None for given in (what, set, seed, profile, hook)):
            raise SettingError("--resume got settings too; a resumed run keeps its own, it needs only the run")
        folder = find_unfinished(resume, runs)
        title = f"resuming {folder.name}\n{_title(Experiment.from_file(folder.experiment))}"
        bar = ProgressBar(out.stdout, title)
        result = runner.resume(str(folder.path), track=track, tracking_uri=tracking_uri, root=runs, hooks=[bar])
        with hint_if_interrupted(lambda: result.folder.resume_hint):
            _print_result(result)
        return
    if what is None:
        raise SettingError("run got neither a name nor a file; it needs one, such as `neuralzoo run fnn`")
    settings = [*(set or []), *([f"seed={seed}"] if seed is not None else [])]
    experiment = changed(experiment_of(what, profile), settings)
    if hook:
        experiment = experiment.set([f"hooks={[*experiment.hooks, *hook]}"])
    hooks = [ProgressBar(out.stdout, _title(experiment))]
    result = runner.run(experiment, track=track, tracking_uri=tracking_uri, root=runs, hooks=hooks)
    with hint_if_interrupted(lambda: result.folder.resume_hint):
        _print_result(result, advise=track is None)


def _title(e: "Experiment") -> str:
    epochs = f"{e.epochs} epochs" if e.epochs > 1 else "1 epoch"
    return f"{e.architecture} on {e.dataset} · {epochs} · {e.optimizer.name} lr {e.optimizer.lr} · seed {e.seed}"


def _print_result(result: "RunResult", advise: bool = False) -> None:
    """Print the metrics, and where model, figures and tracked run are; `advise` adds how to install tracking."""
    tests = [f"{name} {format_metric(value)}" for name, value in result.metrics.items() if name.startswith("test/")]
    primary_metric = result.experiment.primary_metric
    tests.sort(key=lambda text: not text.startswith(primary_metric))
    train = result.metrics.get("time/train_s", 0.0)
    out.print(
        f"{' · '.join(tests)}   ({train:.1f} s of training, {result.module.num_parameters:,} parameters)",
        style="bold green",
    )
    out.print(f"model     {result.folder.model}")
    for path in sorted(result.folder.figures.glob("*.png")):
        out.print(f"figure    {path}")
    if not result.tracked:
        from neuralzoo.experiments.tracking.address import missing_packages

        missing = missing_packages() if advise else ""
        advice = f" ({missing} not installed); pip install 'neuralzoo[experiments]' logs runs to MLflow"
        out.print(f"tracking  off{advice if missing else ''}")
        return
    from neuralzoo.experiments.tracking.address import ui_option
    from neuralzoo.experiments.tracking.store import leaderboard_page, run_page

    tracked = result.tracked
    fraction = tracked["overhead_s"] / max(result.seconds, 1e-9)
    out.print(
        f"tracking  {tracked['overhead_s']:.2f} s in {tracked['epochs']} epochs ({fraction:.1%}), "
        f"{tracked['start_s']:.1f} s to open the store, {tracked['end_s']:.1f} s for figures and model"
    )
    base = tracked["uri"] if tracked["uri"].startswith("http") else "http://127.0.0.1:5000"
    if not tracked["uri"].startswith("http"):
        out.print(f"see it    neuralzoo ui{ui_option(tracked['uri'])}")
    out.print(f"run       {base}/{run_page(tracked['experiment_id'], tracked['run_id'])}")
    out.print(f"compare   {base}/{leaderboard_page(tracked['experiment_id'])}")
