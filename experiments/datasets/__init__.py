"""Data sets by name: what there is, what can be said about it unread, and the arrays.

Each file here is one family: it declares its data sets and the functions that make them. Reading needs no network
for the embedded and generated ones; `sources` says where the others come from.
"""

from itertools import chain
from typing import Any

from neuralzoo.experiments.datasets import (
    images,
    memory,
    music,
    points,
    reber,
    sequences,
    series,
    text,
    vowels,
    warped,
)
from neuralzoo.registry import DataError, UnknownName
from neuralzoo.registry.dataset import Arrays, DataSet, Entry, File, Info, Sizes
from neuralzoo.registry.errors import nearest

__all__ = [
    "Arrays",
    "DataError",
    "DataSet",
    "Entry",
    "File",
    "Info",
    "Sizes",
    "entry",
    "info",
    "load",
    "names",
]

FAMILIES = (images, memory, music, points, reber, sequences, series, text, vowels, warped)


def entries() -> dict[str, Entry]:
    """Return all data sets by name."""
    return {e.info.name: e for e in chain.from_iterable(family.ENTRIES for family in FAMILIES)}


def names() -> list[str]:
    """Return the names of all data sets in alphabetical order."""
    return sorted(entries())


def entry(name: str) -> Entry:
    """Return the data set of this name, unread.

    Raises: UnknownName with the nearest names.
    """
    known = entries()
    if name not in known:
        raise UnknownName(f"no data set is named {name!r}{nearest(name, known)} (`neuralzoo datasets` shows all)")
    return known[name]


def info(name: str) -> Info:
    """Return what can be said about a data set without reading it.

    Raises: UnknownName with the nearest names.
    """
    return entry(name).info


def load(name: str, *, seed: int = 0, **options: Any) -> DataSet:
    """Read or make a data set; the seed decides what is random about it, the options are its loader's.

    Raises: UnknownName, SettingError for a wrong option, DataError when its files are missing or damaged.
    """
    return entry(name).load(seed, options)
