"""The command line: `neuralzoo`."""

import sys
from typing import Annotated

import typer

from neuralzoo.experiments.cli import catalogue, comparing, proving, running, tracking
from neuralzoo.experiments.cli.shared import mistakes, say

app = typer.Typer(
    name="neuralzoo",
    help="A zoo of neural networks written from scratch in NumPy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options that stand before the command; `main` reads --debug."""


catalogue.add_to(app)
running.add_to(app)
comparing.add_to(app)
proving.add_to(app)
tracking.add_to(app)


def main() -> None:
    """Run the command line: a user's mistake is one line and exit 2."""
    debug = "--debug" in sys.argv
    sys.argv = [sys.argv[0], *(word for word in sys.argv[1:] if word != "--debug")]
    try:
        app()
    except mistakes() as error:
        if debug:
            raise
        say.error(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        if debug:
            raise
        say.error("interrupted")
        sys.exit(130)
