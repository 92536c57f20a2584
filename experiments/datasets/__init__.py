"""Datasets by name: their metadata, and their arrays.

Each file here is one family: it declares its datasets and their loaders. The embedded and generated ones need no
network; `files` finds the others. Plugins provide more.
"""

from importlib.metadata import EntryPoint
from itertools import chain
from typing import Any

from neuralzoo import __version__, registry
from neuralzoo.experiments.datasets import (
    conflicting_subtasks,
    date_normalization,
    images,
    mnist1d,
    mnist_variants,
    music,
    reber,
    synthetic_memory,
    text,
    time_series,
    toy_2d,
    vowels,
)
from neuralzoo.registry import DataError
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, File, Sizes
from neuralzoo.registry.loading import load as load_plugin

__all__ = [
    "Arrays",
    "DataError",
    "Dataset",
    "DatasetEntry",
    "DatasetInfo",
    "File",
    "Sizes",
    "built_in",
    "entry",
    "info",
    "load",
    "names",
    "plugin",
    "statuses",
    "summaries",
]

FAMILIES = (
    images,
    synthetic_memory,
    music,
    toy_2d,
    reber,
    mnist1d,
    time_series,
    conflicting_subtasks,
    text,
    date_normalization,
    vowels,
    mnist_variants,
)


def built_in() -> dict[str, DatasetEntry]:
    """Return the datasets that come with the library by name."""
    return {e.info.name: e for e in chain.from_iterable(family.ENTRIES for family in FAMILIES)}


def names() -> list[str]:
    """Return the names of all datasets in alphabetical order; those of plugins from package metadata alone."""
    return sorted({*built_in(), *registry.names(kind="dataset")})


def statuses(strict: bool | None = None) -> list[registry.PluginStatus]:
    """Import every dataset of a plugin, and return their statuses."""
    return registry.statuses(kind="dataset", builtin=_as_plugins(), strict=strict)


def summaries() -> list[registry.PluginSummary]:
    """Return the summary of every dataset of a plugin, without importing it."""
    return registry.summaries(kind="dataset", builtin=_as_plugins())


def entry(name: str) -> DatasetEntry:
    """Return the dataset of this name, not yet loaded; `package:name` picks one where two packages conflict.

    Raises: UnknownNameError, NameConflictError or PluginError, each with what to do.
    """
    found = plugin(name)
    if found.is_built_in:
        return built_in()[found.name]
    loaded: DatasetEntry = load_plugin(found)
    return loaded


def plugin(name: str) -> registry.PluginEntry:
    """Return the package and version that provide the dataset of this name.

    Raises: UnknownNameError or NameConflictError, each with what to do.
    """
    return registry.find(name, "dataset", _as_plugins())


def _as_plugins() -> list[registry.PluginEntry]:
    """Return entries of the built-in datasets, as if their package declared entry points."""
    points = [EntryPoint(f"dataset.{name}", __name__, registry.GROUP) for name in built_in()]
    return [
        registry.PluginEntry(name, "neuralzoo", __version__, point, "dataset")
        for name, point in zip(built_in(), points, strict=True)
    ]


def info(name: str) -> DatasetInfo:
    """Return the metadata of a dataset, without reading it.

    Raises: UnknownNameError, NameConflictError or PluginError, each with what to do.
    """
    return entry(name).info


def load(name: str, *, seed: int = 0, **options: Any) -> Dataset:
    """Load a dataset; the seed decides its random draws, the options are its loader's.

    Raises: UnknownNameError, SettingError for a wrong option, DataError when its files are missing or damaged.
    """
    return entry(name).load(seed, options)
