"""What all tests share."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os, pathlib, signal
from neuralzoo.experiments.running.signals import signals_as_exceptions

def test_one_that_is_terminated_while_something_trains():
    with signals_as_exceptions():
        os.kill(os.getpid(), signal.SIG{name})
        while True:
            pass

def test_another():
    pathlib.Path("went_on").touch()
"""


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("HUP", 129)])
def test_pytest_ends_when_a_signal_ends_a_test(tmp_path, name, code):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_signal.py").write_text(TESTS.format(name=name))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "-c", "/dev/null"]
    reset = f"import signal; signal.signal(signal.SIG{name}, signal.SIG_DFL); "  # these tests may run under nohup
    run = [sys.executable, "-c", f"{reset}import os, sys; os.execv({sys.executable!r}, {command})"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert "terminated by a signal" in done.stdout
    assert not (tmp_path / "went_on").exists()
