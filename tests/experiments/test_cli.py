"""The command line as a person uses it: real processes, real output."""

import json
import re
import subprocess
import sys
import time
import tomllib

import pytest


def one_line(done):
    """The one line of a user's mistake."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_list_shows_every_architecture_with_what_it_is_for(neuralzoo):
    shown = neuralzoo("list").stdout
    assert re.search(r"fnn +Feed-forward network.*\n +classification, regression · image.* · neuralzoo \d", shown)


def test_list_filters_by_name_task_and_input(neuralzoo):
    assert "fnn" in neuralzoo("list", "f*", "--task", "regression", "--input", "image").stdout
    assert "fnn" not in neuralzoo("list", "c*").stdout
    assert "fnn" not in neuralzoo("list", "--task", "generation").stdout


def test_list_speaks_json(neuralzoo):
    (fnn,) = [row for row in json.loads(neuralzoo("list", "--json").stdout) if row["name"] == "fnn"]
    assert fnn["loaded"] is True
    assert fnn["package"] == "neuralzoo"


def test_show_describes_settings_and_how_to_run_them(neuralzoo):
    shown = neuralzoo("show", "fnn").stdout
    assert "model.hidden" in shown
    assert "https://doi.org" in shown
    assert "neuralzoo run fnn --profile full" in shown
    assert "parameters" in shown


def test_show_toml_can_be_edited_and_run(neuralzoo, tmp_path):
    text = neuralzoo("show", "fnn", "--toml").stdout
    settings = tomllib.loads(text)
    assert settings["architecture"] == "fnn"
    changed = text.replace("fashion-mnist-5k", "two-spirals").replace("epochs = 40", "epochs = 2")
    assert changed != text
    (tmp_path / "mine.toml").write_text(changed)
    assert "test/accuracy" in neuralzoo("run", "mine.toml", "--no-track").stdout


def test_show_json_has_the_schema_of_the_config(neuralzoo):
    card = json.loads(neuralzoo("show", "fnn", "--json").stdout)
    assert "hidden" in card["config"]["properties"]


def test_datasets_are_listed_with_shape_and_licence(neuralzoo):
    shown = neuralzoo("datasets").stdout
    assert re.search(r"fashion-mnist-5k .*\n.*5,000/1,000 examples of 28x28x1 · embedded · MIT", shown)
    assert "ankle boot" in neuralzoo("datasets", "fashion-mnist-5k").stdout.lower()
    assert {"mnist", "two-spirals"} <= {row["name"] for row in json.loads(neuralzoo("datasets", "--json").stdout)}


def test_doctor_shows_versions_threads_store_and_plugins(neuralzoo):
    shown = neuralzoo("doctor").stdout
    for word in ("numpy", "BLAS", "threads", "mlflow", "not made yet", "fnn (neuralzoo", "ready"):
        assert word in shown


def test_run_prints_the_result_the_model_and_the_link(neuralzoo, tmp_path):
    done = neuralzoo("run", "fnn", "--set", "dataset=two-spirals", "--set", "epochs=2", "--seed", "5")
    assert "test/accuracy" in done.stdout
    model = re.search(r"model +(\S+)", done.stdout).group(1)
    assert (tmp_path / model).is_file()
    assert "neuralzoo ui" in done.stdout
    assert re.search(r"http://127\.0\.0\.1:5000/#/experiments/\d+/runs/[0-9a-f]{32}", done.stdout)
    assert "-s5-" in model
    assert (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "fnm"], ["fnm", "did you mean fnn"]),
        (["run", "fnn", "--set", "optimizer.lrr=1"], ["optimizer.lrr", "did you mean lr"]),
        (["run", "fnn", "--set", "model.hiden=[3]"], ["hiden", "did you mean hidden"]),
        (["run", "fnn", "--set", "epochs=0"], ["epochs=0", "greater than or equal to 1"]),
        (["run", "fnn", "--set", "dataset=mnst"], ["mnst", "did you mean mnist"]),
        (["run", "fnn", "--set", "epochs"], ["'epochs'", "KEY=VALUE"]),
        (["run", "nothing.toml"], ["nothing.toml", "can't be read"]),
        (["run", "--resume", "last"], ["last", "0 runs"]),
        (["run"], ["needs one"]),
        (["show", "fn"], ["fnn"]),
        (["ui"], ["mlflow.db", "is not there"]),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(neuralzoo, tmp_path, words, expected):
    line = one_line(neuralzoo(*words, check=False))
    assert all(word in line for word in expected), line
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(neuralzoo):
    done = neuralzoo("--debug", "run", "fnm", check=False)
    assert "Traceback" in done.stderr
    assert "UnknownName" in done.stderr


def test_list_imports_nothing_heavy():
    heavy = ("mlflow", "pandas", "scipy", "matplotlib", "sklearn", "pooch")
    code = (
        "import sys; sys.argv = ['neuralzoo', 'list']\n"
        "from neuralzoo.experiments.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]"), done.stdout


def test_list_answers_in_half_a_second(neuralzoo):
    """The fastest of five, so that a busy machine does not decide."""
    times = []
    for _ in range(5):
        since = time.perf_counter()
        neuralzoo("list")
        times.append(time.perf_counter() - since)
    assert min(times) < 0.5, times
