"""What a person needs to know when something does not work: versions, threads, extras, store, plugins."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from neuralzoo import __version__
from neuralzoo.registry import statuses

EXTRA = ("mlflow", "matplotlib", "scikit-learn", "scipy", "pooch", "psutil", "pillow", "jinja2")


def examine(here: Path) -> dict[str, dict[str, str]]:
    """Return the findings by heading."""
    return {
        "versions": {
            "neuralzoo": __version__,
            "python": platform.python_version(),
            **{
                name: installed(name)
                for name in ("numpy", "pluggy", "pydantic", "safetensors", "typer", "rich", "filelock")
            },
        },
        "computing": {
            "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "BLAS": blas(),
            "threads": threads(),
        },
        "extra 'experiments'": {name: installed(name) for name in EXTRA},
        "store": {"address": _store_address(), "state": _store_state()},
        "plugins": {
            f"{s.entry.name} ({s.entry.origin})": "ready" if s.architecture is not None else s.reason
            for s in statuses()
        },
    }


def machine() -> dict[str, str]:
    """Return what a measurement depends on: processor, cores, Python, NumPy and its BLAS."""
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
    """Return the name and version of the library that NumPy multiplies matrices with."""
    build = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{build['name']} {build['version']}"


def threads() -> str:
    """Return the setting of the threads that matrix products use."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    given = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return ", ".join(given) or "all cores (no OPENBLAS_NUM_THREADS or OMP_NUM_THREADS)"


def _store_address() -> str:
    from neuralzoo.experiments.store import default_uri

    return default_uri()


def _store_state() -> str:
    from neuralzoo.experiments.store import TrackingError, client, default_uri, explained, sqlite_file

    if find_spec("mlflow") is None:
        return "MLflow is not installed; pip install 'neuralzoo[experiments]'"
    file = sqlite_file(default_uri())
    if file is not None and not file.exists():
        return "not made yet; the first tracked run makes it"
    try:
        with explained(default_uri()):
            count = len(client(default_uri()).search_experiments())
    except TrackingError as error:
        return str(error)
    return f"reachable, {count} experiments"
