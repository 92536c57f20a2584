"""The store under stress: many processes at once, removed stores, full disks, resumed runs."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from neuralzoo.core.checkpoint import read, trainer_state
from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.run_group import RunGroup, RunSpec
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.files import read_json
from neuralzoo.experiments.tracking import run_logger, ui
from neuralzoo.experiments.tracking.address import sqlite_file
from neuralzoo.experiments.tracking.client import connect
from neuralzoo.experiments.tracking.provenance import process_identity
from neuralzoo.experiments.tracking.run_logger import TrackingWarning
from neuralzoo.experiments.tracking.store import close_orphaned_runs
from neuralzoo.registry import SettingError

mlflow = pytest.importorskip("mlflow", reason="the store needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own

SMALL = ["--set", "dataset=two-spirals", "--set", "batch_size=32", "--set", "model.hidden=[8]"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A store for tests that leave it intact: creating one takes seconds."""
    address = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    connect(address)
    return address


@pytest.fixture(scope="module")
def empty(tmp_path_factory, shared):
    """The file of an empty store, to be copied."""
    return shutil.copy(sqlite_file(shared), tmp_path_factory.mktemp("empty") / "mlflow.db")


@pytest.fixture
def new_uri(tmp_path):
    """The URI of a store that does not exist yet."""
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def uri(new_uri, empty):
    """A store for one test."""
    shutil.copy(empty, sqlite_file(new_uri))
    return new_uri


def begin(where, *words, **environment):
    """Start a run with the command line and return its process."""
    command = [sys.executable, "-m", "neuralzoo.experiments.cli", "run", "fnn", *SMALL, *words]
    return subprocess.Popen(
        command,
        cwd=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "COLUMNS": "200"} | environment,
    )


def begun(process, where, epochs=3):
    """Wait until a run has a checkpoint of `epochs` epochs, and return its folder."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for place in where.glob("runs/*/checkpoint.safetensors"):
            if read(place).metadata["trainer"]["epoch"] >= epochs:
                return folder.RunFolder(place.parent)
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    raise AssertionError("no checkpoint within a minute")


def one_line(process):
    """The error message of a failed run: one line."""
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 2, out + errors
    lines = errors.strip().splitlines()
    assert len(lines) == 1, errors
    return lines[0]


def counted(uri, run_id):
    """The number of values in the store of each metric of each epoch, and of each summary metric."""
    client = connect(uri)
    found = Counter(
        (k, m.step) for k in client.get_run(run_id).data.metrics for m in client.get_metric_history(run_id, k)
    )
    return {key: n for key, n in found.items() if key[1] > 0}, {key: n for key, n in found.items() if key[1] == 0}


def every_epoch_once(place, epochs):
    """What `counted` returns for the epochs of a run that has every metric of its checkpoint once."""
    history = trainer_state(read(place.checkpoint))["history"]
    assert len(history) == epochs
    return {(name, e + 1): 1 for e in range(epochs) for name in history[e] if not name.startswith("time/")}


def nothing_half_written(where):
    return [str(path) for path in where.rglob("*") if path.name.endswith((".tmp", ".new", "-journal"))] == []


def run_at_once(where, address, count):
    """Run the command line in as many processes at once, each with another seed."""
    words = ["--set", "epochs=25", "--tracking-uri", address]
    processes = [begin(where, *words, "--seed", str(seed)) for seed in range(count)]
    for process in processes:
        out, errors = process.communicate(timeout=60 * count)
        assert process.returncode == 0, out + errors
        assert "store" not in errors, errors  # that it was away, and the rest is logged later
        assert "View run" not in out, "MLflow prints where its runs are"


def nothing_lost(where, uri, count):
    """Check that a store has every run that was begun at once, and each metric of each epoch once."""
    client = connect(uri)
    experiments = {e.name: e.experiment_id for e in client.search_experiments()}
    assert set(experiments) == {"Default", "classification/two-spirals"}
    assert client.search_runs([experiments["Default"]]) == []
    runs = client.search_runs([experiments["classification/two-spirals"]])
    assert {(run.info.run_name, run.info.status) for run in runs} == {(f"fnn-s{i}", "FINISHED") for i in range(count)}
    for run in runs:
        place = folder.find(run.info.run_id, where / "runs")
        assert counted(uri, run.info.run_id)[0] == every_epoch_once(place, 25)
    assert nothing_half_written(where)


def test_four_processes_that_create_and_share_a_store_lose_nothing(tmp_path, new_uri):
    run_at_once(tmp_path, new_uri, 4)
    nothing_lost(tmp_path, new_uri, 4)


@pytest.mark.slow
def test_eight_processes_that_share_a_server_lose_nothing(tmp_path, uri):
    port = ui.free_port(0)
    with serving(uri, port):
        run_at_once(tmp_path, f"http://127.0.0.1:{port}", 8)
    nothing_lost(tmp_path, uri, 8)


def test_a_process_that_dies_while_it_creates_the_store_leaves_no_store_and_no_lock(tmp_path, new_uri):
    code = f"""if True:
        import os
        from neuralzoo.experiments.tracking.client import connect
        os.replace = lambda *names: os._exit(9)
        connect({new_uri!r})
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert not (tmp_path / "mlflow.db").exists()
    again = f"from neuralzoo.experiments.tracking.client import connect; connect({new_uri!r})"
    subprocess.run([sys.executable, "-c", again], check=True)  # a process of its own makes its store, not a copy of one
    assert [e.name for e in connect(new_uri).search_experiments()] == ["Default"]
    assert nothing_half_written(tmp_path)


