"""Disk size of a minimal installation."""

import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any

from neuralzoo.experiments.benchmark.isolated import MeasurementError

TARGET_BYTES = 90_000_000


def measure(checkout: Path) -> dict[str, Any]:
    """Build the wheel of a checkout, install it without extras into an empty folder, and return the bytes by package.

    Raises: MeasurementError when pip fails, or the folder is not a checkout.
    """
    if not (checkout / "pyproject.toml").is_file():
        raise MeasurementError(f"{checkout} has no pyproject.toml; the wheel is built from a checkout")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Without build isolation pip uses the installed hatchling instead of downloading one.
        options = ["--no-build-isolation"] if find_spec("hatchling") else []
        _pip("wheel", *options, "--no-deps", "--wheel-dir", name, str(checkout))
        (wheel,) = folder.glob("*.whl")
        _pip("install", "--target", str(folder / "site"), str(wheel))
        return {"wheel": wheel.stat().st_size, **sizes(folder / "site")}


def sizes(site: Path) -> dict[str, Any]:
    """Return the bytes of all files in a site-packages folder, of compiled ones, and by package."""
    files = [path for path in site.rglob("*") if path.is_file()]
    packages = {found.metadata["Name"]: _bytes_of(found) for found in distributions(path=[str(site)])}
    return {
        "bytes": sum(path.stat().st_size for path in files),
        "compiled": sum(path.stat().st_size for path in files if path.suffix == ".pyc"),
        "packages": dict(sorted(packages.items(), key=lambda each: -each[1])),
    }


def _bytes_of(distribution: Any) -> int:
    """Return the bytes of a package's files, compiled ones included."""
    paths = {Path(str(file.locate())).resolve() for file in distribution.files or []}
    paths |= {Path(cache_from_source(str(path))) for path in paths if path.suffix == ".py"}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-P", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        errors = ended.stderr.strip().splitlines() or ["no output"]
        raise MeasurementError(f"pip {arguments[0]} ended with code {ended.returncode}: {errors[-1]}")
