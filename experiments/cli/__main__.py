"""`python -m neuralzoo.experiments.cli` is `neuralzoo`."""

from neuralzoo.experiments.cli import main

main()
