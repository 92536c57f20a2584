import sys

import pytest


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
