"""Commands for the MLflow store: ui, runs clean."""

from typing import Annotated

import typer

from neuralzoo.experiments.cli.output import say

Uri = Annotated[str | None, typer.Option("--tracking-uri", help="MLflow store [default: mlflow.db in this folder].")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(ui)
    runs = typer.Typer(help="Look after tracked runs.", no_args_is_help=True)
    runs.command()(clean)
    app.add_typer(runs, name="runs")


def ui(
    tracking_uri: Uri = None,
    port: Annotated[int, typer.Option(help="Port; another free one is taken if it is in use.")] = 5000,
) -> None:
    """Show tracked runs in the browser: starts MLflow's page on this machine until Ctrl-C."""
    from neuralzoo.experiments.tracking.store import default_uri
    from neuralzoo.experiments.tracking.ui import serve

    serve(tracking_uri or default_uri(), port, say.line)


def clean(tracking_uri: Uri = None) -> None:
    """Close tracked runs whose process was killed: RUNNING becomes KILLED."""
    from neuralzoo.experiments.tracking import store

    closed = store.clean(tracking_uri or store.default_uri())
    for name in closed:
        say.line(f"closed {name}")
    say.line(f"{len(closed)} runs closed")
