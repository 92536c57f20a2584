"""Damaged files of runs, comparisons and claims: refused in a sentence, or without an effect (see `damaged_files`)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("damaged_files.py")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="every case is a forked child")
@pytest.mark.usefixtures("public_data")
def test_a_thousand_damaged_files_end_in_a_sentence_or_the_same_result(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "NEURALZOO_DATA_MIRROR")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "1000", "--seed", "1"],
        env=environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1000 cases, 0 failed" in done.stdout, done.stdout[-8000:] + done.stderr[-2000:]
