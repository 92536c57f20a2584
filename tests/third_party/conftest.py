"""A virtual environment in which neuralzoo is installed from its wheel."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = "#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
collect_ignore = ["echo_state"]  # a package of its own, whose tests run where it is installed


@dataclass(frozen=True)
class Environment:
    """A virtual environment to run commands in."""

    path: Path

    @property
    def bin(self) -> Path:
        """The folder of the commands."""
        return self.path / "bin"

    def run(
        self, command: str, folder: Path, *, check: bool = True, timeout: int = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command line in a folder."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("NEURALZOO_", "PYTEST_"))}
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=clean
            | {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200", "MPLBACKEND": "agg"}
            # what is to be installed is built with what is here, and nothing goes to the network
            | {"MLFLOW_DISABLE_TELEMETRY": "true"}
            | {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done

    def install(self, *words: str | Path) -> None:
        """Install with pip."""
        self.run(f"pip install -q {' '.join(map(str, words))}", self.path)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of the working tree."""
    pytest.importorskip("pip", reason="building a wheel needs pip")
    pytest.importorskip("hatchling", reason="building a wheel without the network needs hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run([sys.executable, *command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("neuralzoo-*.whl")
    return built


@pytest.fixture(scope="session")
def new_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Environment]:
    """Return a function that makes environments with the wheel, and with what this Python has installed besides."""

    def make() -> Environment:
        path = tmp_path_factory.mktemp("environment")
        venv.create(path, symlinks=True)
        environment = Environment(path)
        (here,) = path.glob("lib/python*/site-packages")
        (here / "beside.pth").write_text(f"{get_path('purelib')}\n")
        for command, main in {"pip": "pip._internal.cli.main:main", "pytest": "pytest:console_main"}.items():
            module, _, function = main.partition(":")
            script = environment.bin / command
            script.write_text(SCRIPT.format(python=environment.bin / "python", module=module, function=function))
            script.chmod(0o755)
        environment.install("--no-deps", "--force-reinstall", wheel)
        return environment

    return make


@pytest.fixture(scope="session")
def environment(new_environment: Callable[[], Environment]) -> Environment:
    """Return an environment that tests share; each installs packages of other names."""
    return new_environment()
