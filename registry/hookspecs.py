"""The hooks that plugins implement, one for each kind of plugin."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuralzoo.core.hooks import hookimpl, hookspec

if TYPE_CHECKING:
    from neuralzoo.registry.architecture import Architecture, Figure
    from neuralzoo.registry.dataset import DatasetEntry
    from neuralzoo.registry.experiment import Experiment

__all__ = ["HookFactory", "architecture", "dataset", "figure", "hookimpl", "trainer_hook"]

HookFactory = Callable[["Experiment", Path], Any]
"""Makes the hook object of one run from its experiment and the folder that it may write to."""


@hookspec
def architecture() -> "Architecture":  # type: ignore[empty-body]
    """Return the architecture of this plugin; its name is the name of the entry point."""


@hookspec
def dataset() -> "DatasetEntry":  # type: ignore[empty-body]
    """Return the dataset of this plugin; its name is the name of the entry point behind `dataset.`."""


@hookspec
def trainer_hook() -> HookFactory:  # type: ignore[empty-body]
    """Return what makes a hook object of a trainer for one run: a function of (experiment, folder), or a class."""


@hookspec
def figure() -> "Figure":  # type: ignore[empty-body]
    """Return the figure of this plugin; its name is the name of the entry point behind `figure.`."""
