"""The application: its commands, and how errors end it."""

import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neuralzoo import __version__
from neuralzoo.experiments.cli import bench, claims, compare, inspect, mlflow, run, scaffold
from neuralzoo.experiments.cli.output import one_line_message, out, replace_unencodable, show_warning, user_errors
from neuralzoo.experiments.tracking.client import set_spinner


class CommandInterruptedError(Exception):
    """Ctrl-C, as an error that typer leaves to `main`."""


class Commands(TyperGroup):
    """The group of all commands; it turns Ctrl-C into `CommandInterruptedError`."""

    def invoke(self, ctx: Any) -> Any:
        """Invoke the command.

        Raises: CommandInterruptedError on Ctrl-C, with the notes of the KeyboardInterrupt.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise CommandInterruptedError(*getattr(error, "__notes__", [])) from error


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
        out.print(f"neuralzoo {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Declare the options that stand before the command; `main` reads --debug."""


for module in (inspect, run, compare, claims, bench, mlflow, scaffold):
    module.add_to(app)


def main() -> None:
    """Run the command line: a usage error is one line and exit 2; Ctrl-C is one line and exit 130."""
    debug = "--debug" in sys.argv
    sys.argv = [sys.argv[0], *(word for word in sys.argv[1:] if word != "--debug")]
    replace_unencodable()
    if "error" in {option.partition(":")[0] for option in sys.warnoptions}:
        warnings.simplefilter("default")  # those of other libraries would end a command anywhere
    warnings.showwarning = show_warning
    set_spinner(out.spinner)
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except CommandInterruptedError as interrupted:
        if debug:
            raise
        out.error("; ".join(["stopped", *map(str, interrupted.args)]))
        sys.exit(130)
    except SystemExit as terminated:  # by SIGTERM, if it has a note
        if debug and terminated.code:
            raise
        for note in getattr(terminated, "__notes__", []):
            out.error(f"stopped; {note}")
        raise
    except user_errors() as error:
        if debug:
            raise
        out.error(str(error))
        sys.exit(2)
    except Exception as error:
        message = one_line_message(error)
        if message is None or (debug and not hasattr(error, "format_message")):  # a wrong option has no traceback
            raise
        if message:
            out.error(message)
        sys.exit(2)
