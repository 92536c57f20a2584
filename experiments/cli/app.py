"""The application: its commands, and how errors end it."""

import atexit
import os
import signal
import sys
import traceback
import warnings
from types import TracebackType
from typing import Annotated

import typer

from neuralzoo import __version__
from neuralzoo.experiments.cli import bench, claims, compare, inspect, mlflow, run, scaffold
from neuralzoo.experiments.cli.output import one_line_message, out, replace_unencodable, show_warning, user_errors
from neuralzoo.experiments.running.signals import ignore_signals, signals_as_exceptions
from neuralzoo.experiments.tracking.address import redacted
from neuralzoo.experiments.tracking.client import set_spinner
from neuralzoo.registry.errors import SettingError, Terminated

app = typer.Typer(
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
    """Declare the options that stand before the command; `main` reads --debug.

    Raises: SettingError when the working directory was deleted: paths and imports of any library are relative to it.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise SettingError("the working directory was deleted; neuralzoo needs one that is there") from None


for module in (inspect, run, compare, claims, bench, mlflow, scaffold):
    module.add_to(app)


def main() -> None:
    """Run the command line: a usage error is one line and exit 2, a signal is one line and exit 128 + its number."""
    debug = "--debug" in sys.argv
    sys.argv = [sys.argv[0], *(word for word in sys.argv[1:] if word != "--debug")]
    replace_unencodable()
    if "error" in {option.partition(":")[0] for option in sys.warnoptions}:
        warnings.simplefilter("default")  # those of other libraries would end a command anywhere
    warnings.showwarning = show_warning
    set_spinner(out.spinner)
    atexit.register(ignore_signals)
    try:
        with signals_as_exceptions(ctrl_c=Terminated):  # typer prints an empty line on a KeyboardInterrupt
            try:
                code = app(standalone_mode=False) or 0
                out.flush()
            finally:
                sys.excepthook = show_traceback  # not earlier: typer sets one of its own
    except Terminated as terminated:
        if debug:
            raise
        _say_what_stopped(terminated)
        sys.exit(terminated.code)
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
    sys.exit(code)  # not above, where it would pass `user_errors`, which imports NumPy


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback without the user and password of a store, which the errors of libraries have in their text."""
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))


def _say_what_stopped(terminated: Terminated) -> None:
    """Say by which signal a command was stopped, and how to go on; a closed pipe is the end that a reader wanted."""
    name = signal.Signals(int(str(terminated.code)) - 128).name
    hints = getattr(terminated, "__notes__", [])
    if name == "SIGPIPE":
        if hints:
            out.error(f"stopped, its output is read no more; {'; '.join(hints)}")
    else:
        out.error(f"stopped by {name}; {'; '.join(hints) or 'the same command starts again'}")
