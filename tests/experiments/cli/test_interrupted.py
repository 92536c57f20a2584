"""Signals, a closed pipe and kills at random moments: right record, right exit code, resumable (see `interrupted`)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("interrupted.py")

pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="most cases are forked children"),
    pytest.mark.usefixtures("public_data"),
]


def failures(folder, count, seed, *hows):
    """Return the failed cases among some, as text; nothing if there are none."""
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "NEURALZOO_DATA_MIRROR")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(count), *hows, "--seed", str(seed)],
        env=environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if all(f"{count} interruptions by {how}, 0 failed" in done.stdout for how in hows):
        return ""
    return done.stdout[-8000:] + done.stderr[-2000:]


def test_an_interrupted_run_is_recorded_as_killed_and_goes_on(tmp_path):
    assert failures(tmp_path, 1, 0, "SIGHUP", "pipe") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "count"), [("SIGINT", 50), ("SIGTERM", 50), ("SIGHUP", 50), ("pipe", 50), ("SIGKILL", 100)]
)
def test_so_do_hundreds_of_all_architectures(tmp_path, how, count):
    assert failures(tmp_path, count, 1, how) == ""
