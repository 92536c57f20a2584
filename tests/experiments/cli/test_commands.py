"""The command line as a person uses it: real processes, real output."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib

import numpy as np
import pytest

from neuralzoo.registry import get

SMALL = ["--set", "dataset=two-spirals", "--set", "model.hidden=[8]"]


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
    assert fnn["state"] == "not imported"
    assert fnn["tasks"] == ["classification", "regression"]
    (same,) = json.loads(neuralzoo("list", "fnn", "--load", "--json").stdout)
    assert same == fnn | {"state": "ready"}
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
    assert set(settings["model"]) == set(get("fnn").config.model_fields)
    assert re.search(r"^activation = \"relu\"  # non-linearity", text, flags=re.MULTILINE)
    assert re.search(r"^hidden = \[  # width of each", text, flags=re.MULTILINE)
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


def test_a_dataset_is_shown_with_its_options_and_answers(neuralzoo):
    (row,) = json.loads(neuralzoo("datasets", "adding-100", "--json").stdout)
    assert row["options"] == {"steps": 100, "train": 10_000, "test": 1_000}
    assert (row["variable_length"], row["target"], row["package"]) == (False, "continuous", "neuralzoo")
    (row,) = json.loads(neuralzoo("datasets", "japanese-vowels", "--json").stdout)
    assert (row["variable_length"], row["target"]) == (True, "class")


def test_the_doctor_knows_everything_that_is_required():
    from pathlib import Path

    from neuralzoo.experiments import doctor

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements):
        return {re.match(r"[\w-]+", requirement).group() for requirement in requirements}

    assert names(project["dependencies"]) == set(doctor.NEEDED)
    assert names(project["optional-dependencies"]["experiments"]) == set(doctor.EXTRA)


def test_the_doctor_speaks_json(neuralzoo):
    found = json.loads(neuralzoo("doctor", "--json").stdout)
    assert {"versions", "computing", "extra 'experiments'", "store", "plugins"} == set(found)
    assert {"system", "BLAS", "threads", "kernels"} == set(found["computing"])
    assert found["store"]["state"] == "not created yet; the first tracked run creates it"
    (fnn,) = [plugin for plugin in found["plugins"] if plugin["name"] == "fnn"]
    assert (fnn["kind"], fnn["package"], fnn["state"], fnn["problem"]) == ("architecture", "neuralzoo", "ready", "")
    assert fnn["path"].endswith("/fnn/__init__.py")


def test_the_doctor_says_when_a_store_is_none(neuralzoo, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database")
    state = json.loads(neuralzoo("doctor", "--json").stdout)["store"]["state"]
    assert "can't be used: file is not a database" in state


def test_doctor_shows_versions_threads_store_and_plugins(neuralzoo):
    shown = neuralzoo("doctor").stdout
    for word in ("numpy", "BLAS", "threads", "mlflow", "not created yet", "fnn (neuralzoo", "ready"):
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
        (["run", "fnn", "--set", "model.hiden=[3]"], ["'model.hiden'", "did you mean hidden"]),
        (["run", "fnn", "--set", "epochs=0"], ["epochs=0", "greater than or equal to 1"]),
        (["run", "fnn", "--set", "dataset=mnst"], ["mnst", "did you mean mnist"]),
        (["run", "fnn", "--set", "epochs"], ["'epochs'", "KEY=VALUE"]),
        (["run", "nothing.toml"], ["nothing.toml", "can't be read"]),
        (["run", "--resume", "last"], ["last", "0 runs"]),
        (["run"], ["needs one"]),
        (["show", "fn"], ["fnn"]),
        (["run", "fnn", "--set", "hidden=[3]"], ["'hidden'", "did you mean model.hidden"]),
        (["run", "fnn", "--profile", "quik"], ["quik", "did you mean quick"]),
        (["run", "fnn", "--seed", "abc"], ["--seed", "integer", "`neuralzoo run --help`"]),
        (["rum"], ["rum", "`neuralzoo --help`"]),
        (["list", "--task", "rest"], ["--task", "classification"]),
        (["compare", "fnn", "--profile", "quik"], ["quik", "did you mean quick"]),
        (["run", "mine.toml", "--profile", "full"], ["mine.toml", "full", "none"]),
        (["run", "--resume", "last", "--profile", "full"], ["--resume got settings too"]),
        (["run", "--resume", "last", "--no-track"], ["--resume got settings too"]),
        (["run", "--resume", "last", "--hook", "notes"], ["--resume got settings too"]),
        (["run", "fnn", "--hook", "notes"], ["no trainer hook is named 'notes'", "`neuralzoo doctor` shows all"]),
        (["run", "fnn", "--hook", "notes", "--hook", "notes"], ["hooks=", "each name once"]),
        (["run", "fnn", "--set", "primary_metric=test/foo"], ["primary_metric='test/foo'", "test/accuracy"]),
        (["run", "fnn", "--set", "validation=0.9999"], ["validation=0.9999", "leave one"]),
        (["run", "fnn", "--tracking-uri", "file:./mlruns"], ["file:./mlruns", "needs to be like"]),
        (["ui"], ["mlflow.db", "is not there"]),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(neuralzoo, tmp_path, words, expected):
    line = one_line(neuralzoo(*words, check=False))
    assert all(word in line for word in expected), line
    assert list(tmp_path.iterdir()) == []


def test_version_and_help_are_no_mistakes(neuralzoo):
    from neuralzoo import __version__

    assert neuralzoo("--version").stdout == f"neuralzoo {__version__}\n"
    assert "--resume" in neuralzoo("run", "--help").stdout
    assert "Usage" in "".join([(bare := neuralzoo(check=False)).stdout, bare.stderr])


def test_doctor_leaves_brackets_as_they_are(neuralzoo, tmp_path):
    (tmp_path / "blocked.py").write_text(without("mlflow"))
    done = subprocess.run(
        [sys.executable, "blocked.py", "doctor"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "pip install 'neuralzoo[experiments]'" in " ".join(done.stdout.split())


def without(*packages):
    """The command line where packages are not installed."""
    return f"import sys\nsys.modules |= dict.fromkeys({packages})\nfrom neuralzoo.experiments.cli import main\nmain()\n"


INSTALL = "pip install 'neuralzoo[experiments]'"


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("mlflow", ["ui"]),
        ("mlflow", ["run", "fnn", "--track"]),
        ("psutil", ["run", "fnn", "--tracking-uri", "sqlite:///mlflow.db"]),
        ("PIL", ["prove", "fnn", "--track"]),
    ],
)
def test_a_package_of_the_extra_that_is_missing_is_one_line(tmp_path, missing, words):
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("CREATE TABLE something (number)")
    database.close()
    (tmp_path / "blocked.py").write_text(without(missing))
    command = [sys.executable, "blocked.py", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert INSTALL in one_line(done)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("words", "advised"), [([], True), (["--no-track"], False)])
def test_a_run_without_mlflow_says_that_tracking_is_off(tmp_path, words, advised):
    (tmp_path / "blocked.py").write_text(without("mlflow"))
    command = [sys.executable, "blocked.py", "run", "fnn", *SMALL, "--set", "epochs=1", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search("^tracking +off", done.stdout, flags=re.MULTILINE)
    assert (INSTALL in done.stdout) == advised


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_in_one_line_how_to_go_on(tmp_path, number, code):
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
    assert process.returncode == code
    assert errors == f"neuralzoo: stopped; `neuralzoo run --resume {name}` goes on with it\n"


def test_debug_shows_the_traceback(neuralzoo):
    done = neuralzoo("--debug", "run", "fnm", check=False)
    assert "Traceback" in done.stderr
    assert "UnknownNameError" in done.stderr


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


@pytest.mark.parametrize("width", [80, 120])
def test_the_progress_bar_leaves_loss_accuracy_and_time_readable(tiny, tmp_path, width):
    from io import StringIO

    from rich.console import Console

    from neuralzoo.experiments import run as runner
    from neuralzoo.experiments.running.progress import ProgressBar

    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=width, color_system=None)
    many = tiny.set(["epochs=100", "batch_size=8"])
    runner.run(many, track=False, root=tmp_path, hooks=[ProgressBar(console, "the title")])
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", screen.getvalue())
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    assert lines[0] == "the title"
    assert re.fullmatch(r"epoch 100/100 \S+ .*loss \d\.\d{3}.* · val/accuracy \d\.\d{3} .*\d:\d\d:\d\d", lines[-1])
    assert ("2200/2200" in lines[-1]) == (width == 120)
    assert max(map(len, lines)) < width - 2  # a terminal shows ^C there


def test_a_warning_of_ours_is_one_line(capsys):
    from neuralzoo.experiments.cli.output import show_warning
    from neuralzoo.experiments.running.figures import FigureWarning

    show_warning(FigureWarning("the picture broken is missing"), FigureWarning, "file.py", 3)
    assert capsys.readouterr().err == "neuralzoo: the picture broken is missing\n"


def test_memory_that_is_too_small_is_one_line():
    from neuralzoo.experiments.cli.output import sentence

    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    assert re.fullmatch(
        r"the memory is too small \(Unable to allocate .* EiB .*\); it needs .*", sentence(caught.value)
    )


@pytest.mark.parametrize("words", [("doctor",), ("run", "fnn", "--no-track", *SMALL)])
def test_kernels_that_there_are_not_are_told_in_one_line(neuralzoo, words, tmp_path):
    told = one_line(neuralzoo(*words, check=False, NEURALZOO_KERNELS="cuda"))
    assert told == "neuralzoo: NEURALZOO_KERNELS is 'cuda'; it needs numpy or numba"
    assert not (tmp_path / "runs").exists()
