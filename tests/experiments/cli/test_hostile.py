"""Settings and command lines that nobody should write: each works or is refused in a sentence (see `hostile`)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("hostile.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="every case is a forked child")
@pytest.mark.usefixtures("public_data")
@pytest.mark.parametrize(("count", "seed"), [(60, 0), pytest.param(1000, 1, marks=pytest.mark.slow)])
def test_hostile_settings_and_command_lines_end_in_a_sentence_or_a_sound_result(tmp_path, count, seed):
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "NEURALZOO_DATA_MIRROR")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(count), "--seed", str(seed)],
        env=environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert f"{count} cases, 0 failed" in done.stdout
