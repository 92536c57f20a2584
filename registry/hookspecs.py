"""The hooks that plugins implement, one for each kind of thing that they may bring."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuralzoo.core.hooks import hookimpl, hookspec

if TYPE_CHECKING:
    from neuralzoo.registry.architecture import Architecture, Figure
    from neuralzoo.registry.dataset import Entry
    from neuralzoo.registry.experiment import Experiment

__all__ = ["MakeHook", "architecture", "data_set", "figure", "hookimpl", "trainer_hook"]

MakeHook = Callable[["Experiment", Path], Any]
"""Makes the hook object of one run: of its experiment, and the folder that it may write to."""


@hookspec
def architecture() -> "Architecture":  # type: ignore[empty-body]
    """Return the architecture that this plugin brings; its name is the name of the entry point."""


@hookspec
def data_set() -> "Entry":  # type: ignore[empty-body]
    """Return the data set that this plugin brings; its name is the name of the entry point behind `data.`."""


@hookspec
def trainer_hook() -> MakeHook:  # type: ignore[empty-body]
    """Return what makes a hook object of a trainer for one run: a function of (experiment, folder), or a class."""


@hookspec
def figure() -> "Figure":  # type: ignore[empty-body]
    """Return the figure that this plugin brings; its name is the name of the entry point behind `figure.`."""
