"""Real distributions for the tests: folders and wheels with metadata, seen by a Python of their own."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PLUGIN = """
import numpy as np
from pydantic import Field

from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Parameter
from neuralzoo.registry import Architecture, Config, Experiment, Task, hookimpl


class TinyConfig(Config):
    width: int = Field(default=4, ge=1, description="units")
    heads: int = Field(default=2, ge=1, description="parts that the units are split into")


class Tiny(Layer):
    def __init__(self, task, config, rng):
        if config.width % config.heads:
            raise ValueError(f"width {config.width} is no multiple of {config.heads} heads")
        self.weight = Parameter(rng.normal(size=(task.shape[0], config.width)).astype(np.float32))

    def __call__(self, x, ctx):
        return x @ self.weight.value, lambda dy: dy @ self.weight.value.T


DECLARED = dict(
    api_version=1,
    name="NAME",
    summary="A tiny network for tests of the registry",
    citation="Author (2020), Nothing",
    url="https://example.org",
    tasks=frozenset({"classification"}),
    inputs=frozenset({"tabular"}),
    config=TinyConfig,
    build=lambda config, task, rng: Tiny(task, config, rng),
    learner=lambda module, config, task, optimizer_factory: None,
    example=Task(kind="classification", input="tabular", shape=(3,), outputs=2),
    experiments={"quick": Experiment(architecture="NAME", dataset="none", epochs=1, batch_size=2)},
)


@hookimpl
def architecture():
    return Architecture(**{**DECLARED, **dict(CHANGES)})
"""


def plugin_source(name: str, changes: str = "") -> str:
    """Return the module of a working plugin; `changes` are arguments of its Architecture that differ."""
    return PLUGIN.replace("NAME", name).replace("CHANGES", changes)


@dataclass(frozen=True)
class Shelf:
    """A folder of installed distributions, as it stands on the path of a Python of its own."""

    path: Path

    def add(
        self, package: str, points: Mapping[str, str] | str, modules: Mapping[str, str], version: str = "1.0"
    ) -> None:
        """Install a distribution: its modules, and the metadata that an installer would write."""
        for file, content in _files(package, points, modules, version).items():
            target = self.path / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")

    def add_plugin(self, package: str, name: str, changes: str = "", version: str = "1.0") -> None:
        """Install a distribution with one working plugin, or with one that differs by `changes`."""
        module = f"{package}_{name}".replace("-", "_")
        self.add(package, {name: module}, {module: plugin_source(name, changes)}, version)

    def ask(self, code: str, *more: "Shelf", **environment: str) -> Any:
        """Run code in a new Python that has this shelf (and more) on its path, and return what it prints as JSON."""
        done = self.start(code, *more, **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, code: str, *more: "Shelf", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run code in a new Python that has this shelf (and more) on its path."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("NEURALZOO_")}
        path = os.pathsep.join(str(shelf.path) for shelf in (self, *more))
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
            env={**clean, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.path,
            check=False,
        )

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in the shelf's folder, with the shelf's packages installed."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("NEURALZOO_", "MLFLOW_"))}
        return subprocess.run(
            [sys.executable, "-m", "neuralzoo.experiments.cli", *words],
            env={**clean, "PYTHONPATH": str(self.path), "PYTHONDONTWRITEBYTECODE": "1", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.path,
            check=False,
        )


def _files(package: str, points: Mapping[str, str] | str, modules: Mapping[str, str], version: str) -> dict[str, str]:
    info = f"{package.replace('-', '_')}-{version}.dist-info"
    if not isinstance(points, str):
        points = "[neuralzoo.plugins]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
    return {
        **{f"{module}.py": source for module, source in modules.items()},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points,
    }


def _write_wheel(folder: Path, package: str, name: str, version: str) -> Path:
    module = f"{package}_{name}"
    files = _files(package, {name: module}, {module: plugin_source(name)}, version)
    record = f"{package}-{version}.dist-info/RECORD"
    rows = []
    for file, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{file},sha256={digest},{len(content.encode())}\n")
    wheel = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, content in {**files, record: "".join(rows) + f"{record},,\n"}.items():
            archive.writestr(file, content)
    return wheel


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return an empty shelf."""
    return Shelf(tmp_path)


@pytest.fixture(scope="session")
def new_shelf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Shelf]:
    """Return a function that makes empty shelves, for tests that need several."""
    return lambda: Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="session")
def source() -> Callable[..., str]:
    """Return the function that writes the module of a working plugin."""
    return plugin_source


@pytest.fixture(scope="session")
def pip_installed(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Return a shelf with a plugin that pip installed from a wheel."""
    pytest.importorskip("pip", reason="installing a wheel needs pip")
    folder = tmp_path_factory.mktemp("wheel")
    wheel = _write_wheel(folder, "wheeled", "tiny", "2.5")
    command = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    done = subprocess.run(
        [sys.executable, *command, "--target", str(folder / "site"), str(wheel)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Shelf(folder / "site")
