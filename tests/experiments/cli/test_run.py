"""The command `run`, in real processes."""

import re
import signal
import subprocess
import sys
import time

import pytest

SMALL = ["--set", "dataset=two-spirals", "--set", "model.hidden=[8]"]
INSTALL = "pip install 'neuralzoo[experiments]'"


def test_run_prints_the_result_the_model_and_the_link(neuralzoo, tmp_path):
    done = neuralzoo("run", "fnn", "--set", "dataset=two-spirals", "--set", "epochs=2", "--seed", "5")
    assert "test/accuracy" in done.stdout
    model = re.search(r"model +(\S+)", done.stdout).group(1)
    assert (tmp_path / model).is_file()
    assert "neuralzoo ui" in done.stdout
    assert re.search(r"http://127\.0\.0\.1:5000/#/experiments/\d+/runs/[0-9a-f]{32}", done.stdout)
    assert "-s5-" in model
    assert (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(("words", "advised"), [([], True), (["--no-track"], False)])
def test_a_run_without_mlflow_says_that_tracking_is_off(tmp_path, words, advised, without):
    command = [*without("mlflow"), "run", "fnn", *SMALL, "--set", "epochs=1", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search("^tracking +off", done.stdout, flags=re.MULTILINE)
    assert (INSTALL in done.stdout) == advised


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_an_interrupted_run_prints_its_resume_hint_in_one_line(tmp_path, number, one_line):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "neuralzoo.experiments.cli",
            "run",
            "fnn",
            *SMALL,
            "--set",
            "epochs=99999",
            "--no-track",
        ],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # these tests may run under nohup
    )
    deadline = time.monotonic() + 60
    while not (places := list(tmp_path.glob("runs/*/checkpoint.safetensors"))):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    name = places[0].parent.name
    second = [sys.executable, "-m", "neuralzoo.experiments.cli", "run", "--resume", "last"]
    refused = one_line(subprocess.run(second, cwd=tmp_path, capture_output=True, text=True, check=False))
    assert refused.startswith(f"neuralzoo: {name} is being trained by process {process.pid} on this machine")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == f"neuralzoo: stopped by {number.name}; `neuralzoo run --resume {name}` resumes it\n"
