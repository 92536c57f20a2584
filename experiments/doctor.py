"""Diagnosis of an installation: versions, threads, extras, tracking store, plugins."""

import os
import platform
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np

from neuralzoo import __version__
from neuralzoo.core import kernels
from neuralzoo.experiments import datasets
from neuralzoo.registry import Kind, PluginEntry, PluginStatus, statuses
from neuralzoo.registry.loading import import_seconds
from neuralzoo.registry.static_metadata import source_of

NEEDED = ("numpy", "pluggy", "pydantic", "safetensors", "tomli-w", "typer", "rich", "filelock")
EXTRA = ("mlflow", "matplotlib", "scikit-learn", "scipy", "pooch", "psutil", "pillow", "jinja2")
SLOW_IMPORT_S = 1.0


def examine() -> dict[str, Any]:
    """Return the findings by heading: facts by name, and a list of plugins."""
    return {
        "versions": {
            "neuralzoo": __version__,
            "python": platform.python_version(),
            **{name: installed(name) for name in NEEDED},
        },
        "computing": {
            "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "BLAS": blas(),
            "threads": threads(),
            "kernels": examine_kernels(),
        },
        "extra 'experiments'": {name: installed(name) for name in EXTRA},
        "store": {"address": _store_address(), "state": _store_state()},
        "plugins": plugins(),
    }


def plugins() -> list[dict[str, str]]:
    """Return every plugin of every kind: its package, path, state, and problem or remarks."""
    found: list[PluginStatus] = []
    for kind in get_args(Kind):
        found += datasets.statuses(strict=False) if kind == "dataset" else statuses(kind=kind, strict=False)
    return [
        {
            "kind": status.entry.kind,
            "name": status.entry.name,
            "package": status.entry.package,
            "version": status.entry.version,
            "path": _path(status.entry),
            "state": status.state,
            "problem": status.problem or "; ".join(_remarks(status)),
        }
        for status in found
    ]


def _remarks(status: PluginStatus) -> Iterator[str]:
    """Yield the defects of a plugin that can be used."""
    if (seconds := import_seconds.get(status.entry.point, 0.0)) > SLOW_IMPORT_S:
        yield f"importing it takes {seconds:.1f} s; it needs to import slow modules inside functions"
    if status.architecture is not None:
        fields = status.architecture.config.model_fields
        bare = [f"model.{name}" for name, field in fields.items() if not (field.description or "").strip()]
        if bare:
            yield f"{', '.join(bare)} has no description; it needs Field(default=..., description='...')"


def _path(entry: PluginEntry) -> str:
    """Return the file of an entry point."""
    file = getattr(sys.modules.get(entry.module), "__file__", None) or source_of(entry)
    return str(file) if file is not None else "not found"


def machine() -> dict[str, str]:
    """Return what a measurement depends on: processor, cores, Python, NumPy, BLAS and threads."""
    return {
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "BLAS": blas(),
        "threads": threads(),
    }


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def installed(package: str) -> str:
    """Return the version of a package, or that it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def blas() -> str:
    """Return NumPy's BLAS library, its version, and its kernel architecture."""
    build = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = f"{build['name']} {build['version']}"
    if find_spec("threadpoolctl") is None:
        return found
    from threadpoolctl import threadpool_info

    kinds = {
        pool["architecture"] for pool in threadpool_info() if "numpy" in pool["filepath"] and "architecture" in pool
    }
    return ", ".join([found, *sorted(f"for {kind}" for kind in kinds)])


def threads() -> str:
    """Return the settings of the number of BLAS threads."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    given = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return ", ".join(given) or "all cores (no OPENBLAS_NUM_THREADS or OMP_NUM_THREADS)"


def examine_kernels() -> str:
    """Return the backend of the kernels, and where compiled ones are kept."""
    if kernels.backend() == "numpy":
        return "numpy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is returned
        from neuralzoo.core.kernels.numba_backend._jit import cache_folder
    where = f"cached in {cache_folder()}" if cache_folder() else "compiled by each process: no writable NUMBA_CACHE_DIR"
    return f"numba {installed('numba')}, {where}"


def _store_address() -> str:
    from neuralzoo.experiments.tracking.address import default_uri, redacted

    return redacted(default_uri())


def _store_state() -> str:
    from neuralzoo.experiments.tracking.address import TrackingError, default_uri, missing_file
    from neuralzoo.experiments.tracking.client import as_tracking_error, connect

    if find_spec("mlflow") is None:
        return "MLflow is not installed; pip install 'neuralzoo[experiments]'"
    try:
        if missing_file(default_uri()) is not None:
            return "not created yet; the first tracked run creates it"
        with as_tracking_error(default_uri()):
            count = len(connect(default_uri()).search_experiments())
    except TrackingError as error:
        return str(error)
    return f"reachable, {count} experiments"
