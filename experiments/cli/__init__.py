"""The command line: `neuralzoo`."""

from neuralzoo.experiments.cli.app import main

__all__ = ["main"]
