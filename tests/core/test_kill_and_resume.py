"""Training that is killed at any moment and resumed ends with the same bits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from neuralzoo.core.checkpoint import read

SCRIPT = Path(__file__).with_name("run_to_be_killed.py")
STEPS, STEPS_PER_EPOCH = 60, 15
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known to Windows")


def start(folder, *hold):
    command = [sys.executable, str(SCRIPT), str(folder), *map(str, hold)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)


def kill_at(step, wait, folder):
    """Start or resume the run, kill it `wait` seconds after a step, and return its first and last step."""
    with start(folder, step + 3) as process:
        first = seen = int(process.stdout.readline().removeprefix("from "))
        while seen < step:
            seen = int(process.stdout.readline())
        time.sleep(wait)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return first, seen


def finish(folder):
    """Start or resume the run to its end, and return its first step and its results, without times."""
    with start(folder) as process:
        first = int(process.stdout.readline().removeprefix("from "))
        process.stdout.read()
    assert process.returncode == 0
    saved = read(folder / "result.safetensors")
    state = saved.metadata["trainer"]
    del state["seconds"]
    for epoch in state["history"]:
        del epoch["time/train_s"]
    return first, state, {name: (array.dtype, array.tobytes()) for name, array in saved.arrays.items()}


def test_a_run_that_is_killed_ten_times_and_resumed_has_the_same_bits(tmp_path):
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    first, state, arrays = finish(whole)
    assert (first, state["step"], len(state["history"])) == (0, STEPS, 4)

    rng = np.random.default_rng(2024)
    moments = sorted(rng.choice(np.arange(1, STEPS - 4), 10, replace=False).tolist())
    begun = []
    for step in moments:
        first, killed = kill_at(step, float(rng.uniform(0, 0.009)), pieces)
        assert first <= killed < STEPS
        begun.append(first)
    last, *came_out = finish(pieces)

    assert came_out == [state, arrays]
    print(f"\nkilled at or after steps {moments}, resumed from {[*begun[1:], last]}: same bits")  # seen with -s
    in_mid_epoch = {step for step in [*begun, last] if step % STEPS_PER_EPOCH}
    assert len(in_mid_epoch) >= 4, (
        f"the runs began at {begun}; most need to begin in mid-epoch for this to mean anything"
    )
