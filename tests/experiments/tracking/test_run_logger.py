"""The MLflow run of a run, in a real store."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import datasets
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.experiments.running.preflight import reference
from neuralzoo.experiments.tracking.address import TrackingError
from neuralzoo.experiments.tracking.client import connect, use_tracking_uri
from neuralzoo.registry.errors import Terminated

mlflow = pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture(scope="module")
def tracked(uri, tmp_path_factory):
    """One quick run and its MLflow run."""
    experiment = reference("fnn").set(
        ["dataset=two-spirals", "epochs=4", "batch_size=32", "model.hidden=[8]", "seed=3"]
    )
    result = runner.run(experiment, tracking_uri=uri, root=tmp_path_factory.mktemp("runs"))
    return result, connect(uri).get_run(result.tracked["run_id"])


def history(uri, run, key):
    return [(m.step, m.value) for m in connect(uri).get_metric_history(run.info.run_id, key)]


def test_a_run_is_finished_and_named_by_architecture_and_seed(tracked):
    _, run = tracked
    assert (run.info.status, run.info.run_name) == ("FINISHED", "fnn-s3")


def test_all_architectures_of_a_task_and_dataset_share_an_experiment(uri, tracked):
    _, run = tracked
    experiment = connect(uri).get_experiment(run.info.experiment_id)
    assert experiment.name == "classification/two-spirals"
    assert "test/accuracy" in experiment.tags["mlflow.sharedViewState.neuralzoo"]


def test_parameters_are_flat_and_those_of_the_architecture_begin_with_model(tracked):
    _, run = tracked
    params = run.data.params
    assert params["architecture"] == "fnn"
    assert params["seed"] == "3"
    assert params["optimizer"] == "adam"
    assert params["dataset"] == "two-spirals"
    assert params["model.hidden"] == "[8]"
    assert params["model.activation"] == "relu"


def test_metrics_of_an_epoch_are_logged_at_its_step(uri, tracked):
    result, run = tracked
    expected = [(i + 1, epoch["val/accuracy"]) for i, epoch in enumerate(result.history)]
    assert history(uri, run, "val/accuracy") == expected
    assert [step for step, _ in history(uri, run, "train/loss")] == [1, 2, 3, 4]


def test_summary_metrics_are_logged_at_step_zero(uri, tracked):
    result, run = tracked
    assert history(uri, run, "test/accuracy") == [(0, result.metrics["test/accuracy"])]
    assert history(uri, run, "model/n_params") == [(0, float(result.module.num_parameters))]
    assert [step for step, _ in history(uri, run, "time/train_s")] == [0]
    assert [step for step, _ in history(uri, run, "time/tracking_s")] == [0]


def test_tags_have_plugin_seed_host_and_process(tracked):
    _, run = tracked
    assert run.data.tags["neuralzoo.plugin"].startswith("neuralzoo ")
    assert run.data.tags["seed"] == "3"
    assert run.data.tags["pid"] == str(os.getpid())
    assert run.data.tags["mlflow.runColor"].startswith("#")
    assert run.data.tags["host"]


def test_a_tag_names_the_metrics_that_are_worse_than_the_constant_answer(uri, tracked, tmp_path):
    _, run = tracked
    assert "neuralzoo.worse_than_constant" not in run.data.tags
    wild = reference("fnn").set(["dataset=two-spirals", "epochs=1", "batch_size=32", "optimizer.lr=1e6"])
    result = runner.run(wild, tracking_uri=uri, root=tmp_path)
    tags = connect(uri).get_run(result.tracked["run_id"]).data.tags
    assert tags["neuralzoo.worse_than_constant"] == "test/loss"


def test_the_dataset_is_an_input_of_the_run(tracked):
    _, run = tracked
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == "two-spirals"
    assert datasets.info("two-spirals").url in data.dataset.source


def test_figures_and_settings_are_artifacts(uri, tracked):
    _, run = tracked
    client = connect(uri)
    figures = {item.path for item in client.list_artifacts(run.info.run_id, "figures")}
    assert figures == {f"figures/{name}.png" for name in ("learning_curve", "confusion_matrix", "first_layer_weights")}
    assert "experiment.toml" in {item.path for item in client.list_artifacts(run.info.run_id)}
    assert client.list_artifacts(run.info.run_id, "images")  # the UI shows these with a slider


def test_the_model_is_logged_as_a_pyfunc_model_without_pickle(uri, tracked):
    result, run = tracked
    models = connect(uri).search_logged_models([run.info.experiment_id])  # of other tests' runs, too
    (logged,) = (model for model in models if model.source_run_id == run.info.run_id)
    with use_tracking_uri(uri):
        served = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
        files = [f for _, _, names in os.walk(mlflow.artifacts.download_artifacts(logged.model_uri)) for f in names]
    x, _ = datasets.load("two-spirals").test
    np.testing.assert_array_equal(
        served.predict(x[:50]), predict_in_batches(load_model(result.folder.model).predict, x[:50])
    )
    assert served.metadata.signature is not None
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]


def test_a_run_restores_the_global_tracking_uri(tracked):
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_the_time_of_tracking_is_measured_for_opening_epochs_and_end(tracked):
    result, run = tracked
    metrics, cost = run.data.metrics, result.tracked
    assert 0 < metrics["time/tracking_s"] <= cost["overhead_s"] < 60
    assert 0 < metrics["time/tracking_start_s"] == cost["start_s"] < 60
    assert 0 < metrics["time/tracking_end_s"] == cost["end_s"] < 60
    assert cost["epochs"] == 4


class Raise:
    def __init__(self, error):
        self.error = error

    @hookimpl
    def epoch_ended(self):
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(143), "KILLED")]
)
def test_a_failed_or_interrupted_run_has_its_status(uri, tiny, tmp_path, error, status):
    with pytest.raises(type(error)):
        runner.run(tiny, tracking_uri=uri, root=tmp_path, hooks=[Raise(error)])
    from neuralzoo.experiments.running.run_folder import find, tracked_id

    assert connect(uri).get_run(tracked_id(find("last", tmp_path))).info.status == status


def test_a_resumed_run_continues_the_same_mlflow_run_without_gaps(uri, tiny, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        runner.run(tiny, tracking_uri=uri, root=tmp_path, hooks=[Raise(KeyboardInterrupt())])
    resumed = runner.resume("last", root=tmp_path)
    run = connect(uri).get_run(resumed.tracked["run_id"])
    assert run.info.status == "FINISHED"
    assert sorted({step for step, _ in history(uri, run, "train/loss")}) == [1, 2, 3]


SLOW = ["--set", "dataset=two-spirals", "--set", "epochs=100000", "--set", "batch_size=8"]


def start(tmp_path, uri):
    command = [sys.executable, "-m", "neuralzoo.experiments.cli", "run", "fnn", *SLOW, "--tracking-uri", uri]
    with open(tmp_path / "errors", "w") as errors:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=errors)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/*/checkpoint.safetensors")):
        assert process.poll() is None, (tmp_path / "errors").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def only_run(uri, tmp_path):
    from neuralzoo.experiments.running.run_folder import find, tracked_id

    return connect(uri).get_run(tracked_id(find("last", tmp_path / "runs"))).info


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_process_that_gets_a_signal_closes_its_run_as_killed(uri, tmp_path, number, code):
    process = start(tmp_path, uri)
    process.send_signal(number)
    assert process.wait(60) == code
    assert only_run(uri, tmp_path).status == "KILLED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("table", ["runs", "params", "metrics"])
def test_a_signal_during_a_write_to_the_store_waits_for_its_end(uri, tiny, tmp_path, number, table):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    received = []

    def stop_once(connection, cursor, statement, *rest):
        if not received and statement.startswith(f"INSERT INTO {table} "):
            received.append(number)
            signal.raise_signal(number)

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "after_cursor_execute", stop_once)
    try:
        with pytest.raises((Terminated, KeyboardInterrupt)):
            runner.run(tiny, tracking_uri=uri, root=tmp_path / "runs")
    finally:
        sqlalchemy.event.remove(sqlalchemy.engine.Engine, "after_cursor_execute", stop_once)
    assert received
    assert only_run(uri, tmp_path).status == "KILLED"


def test_runs_clean_closes_orphaned_runs_and_nothing_else(uri, tmp_path, neuralzoo):
    dead, living = start(tmp_path, uri), None
    dead.kill()
    dead.wait(60)
    dead_id = only_run(uri, tmp_path).run_id
    try:
        living = start(tmp_path / "other" if (tmp_path / "other").mkdir() is None else tmp_path, uri)
        assert connect(uri).get_run(dead_id).info.status == "RUNNING"
        done = neuralzoo("runs", "clean", "--tracking-uri", uri)
        assert done.stdout.splitlines() == ["closed fnn-s0", "1 runs closed"]
        assert connect(uri).get_run(dead_id).info.status == "KILLED"
        assert only_run(uri, tmp_path / "other").status == "RUNNING"
    finally:
        if living is not None:
            living.kill()
            living.wait(60)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nowhere", "needs to be like"),
        ("file:./mlruns", "needs to be like"),
        ("sqlite:////dev/null/mlflow.db", "can't be used"),
    ],
)
def test_a_store_that_can_not_be_used_is_an_error_of_one_sentence(tiny, tmp_path, address, words):
    with pytest.raises(TrackingError, match=words) as caught:
        runner.run(tiny, tracking_uri=address, root=tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_run_interrupted_while_the_store_opens_is_tracked_when_resumed(uri, tiny, tmp_path, monkeypatch):
    def interrupt(uri):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("neuralzoo.experiments.tracking.run_logger.connect", interrupt)
        with pytest.raises(KeyboardInterrupt):
            runner.run(tiny, tracking_uri=uri, root=tmp_path)
    assert runner.resume("last", root=tmp_path).tracked["uri"] == uri


def test_the_pyfunc_model_of_a_language_model_takes_shorter_texts(uri, tmp_path):
    small = ["model.layers=1", "model.width=8", "model.heads=2", "epochs=1", "batch_size=512"]
    result = runner.run(reference("transformer").set(small), tracking_uri=uri, root=tmp_path / "runs")
    where = result.tracked
    with use_tracking_uri(uri) as tracking:
        source = f"source_run_id = '{where['run_id']}'"
        (logged,) = connect(uri).search_logged_models([where["experiment_id"]], source)
        served = tracking.pyfunc.load_model(f"models:/{logged.model_id}")
        tokens = np.array([[5, 6, 7]])
        assert served.predict(tokens) == pytest.approx(result.module.predict(tokens), abs=1e-6)
