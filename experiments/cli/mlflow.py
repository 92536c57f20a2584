"""Commands of the MLflow tracking store: ui, runs clean."""

from typing import Annotated

import typer

from neuralzoo.experiments.cli.output import out

Uri = Annotated[
    str | None, typer.Option("--tracking-uri", help="MLflow tracking store (default: mlflow.db in this folder).")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(ui)
    runs = typer.Typer(help="Maintain tracked runs.", no_args_is_help=True)
    runs.command()(clean)
    app.add_typer(runs, name="runs")


def ui(
    tracking_uri: Uri = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; if it is in use a free one is taken.")] = 5000,
) -> None:
    """Show tracked runs in the browser: starts the MLflow UI on this machine until Ctrl-C."""
    from neuralzoo.experiments.tracking.address import default_uri
    from neuralzoo.experiments.tracking.ui import serve

    serve(tracking_uri or default_uri(), port, out.print)


def clean(tracking_uri: Uri = None) -> None:
    """Close tracked runs whose process was killed: RUNNING becomes KILLED."""
    from neuralzoo.experiments.tracking.address import default_uri
    from neuralzoo.experiments.tracking.store import close_orphaned_runs

    closed = close_orphaned_runs(tracking_uri or default_uri())
    for name in closed:
        out.print(f"closed {name}")
    out.print(f"{len(closed)} runs closed")
