"""A compile cache that can't be written, or is damaged, costs time and nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba", reason="the numba backend needs the extra 'kernels'")

from neuralzoo.core.kernels.numba_backend import _jit
from neuralzoo.core.kernels.numba_backend._jit import CompileCacheWarning, compiled
from neuralzoo.experiments import doctor

SOURCE = Path(__file__).parents[2] / "core"
SCRIPT = """
import numpy as np
from neuralzoo.core import kernels
for _ in range(2):
    y = np.empty(2, np.float32)
    kernels.row_max(np.array([[1, 3], [4, 2]], np.float32), y)
dx = np.empty(2, np.float32)
kernels.relu_backward(y, y, dx)
print(kernels.__file__, y, dx)
"""


def test_kernels_are_compiled_where_no_cache_can_be_written_and_it_is_said_once(tmp_path):
    """Files stand where the folders of caches would be, which keeps out a superuser as well."""
    package = tmp_path / "neuralzoo"
    shutil.copytree(SOURCE, package / "core", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    (package / "core" / "kernels" / "numba_backend" / "__pycache__").touch()
    (tmp_path / "file").touch()
    places = {"PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "file"), "HOME": str(tmp_path / "file")}
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | places
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{package / 'core' / 'kernels' / '__init__.py'} [3. 4.] [3. 4.]\n"
    assert process.stderr.count("numba can't write to the folder of any compile cache") == 1
    assert process.stderr.count("Warning") == 1


@pytest.fixture
def double():
    """Return a function that is compiled in a cache of its own."""

    def double(x):
        return x + x

    return compiled(double)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    return tmp_path


def again(function):
    """Return the function as another process has it."""
    return compiled(function.py_func)


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"no pickle"], ids=["empty", "cut", "text"])
def test_a_damaged_cache_is_written_anew(cache, double, content, kind):
    assert double(2) == 4
    (file,) = cache.rglob(f"*.{kind}")
    file.write_bytes(content)
    with pytest.warns(CompileCacheWarning, match="can't be read .*; kernels are compiled again"):
        assert again(double)(3) == 6
    assert again(double)(4) == 8  # without a warning


def test_a_cache_that_is_gone_when_a_kernel_is_compiled_is_done_without(cache, double):
    (folder,) = cache.iterdir()
    folder.rmdir()
    folder.touch()
    with pytest.warns(CompileCacheWarning, match="can't be"):
        assert double(np.float32(2)) == 4


def test_doctor_says_where_kernels_are_cached_and_whether(monkeypatch):
    assert f"cached in {_jit.cache_folder()}" in doctor.examine_kernels()
    monkeypatch.setattr(_jit, "cache_folder", lambda: None)
    assert "compiled by each process" in doctor.examine_kernels()
