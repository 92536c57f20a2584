"""The command line: `neuralzoo`."""

import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neuralzoo import __version__
from neuralzoo.experiments.cli import bench as benching
from neuralzoo.experiments.cli import claims as proving
from neuralzoo.experiments.cli import compare as comparing
from neuralzoo.experiments.cli import inspect as catalogue
from neuralzoo.experiments.cli import mlflow as tracking
from neuralzoo.experiments.cli import run as running
from neuralzoo.experiments.cli import scaffold as making
from neuralzoo.experiments.cli.output import mistakes, say, sentence, show_warning
from neuralzoo.experiments.tracking.client import show_waiting


class Stopped(Exception):
    """Ctrl-C, as an error that typer leaves to `main`."""


class Commands(TyperGroup):
    """The commands, of which Ctrl-C is told in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped(*getattr(error, "__notes__", [])) from error


app = typer.Typer(
    cls=Commands,
    name="neuralzoo",
    help="A zoo of neural networks written from scratch in NumPy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        say.line(f"neuralzoo {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command; `main` reads --debug."""


catalogue.add_to(app)
running.add_to(app)
comparing.add_to(app)
proving.add_to(app)
benching.add_to(app)
tracking.add_to(app)
making.add_to(app)


def main() -> None:
    """Run the command line: a user's mistake is one line and exit 2; Ctrl-C is one line and exit 130."""
    debug = "--debug" in sys.argv
    sys.argv = [sys.argv[0], *(word for word in sys.argv[1:] if word != "--debug")]
    warnings.showwarning = show_warning
    show_waiting(say.waiting)
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except Stopped as stopped:
        if debug:
            raise
        say.error("; ".join(["stopped", *map(str, stopped.args)]))
        sys.exit(130)
    except SystemExit as stopped:  # by SIGTERM, if it has a note
        if debug and stopped.code:
            raise
        for note in getattr(stopped, "__notes__", []):
            say.error(f"stopped; {note}")
        raise
    except mistakes() as error:
        if debug:
            raise
        say.error(str(error))
        sys.exit(2)
    except Exception as error:
        if debug or (told := sentence(error)) is None:
            raise
        if told:
            say.error(told)
        sys.exit(2)
