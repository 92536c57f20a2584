import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def run_cases(tmp_path):
    """A function that runs a script of cases beside this file, each a forked child, and returns the finished process.

    What the surroundings set is left out, but for the few variables that the script needs.
    """

    def run(script, *words):
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "NEURALZOO_DATA_MIRROR")}
        return subprocess.run(
            [sys.executable, str(Path(__file__).with_name(script)), *map(str, words)],
            env=kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def failed_cases(run_cases):
    """A function that returns what failed among some cases of a script, as text; nothing if none did."""

    def failed(script, count, *words, summaries=("{count} cases, 0 failed",)):
        done = run_cases(script, count, *words)
        if all(summary.format(count=count) in done.stdout for summary in summaries):
            return ""
        return done.stdout[-8000:] + done.stderr[-2000:]

    return failed


@pytest.fixture
def one_line():
    """A function that returns the one line of a usage error."""

    def line_of(done):
        assert done.returncode == 2, done.stdout + done.stderr
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert "Traceback" not in done.stderr
        return lines[0]

    return line_of


@pytest.fixture
def without(tmp_path):
    """A function that returns the command line where packages are not installed."""

    def command(*packages):
        (tmp_path / "blocked.py").write_text(
            f"import sys\nsys.modules |= dict.fromkeys({packages})\n"
            "from neuralzoo.experiments.cli import main\nmain()\n"
        )
        return [sys.executable, "blocked.py"]

    return command
