"""A third-party architecture as a package of its own: installed, checked, run, proved and served."""

import json
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "echo_state"

SERVE = """
import json, sys
import mlflow, numpy
from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.model_file import load_model

mlflow.set_tracking_uri("sqlite:///mlflow.db")
x = datasets.load("mnist1d").test[0][:64]
found = {}
for run in mlflow.search_runs(search_all_experiments=True, filter_string="params.seed = '7'", output_format="list"):
    (logged,) = mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'",
        output_format="list",
    )
    served = mlflow.pyfunc.load_model(logged.model_uri).predict(x)
    (folder,) = __import__("pathlib").Path("runs").glob(f"{run.data.params['architecture']}-*-s7-*")
    loaded = load_model(folder / "model.safetensors")
    same = bool((served == predict_in_batches(loaded.predict, x)).all())
    found[run.data.params["architecture"]] = same
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def home(environment, tmp_path_factory):
    """Return a folder to run commands in, with the package installed."""
    environment.install("--no-deps", PACKAGE)
    return tmp_path_factory.mktemp("home")


def test_it_is_listed_beside_the_architectures_that_are_built_in(environment, home):
    listed = json.loads(environment.run("neuralzoo list --json", home).stdout)
    assert {(row["name"], row["package"]) for row in listed} >= {("esn", "neuralzoo-echo-state"), ("fnn", "neuralzoo")}


def test_its_own_tests_pass(environment, home):
    done = environment.run(f"pytest -q -p no:cacheprovider {PACKAGE}", home)
    assert " passed" in done.stdout


def test_it_is_checked_and_what_does_not_apply_is_reported_with_its_reason(environment, home):
    (report,) = json.loads(environment.run("neuralzoo check esn --json", home).stdout)
    assert (report["origin"], report["failed"]) == ("neuralzoo-echo-state 1.0.0", 0)
    reasons = {c["name"]: c["message"] for c in report["checks"] if c["status"] == "not applicable"}
    assert "solved" in reasons["training_reaches_every_parameter"]
    assert report["ran"] + len(reasons) == len(report["checks"])


@pytest.mark.slow
def test_runs_of_both_packages_are_in_one_store_and_mlflow_serves_both(environment, home):
    pytest.importorskip("mlflow", reason="serving needs the extra 'experiments'")
    environment.run("neuralzoo run esn --seed 7", home)
    environment.run("neuralzoo run fnn --set dataset=mnist1d --set epochs=2 --seed 7", home)
    (home / "serve.py").write_text(SERVE)
    assert json.loads(environment.run("python serve.py", home).stdout) == {"esn": True, "fnn": True}


@pytest.mark.slow
def test_its_claim_against_a_built_in_architecture_is_decided(environment, home):
    pytest.importorskip("scipy", reason="intervals need the extra 'experiments'")
    done = environment.run("neuralzoo prove esn --no-track", home)
    assert "esn echoes: yes" in done.stdout
    verdict = json.loads((home / "runs" / "claims" / "esn-echoes" / "verdict.json").read_text())
    assert min(verdict["values"]["esn"]["test/accuracy"]) > max(verdict["values"]["fnn"]["test/accuracy"])
