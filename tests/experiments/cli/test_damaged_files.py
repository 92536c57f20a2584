"""Damaged files of runs, comparisons and claims: refused in a sentence, or without an effect (see `damaged_files`)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("damaged_files.py")

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="every case is a forked child"),
    pytest.mark.usefixtures("public_data"),
]


def failures(folder, count, *options):
    """Return the failed cases among some, as text; nothing if there are none."""
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "NEURALZOO_DATA_MIRROR")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(count), *options],
        env=environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if f"{count} cases, 0 failed" in done.stdout else done.stdout[-8000:] + done.stderr[-2000:]


def test_damaged_files_end_in_a_sentence_or_the_same_result(tmp_path):
    assert failures(tmp_path, 12, "--architecture", "fnn") == ""


@pytest.mark.slow
def test_so_do_a_thousand_of_all_architectures(tmp_path):
    assert failures(tmp_path, 1000, "--seed", "1") == ""