class At:
    """Does something to the store when an epoch begins."""

    def __init__(self, epoch, action):
        self.epoch, self.action = epoch, action

    @hookimpl
    def batch_ended(self, trainer):
        if trainer.epoch == self.epoch and trainer.batch == 1:
            self.action()


@pytest.fixture
def outage(tiny, tmp_path, monkeypatch):
    """A function that runs through a failure of the store: the run finishes, and says what is missing."""

    def run_through(uri, action):
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.warns(TrackingWarning) as caught:
            result = runner.run(tiny, tracking_uri=uri, root=tmp_path / "runs", hooks=[At(1, action)])
        assert len(caught) == 2, [str(one.message) for one in caught]
        assert "training is not affected" in str(caught[0].message)
        assert str(caught[1].message).endswith("logs the rest")
        assert result.folder.result.exists()
        assert result.folder.unlogged
        return result, str(caught[0].message)

    return run_through


def completely_logged(uri, result, run_id):
    history = result.history
    expected = {(name, e + 1): 1 for e, epoch in enumerate(history) for name in epoch if not name.startswith("time/")}
    by_epoch, summary = counted(uri, run_id)
    assert by_epoch == expected
    assert {name for name, _ in summary} >= {"test/accuracy", "test/loss", "model/n_params", "time/train_s"}
    client = connect(uri)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert client.list_artifacts(run_id, "figures")
    assert len(client.search_logged_models([result.tracked["experiment_id"]], f"source_run_id = '{run_id}'")) == 1


