"""A store that others use, too: runs of the user's own, racing processes, deleted experiments, odd metrics."""

import shutil
import subprocess
import sys

import pytest

from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.tracking.address import TrackingError
from neuralzoo.experiments.tracking.client import connect, use_tracking_uri
from neuralzoo.experiments.tracking.names import NameWarning

mlflow = pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own


@pytest.fixture
def uri(tmp_path, empty_store):
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


def test_a_run_inside_a_run_of_the_user_leaves_both_finished_and_apart(tiny, tmp_path, uri):
    with use_tracking_uri(uri) as own:
        own.set_experiment("mine")
        try:
            with own.start_run() as outer:
                result = runner.run(tiny, tracking_uri=uri, root=tmp_path / "runs")
                assert own.active_run().info.run_id == outer.info.run_id
        finally:
            own.tracking.fluent._active_experiment_id = None
    client = connect(uri)
    assert client.get_run(outer.info.run_id).info.status == "FINISHED"
    assert client.get_run(result.tracked["run_id"]).info.status == "FINISHED"
    assert client.get_run(outer.info.run_id).data.metrics == {}
    assert list(client.search_logged_models([outer.info.experiment_id])) == []
    (model,) = client.search_logged_models([result.tracked["experiment_id"]])
    assert model.source_run_id == result.tracked["run_id"]
    assert not result.folder.unlogged


class OddMetric:
    @hookimpl(tryfirst=True)
    def epoch_ended(self, trainer):
        trainer.history[-1]["train/top-1 (%)"] = 50.0


def test_a_metric_whose_name_mlflow_refuses_is_logged_under_another(tiny, tmp_path, uri):
    with pytest.warns(NameWarning, match="top-1") as caught:
        result = runner.run(tiny, tracking_uri=uri, root=tmp_path / "runs", hooks=[OddMetric()])
    assert len([one for one in caught if one.category is NameWarning]) == 1
    logged = connect(uri).get_metric_history(result.tracked["run_id"], "train/top-1 ___")
    assert [(m.step, m.value) for m in logged] == [(1, 50.0), (2, 50.0), (3, 50.0)]


def test_a_deleted_experiment_is_an_error_that_says_how_to_restore_it(tiny, tmp_path, uri):
    client = connect(uri)
    client.delete_experiment(client.create_experiment("classification/two-spirals"))
    with pytest.raises(TrackingError, match=r"is deleted; .*mlflow experiments restore --experiment-id 1"):
        runner.run(tiny, tracking_uri=uri, root=tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


RACE = """
import multiprocessing, os, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from neuralzoo.experiments.run import run
from neuralzoo.experiments.tracking import run_logger
from neuralzoo.experiments.tracking.client import import_mlflow
from neuralzoo.registry import Experiment

uri, root, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
import_mlflow()
fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(count)
log_data = run_logger.RunLogger._log_data

def together(self):
    barrier.wait(120)
    log_data(self)

run_logger.RunLogger._log_data = together

def one(seed):
    about = {"architecture": "fnn", "dataset": "two-spirals", "epochs": 3, "batch_size": 32, "seed": seed}
    run(Experiment(**about, model={"hidden": [8]}), tracking_uri=uri, root=root)

processes = [fork.Process(target=one, args=[seed]) for seed in range(count)]
[process.start() for process in processes]
[process.join() for process in processes]
sys.exit(any(process.exitcode for process in processes))
"""


@pytest.mark.slow
def test_eight_processes_in_one_new_store_lose_nothing_and_double_nothing(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    words = [sys.executable, "-c", RACE, uri, str(tmp_path / "runs"), "8"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    client = connect(uri)
    runs = client.search_runs([client.get_experiment_by_name("classification/two-spirals").experiment_id])
    assert sorted(run.info.run_name for run in runs) == [f"fnn-s{seed}" for seed in range(8)]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        assert len(run.inputs.dataset_inputs) == 1
        assert [m.step for m in client.get_metric_history(run.info.run_id, "train/loss")] == [1, 2, 3]
        assert len(client.get_metric_history(run.info.run_id, "test/accuracy")) == 1
    assert len({(d.dataset.name, d.dataset.digest) for run in runs for d in run.inputs.dataset_inputs}) == 1
