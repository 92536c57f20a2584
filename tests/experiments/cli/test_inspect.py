"""The commands `list`, `show`, `datasets` and `doctor`, in real processes."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from neuralzoo.registry import get


def test_list_shows_every_architecture_with_summary_tasks_and_inputs(neuralzoo):
    shown = neuralzoo("list").stdout
    assert re.search(r"fnn +Feed-forward network.*\n +classification, regression · image.* · neuralzoo \d", shown)


def test_list_filters_by_name_task_and_input(neuralzoo):
    assert "fnn" in neuralzoo("list", "f*", "--task", "regression", "--input", "image").stdout
    assert "fnn" not in neuralzoo("list", "c*").stdout
    assert "fnn" not in neuralzoo("list", "--task", "generation").stdout


def test_list_prints_json(neuralzoo):
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
    assert re.search(r"^activation = \"relu\"  # activation function", text, flags=re.MULTILINE)
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


def test_a_dataset_is_shown_with_its_options_and_target(neuralzoo):
    (row,) = json.loads(neuralzoo("datasets", "adding-100", "--json").stdout)
    assert row["options"] == {"steps": 100, "train": 10_000, "test": 1_000}
    assert (row["variable_length"], row["target"], row["package"]) == (False, "continuous", "neuralzoo")
    (row,) = json.loads(neuralzoo("datasets", "japanese-vowels", "--json").stdout)
    assert (row["variable_length"], row["target"]) == (True, "class")


def test_the_doctor_checks_every_requirement():

    from neuralzoo.experiments import doctor

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements):
        return {re.match(r"[\w-]+", requirement).group() for requirement in requirements}

    assert names(project["dependencies"]) == set(doctor.NEEDED)
    assert names(project["optional-dependencies"]["experiments"]) == set(doctor.EXTRA)


def test_the_doctor_prints_json(neuralzoo):
    found = json.loads(neuralzoo("doctor", "--json").stdout)
    assert {"versions", "computing", "extra 'experiments'", "store", "plugins"} == set(found)
    assert {"system", "BLAS", "threads", "kernels"} == set(found["computing"])
    assert found["store"]["state"] == "not created yet; the first tracked run creates it"
    (fnn,) = [plugin for plugin in found["plugins"] if plugin["name"] == "fnn"]
    assert (fnn["kind"], fnn["package"], fnn["state"], fnn["problem"]) == ("architecture", "neuralzoo", "ready", "")
    assert fnn["path"].endswith("/fnn/__init__.py")


def test_the_doctor_reports_a_file_that_is_not_a_store(neuralzoo, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database")
    state = json.loads(neuralzoo("doctor", "--json").stdout)["store"]["state"]
    assert "can't be used: file is not a database" in state


def test_the_doctor_shows_versions_threads_store_and_plugins(neuralzoo):
    shown = neuralzoo("doctor").stdout
    for word in ("numpy", "BLAS", "threads", "mlflow", "not created yet", "fnn (neuralzoo", "ready"):
        assert word in shown


def test_the_doctor_prints_brackets_as_they_are(neuralzoo, tmp_path, without):
    done = subprocess.run([*without("mlflow"), "doctor"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "pip install 'neuralzoo[experiments]'" in " ".join(done.stdout.split())


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


def cpu_seconds(call):
    """Return the processor seconds of the child processes of a call, which a busy machine does not change."""
    before = os.times()
    call()
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def test_list_costs_little_more_than_the_libraries_it_prints_with(neuralzoo):
    """The least of five each, taken in turn: about half a second of a slow processor."""
    libraries = [sys.executable, "-c", "import numpy, typer, rich.console"]
    pairs = [
        (cpu_seconds(lambda: neuralzoo("list")), cpu_seconds(lambda: subprocess.run(libraries, check=True)))
        for _ in range(5)
    ]
    ours, theirs = (min(seconds) for seconds in zip(*pairs, strict=True))
    assert ours < 2 * theirs, pairs