def test_a_run_goes_on_when_its_store_is_replaced_and_resuming_logs_the_rest(tmp_path, uri, outage):
    def replace():
        (tmp_path / "mlflow.db").rename(tmp_path / "away.db")
        (tmp_path / "mlflow.db").mkdir()

    result, message = outage(uri, replace)
    assert "was removed or replaced" in message
    (tmp_path / "mlflow.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "mlflow.db")
    before = read(result.folder.model).arrays
    logged = runner.resume(str(result.folder.path))
    assert all((array == before[name]).all() for name, array in read(result.folder.model).arrays.items())
    assert logged.metrics == result.metrics
    assert not result.folder.unlogged
    completely_logged(uri, result, logged.tracked["run_id"])


def test_a_run_group_goes_on_when_its_store_is_away_and_the_same_call_logs_the_rest(tmp_path, uri, tiny):
    """The store fails in the first run, is away when the second one opens, and when the parent run ends."""

    def replace():
        (tmp_path / "mlflow.db").rename(tmp_path / "away.db")
        (tmp_path / "mlflow.db").mkdir()

    def run(*hooks):
        group = RunGroup("group", tmp_path / "group", uri, hooks=hooks)
        records = group.run([RunSpec(label, tiny) for label in "ab"])
        return records, group.finish({"score": 1.0}, {}, [])

    class Once(At):
        @hookimpl
        def batch_ended(self, trainer):
            if not (tmp_path / "away.db").exists():
                super().batch_ended(trainer)

    with pytest.warns(TrackingWarning) as caught:
        run(Once(1, replace))
    texts = [str(one.message) for one in caught]
    hints = [text.rpartition("the same command ")[2] for text in texts if "same command" in text]
    assert [hint.partition(", `neuralzoo run --resume ")[0] for hint in hints] == ["logs the rest"] * 3
    (tmp_path / "mlflow.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "mlflow.db")
    records, tracked = run()
    client = connect(uri)
    for record in records:
        assert client.get_run(record.tracked["run_id"]).info.status == "FINISHED"
        assert client.get_run(record.tracked["run_id"]).data.tags["mlflow.parentRunId"] == tracked["run_id"]
        by_epoch, summary = counted(uri, record.tracked["run_id"])
        assert set(by_epoch.values()) == {1}
        assert ("test/accuracy", 0) in summary
    parent = client.get_run(tracked["run_id"])
    assert (parent.info.status, parent.data.metrics["score"]) == ("FINISHED", 1.0)


class Enough:
    """Stops a run, started with two hundred thousand epochs, after some."""

    def __init__(self, epochs):
        self.epochs = epochs

    @hookimpl
    def should_stop(self, trainer):
        return trainer.epoch >= self.epochs


def resume(place, epochs):
    runner.resume(str(place.path), hooks=[Enough(epochs)])


@contextmanager
def serving(uri, port):
    """Serve a store during the block, and kill the server at its end."""
    process = ui.start(uri, port)
    try:
        ui.wait_until_up(process, port)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
def test_a_run_goes_on_when_its_server_dies_and_resuming_logs_the_rest(tmp_path, uri, outage):
    port = ui.free_port(0)
    server = f"http://user:secret@127.0.0.1:{port}"
    first = ui.start(uri, port)
    try:
        ui.wait_until_up(first, port)
        result, message = outage(server, lambda: os.killpg(first.pid, signal.SIGKILL))
    finally:
        ui.stop(first)
        first.stdin.close()
    assert "no server answers there" in message
    assert "secret" not in message
    run_id = folder.tracked_id(result.folder)
    assert connect(uri).get_run(run_id).info.status == "RUNNING"
    assert close_orphaned_runs(uri) == []  # this process lives
    with pytest.raises(SettingError, match="neither --tracking-uri nor MLFLOW_TRACKING_URI names"):
        runner.resume(str(result.folder.path))
    with serving(uri, port):
        runner.resume(str(result.folder.path), tracking_uri=server)
    completely_logged(uri, result, run_id)
    for path in result.folder.path.rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes(), path


def test_a_run_logs_what_is_missing_as_soon_as_the_store_is_back(tmp_path, uri, tiny, monkeypatch):
    monkeypatch.setattr(run_logger, "OUTAGE_RETRY_S", 0.0)
    monkeypatch.setattr(run_logger, "TIME_PER_COST", 0.0)
    file, away = tmp_path / "mlflow.db", tmp_path / "away.db"
    hooks = [At(1, lambda: file.rename(away)), At(4, lambda: away.rename(file))]
    with pytest.warns(TrackingWarning, match="training is not affected") as caught:
        result = runner.run(tiny.set(["epochs=6"]), tracking_uri=uri, root=tmp_path / "runs", hooks=hooks)
    assert len(caught) == 1
    assert not result.folder.unlogged
    completely_logged(uri, result, result.tracked["run_id"])


@pytest.fixture
def small_disk(tmp_path):
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("a small disk needs Linux, root, and the right to mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk):
    """Fill a disk completely, and return the file that fills it."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast


def test_a_run_goes_on_when_the_disk_of_its_store_is_full_and_resuming_logs_the_rest(small_disk, outage):
    uri = f"sqlite:///{small_disk}/mlflow.db"
    result, message = outage(uri, lambda: fill(small_disk))
    assert "full" in message
    (small_disk / "ballast").unlink()
    completely_logged(uri, result, runner.resume(str(result.folder.path)).tracked["run_id"])


def test_a_full_disk_for_the_checkpoint_ends_a_run_with_one_line_and_the_last_checkpoint_survives(small_disk):
    process = begin(small_disk, "--set", "epochs=200000", "--no-track")
    place = begun(process, small_disk)
    fill(small_disk).chmod(0o400)
    line = one_line(process)
    assert "No space left on device" in line
    assert f"`neuralzoo run --resume {place.name}`" in line
    kept = read(place.checkpoint).metadata["trainer"]["epoch"]
    assert kept >= 3
    assert [path.name for path in place.path.iterdir() if path.name.endswith(".tmp")] == []
    (small_disk / "ballast").unlink()
    resume(place, kept + 2)
    assert len(read_json(place.result)["history"]) == kept + 2


class StopAt:
    """Interrupts a run after an epoch, or after all was tested and logged, as Ctrl-C does."""

    def __init__(self, epoch=None):
        self.epoch = epoch

    @hookimpl(trylast=True)
    def epoch_ended(self, trainer):
        if trainer.epoch == self.epoch:
            raise KeyboardInterrupt

    @hookimpl(wrapper=True)
    def fit(self):
        yield
        raise KeyboardInterrupt


def test_a_partly_logged_epoch_is_completed_and_not_repeated(tiny, tmp_path, shared):
    with pytest.raises(KeyboardInterrupt):
        runner.run(tiny, tracking_uri=shared, root=tmp_path, hooks=[StopAt(epoch=2)])
    run_id = folder.tracked_id(folder.find("last", tmp_path))
    connect(shared).log_metric(run_id, "train/loss", 0.5, step=2)
    resumed = runner.resume("last", root=tmp_path)
    assert resumed.tracked["run_id"] == run_id
    assert counted(shared, run_id)[0] == every_epoch_once(resumed.folder, 3)


def test_a_run_interrupted_after_all_was_logged_resumes_without_logging_it_again(tiny, tmp_path, shared):
    with pytest.raises(KeyboardInterrupt):
        runner.run(tiny, tracking_uri=shared, root=tmp_path, hooks=[StopAt()])
    run_id = folder.tracked_id(folder.find("last", tmp_path))
    client = connect(shared)
    before = client.get_run(run_id).data, artifacts(client, run_id), counted(shared, run_id)
    assert len(before[1]) > 5
    runner.resume("last", root=tmp_path)
    run = client.get_run(run_id)
    assert (run.data.params, artifacts(client, run_id), counted(shared, run_id)) == (before[0].params, *before[1:])
    assert set(before[2][1].values()) == {1}
    assert len(client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run_id}'")) == 1
    assert len(run.inputs.dataset_inputs) == 1
    assert run.info.status == "FINISHED"


def artifacts(client, run_id):
    return sorted(item.path for place in ("", "figures", "images") for item in client.list_artifacts(run_id, place))


def test_a_run_deleted_from_the_store_is_logged_again_completely(tiny, tmp_path, shared):
    with pytest.raises(KeyboardInterrupt):
        runner.run(tiny, tracking_uri=shared, root=tmp_path, hooks=[StopAt(epoch=3)])
    lost = folder.tracked_id(folder.find("last", tmp_path))
    connect(shared).delete_run(lost)
    run_id = runner.resume("last", root=tmp_path).tracked["run_id"]
    assert run_id != lost
    assert {step for name, step in counted(shared, run_id)[0] if name == "train/loss"} == {1, 2, 3}


def test_a_removed_store_does_not_hide_the_error_of_a_run(tiny, tmp_path, uri):
    class Failing:
        @hookimpl
        def epoch_ended(self):
            Path(sqlite_file(uri)).rename(tmp_path / "away.db")
            raise ZeroDivisionError("the error itself")

    with pytest.raises(ZeroDivisionError, match="the error itself"):
        runner.run(tiny, tracking_uri=uri, root=tmp_path, hooks=[Failing()])


def test_many_short_epochs_are_logged_in_few_writes_and_none_is_missing(tiny, tmp_path, shared):
    result = runner.run(tiny.set(["epochs=300"]), tracking_uri=shared, root=tmp_path)
    assert counted(shared, result.tracked["run_id"])[0] == every_epoch_once(result.folder, 300)
    assert result.tracked["epochs"] == 300
    logged = connect(shared).get_metric_history(result.tracked["run_id"], "train/loss")
    assert len({metric.timestamp for metric in logged}) < 60


def test_closing_orphaned_runs_reads_all_pages_and_spares_other_hosts_and_running_processes(tmp_path, uri):
    client = connect(uri)
    here = process_identity()
    gone = here | {"pid_started": "1.00"}
    names = {"living": here, "gone": gone, "elsewhere": gone | {"host": "another-host"}, "untagged": {}}
    ids = {name: client.create_run("0", tags=tags, run_name=name).info.run_id for name, tags in names.items()}
    multiply(sqlite_file(uri), ids["living"], 1200)
    assert close_orphaned_runs(uri) == ["gone"]
    status = {name: client.get_run(run_id).info.status for name, run_id in ids.items()}
    assert status == {"living": "RUNNING", "gone": "KILLED", "elsewhere": "RUNNING", "untagged": "RUNNING"}


def multiply(file, run_id, copies):
    """Copy a run with its tags many times in SQL: through MLflow this takes half a minute."""
    with sqlite3.connect(file) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
        values = ", ".join({"run_uuid": "?", "start_time": "start_time + 1000"}.get(name, name) for name in columns)
        for number in range(copies):
            new = f"{number:032x}"
            database.execute(f"INSERT INTO runs SELECT {values} FROM runs WHERE run_uuid = ?", (new, run_id))
            database.execute("INSERT INTO tags SELECT key, value, ? FROM tags WHERE run_uuid = ?", (new, run_id))
    database.close()


def test_closing_orphaned_runs_closes_parent_and_child_of_a_killed_run_group(tmp_path, shared, tiny):
    code = f"""if True:
        import os, sys
        from pathlib import Path
        from neuralzoo.core.hooks import hookimpl
        from neuralzoo.experiments.run_group import RunGroup, RunSpec
        from neuralzoo.registry import Experiment
        class Die:
            @hookimpl
            def epoch_ended(self): os._exit(9)
        tiny = Experiment.from_file(Path({str(tmp_path / "tiny.toml")!r}))
        RunGroup("killed", Path({str(tmp_path / "killed")!r}), {shared!r}, hooks=[Die()]).run([RunSpec("a", tiny)])
    """
    (tmp_path / "tiny.toml").write_text(tiny.to_toml())
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert sorted(close_orphaned_runs(shared)) == ["a-s0", "killed"]
    group = RunGroup("killed", tmp_path / "killed", shared)
    (record,) = group.run([RunSpec("a", tiny)])
    seen = group.finish({"score": 1.0}, {}, [])
    again = RunGroup("killed", tmp_path / "killed", shared)
    again.run([RunSpec("a", tiny)])
    again.finish({"score": 1.0}, {}, [])
    client = connect(shared)
    assert [(m.step, m.value) for m in client.get_metric_history(seen["run_id"], "score")] == [(0, 1.0)]
    assert client.get_run(record.tracked["run_id"]).data.tags["mlflow.parentRunId"] == seen["run_id"]
    assert close_orphaned_runs(shared) == []


def test_a_store_with_runs_of_other_parameter_names_is_used_as_it_is(tiny, tmp_path, uri):
    client = connect(uri)
    view = {"mlflow.sharedViewState.neuralzoo": '{"selectedColumns": ["params.`arch`"]}'}
    experiment = client.create_experiment("classification/two-spirals", tags=view)
    old = client.create_run(experiment, tags={"neuralzoo.label": "fnn"}, run_name="old")
    client.log_param(old.info.run_id, "arch", "fnn")
    client.log_metric(old.info.run_id, "time/drawing_s", 1.0)
    client.set_terminated(old.info.run_id)
    result = runner.run(tiny, tracking_uri=uri, root=tmp_path / "runs")
    assert result.tracked["experiment_id"] == experiment
    assert {run.info.run_name for run in client.search_runs([experiment])} == {"old", "fnn-s0"}
    assert close_orphaned_runs(uri) == []


@pytest.mark.parametrize(("content", "words"), [("directory", ["ui"]), ("text", ["runs", "clean"])])
def test_a_file_that_is_not_a_store_is_an_error_of_one_sentence_at_once(tmp_path, neuralzoo, content, words):
    place = tmp_path / "mlflow.db"
    place.mkdir() if content == "directory" else place.write_text("not a database, but as long as one has to be" * 9)
    done = neuralzoo(*words, check=False, timeout=20)
    assert done.returncode == 2
    assert re.fullmatch(r"neuralzoo: the store .*mlflow\.db can't be used: .+\n", done.stderr), done.stderr
