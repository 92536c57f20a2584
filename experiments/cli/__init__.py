"""The command line: `neuralzoo`."""

import signal


def main() -> None:
    """Run the command line; a Ctrl-C while it is imported ends it as other signals do, without a traceback."""
    if by_default := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from neuralzoo.experiments.cli.app import main as run

    if by_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
