"""Data sets by name: what there is, what can be said about it unread, and the arrays.

Each file here is one family: it declares its data sets and the functions that make them. Reading needs no network
for the embedded and generated ones; `sources` says where the others come from. Plugins bring more.
"""

from importlib.metadata import EntryPoint
from itertools import chain
from typing import Any

from neuralzoo import __version__, registry
from neuralzoo.experiments.datasets import conflicting_subtasks as subtasks
from neuralzoo.experiments.datasets import images, music, reber, recall, text, vowels
from neuralzoo.experiments.datasets import mnist1d as sequences
from neuralzoo.experiments.datasets import mnist_variants as warped
from neuralzoo.experiments.datasets import synthetic_memory as memory
from neuralzoo.experiments.datasets import time_series as series
from neuralzoo.experiments.datasets import toy_2d as points
from neuralzoo.registry import DataError
from neuralzoo.registry.dataset import Arrays, DataSet, Entry, File, Info, Sizes
from neuralzoo.registry.loading import load as load_plugin

__all__ = [
    "Arrays",
    "DataError",
    "DataSet",
    "Entry",
    "File",
    "Info",
    "Sizes",
    "built_in",
    "entry",
    "glances",
    "info",
    "load",
    "names",
    "plugin",
    "statuses",
]

FAMILIES = (images, memory, music, points, reber, recall, sequences, series, subtasks, text, vowels, warped)


def built_in() -> dict[str, Entry]:
    """Return the data sets that come with the library by name."""
    return {e.info.name: e for e in chain.from_iterable(family.ENTRIES for family in FAMILIES)}


def names() -> list[str]:
    """Return the names of all data sets in alphabetical order; those of plugins from package metadata alone."""
    return sorted({*built_in(), *registry.names(kind="data")})


def statuses(strict: bool | None = None) -> list[registry.Status]:
    """Return every data set that a plugin brings, imported, or the reason why it can't be used."""
    return registry.statuses(kind="data", also=_as_plugins(), strict=strict)


def glances() -> list[registry.Glance]:
    """Return what can be said about every data set that a plugin brings without importing it."""
    return registry.glances(kind="data", also=_as_plugins())


def entry(name: str) -> Entry:
    """Return the data set of this name, unread; `package:name` says which one where two packages clash.

    Raises: UnknownName, Clash or BrokenPlugin, each with what to do.
    """
    found = plugin(name)
    if found.is_built_in:
        return built_in()[found.name]
    brought: Entry = load_plugin(found)
    return brought


def plugin(name: str) -> registry.Entry:
    """Return which package and version bring the data set of this name.

    Raises: UnknownName or Clash, each with what to do.
    """
    return registry.find(name, "data", _as_plugins())


def _as_plugins() -> list[registry.Entry]:
    """Return what comes with the library as if its package had declared it like others do."""
    return [
        registry.Entry(name, "neuralzoo", __version__, EntryPoint(f"data.{name}", __name__, registry.GROUP), "data")
        for name in built_in()
    ]


def info(name: str) -> Info:
    """Return what can be said about a data set without reading it.

    Raises: UnknownName, Clash or BrokenPlugin, each with what to do.
    """
    return entry(name).info


def load(name: str, *, seed: int = 0, **options: Any) -> DataSet:
    """Read or make a data set; the seed decides what is random about it, the options are its loader's.

    Raises: UnknownName, SettingError for a wrong option, DataError when its files are missing or damaged.
    """
    return entry(name).load(seed, options)
