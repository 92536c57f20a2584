"""The store under stress: many processes at once, stores that go away, disks that are full, runs that go on."""

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

from neuralzoo.core.checkpoint import read
from neuralzoo.core.hooks import hookimpl
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.run_group import Campaign, Member
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.tracking import store
from neuralzoo.experiments.tracking import ui as server

mlflow = pytest.importorskip("mlflow", reason="the store needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own

SMALL = ["--set", "dataset=two-spirals", "--set", "batch_size=32", "--set", "model.hidden=[8]"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A store for tests that do it no harm: making one takes seconds."""
    address = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    store.client(address)
    return address


@pytest.fixture(scope="module")
def empty(tmp_path_factory, shared):
    """The file of an empty store, to be copied."""
    return shutil.copy(store.sqlite_file(shared), tmp_path_factory.mktemp("empty") / "mlflow.db")


@pytest.fixture
def new_uri(tmp_path):
    """Where no store is yet."""
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def uri(new_uri, empty):
    """A store of a test's own."""
    shutil.copy(empty, store.sqlite_file(new_uri))
    return new_uri


def begin(where, *words, **environment):
    """Start a run as a person does, and hand out its process."""
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
    """Wait until a run has a checkpoint of so many epochs, and return its folder."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for place in where.glob("runs/*/checkpoint.safetensors"):
            if read(place).notes["trainer"]["epoch"] >= epochs:
                return folder.RunFolder(place.parent)
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    raise AssertionError("no checkpoint within a minute")


def one_line(process):
    """The one line with which a run that could not go on ended."""
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 2, out + errors
    lines = errors.strip().splitlines()
    assert len(lines) == 1, errors
    return lines[0]


def counted(uri, run_id):
    """How often the store has each metric of each epoch, and which summary metrics it has how often."""
    client = store.client(uri)
    found = Counter(
        (k, m.step) for k in client.get_run(run_id).data.metrics for m in client.get_metric_history(run_id, k)
    )
    return {key: n for key, n in found.items() if key[1] > 0}, {key: n for key, n in found.items() if key[1] == 0}


def every_epoch_once(place, epochs):
    """What `counted` returns for the epochs of a run that has all that its checkpoint has, once."""
    history = read(place.checkpoint).notes["trainer"]["history"]
    assert len(history) == epochs
    return {(name, e + 1): 1 for e in range(epochs) for name in history[e] if not name.startswith("time/")}


def nothing_half_written(where):
    return [str(path) for path in where.rglob("*") if path.name.endswith((".tmp", ".new", "-journal"))] == []


def test_four_processes_that_share_a_store_from_its_first_moment_lose_nothing(tmp_path, new_uri):
    uri, words = new_uri, ["--set", "epochs=25", "--tracking-uri", new_uri]
    processes = [begin(tmp_path, *words, "--seed", str(seed)) for seed in range(4)]
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, ""), out + errors
    client = store.client(uri)
    experiments = {e.name: e.experiment_id for e in client.search_experiments()}
    assert set(experiments) == {"Default", "classification/two-spirals"}
    assert client.search_runs([experiments["Default"]]) == []
    runs = client.search_runs([experiments["classification/two-spirals"]])
    assert {(run.info.run_name, run.info.status) for run in runs} == {(f"fnn-s{seed}", "FINISHED") for seed in range(4)}
    for run in runs:
        place = folder.find(run.info.run_id, tmp_path / "runs")
        assert counted(uri, run.info.run_id)[0] == every_epoch_once(place, 25)
    assert nothing_half_written(tmp_path)


def test_a_process_that_dies_while_it_makes_the_store_leaves_none_and_holds_nobody_up(tmp_path, new_uri):
    code = f"""if True:
        import os
        from neuralzoo.experiments.tracking import store
        os.replace = lambda *names: os._exit(9)
        store.client({new_uri!r})
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert not (tmp_path / "mlflow.db").exists()
    assert [e.name for e in store.client(new_uri).search_experiments()] == ["Default"]
    assert nothing_half_written(tmp_path)


def test_a_store_that_is_replaced_during_a_run_ends_it_with_one_line_and_resuming_logs_what_is_missing(tmp_path, uri):
    process = begin(tmp_path, "--set", "epochs=200000")
    place = begun(process, tmp_path)
    (tmp_path / "mlflow.db").rename(tmp_path / "away.db")
    (tmp_path / "mlflow.db").mkdir()
    line = one_line(process)
    assert "was removed or replaced" in line
    (kept,) = re.findall(r"(\d+) of 200000 epochs are kept in runs/", line)
    assert f"`neuralzoo run --resume {place.name}`" in line
    assert read(place.checkpoint).notes["trainer"]["epoch"] == int(kept)
    assert nothing_half_written(tmp_path)
    (tmp_path / "mlflow.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "mlflow.db")
    go_on(place, int(kept) + 2)
    assert counted(uri, folder.tracked_id(place))[0] == every_epoch_once(place, int(kept) + 2)
    assert store.client(uri).get_run(folder.tracked_id(place)).info.status == "FINISHED"


class Enough:
    """Ends a run after some epochs: nobody waits for the two hundred thousand that it was started with."""

    def __init__(self, epochs):
        self.epochs = epochs

    @hookimpl
    def should_stop(self, trainer):
        return trainer.epoch >= self.epochs


def go_on(place, epochs):
    runner.resume(str(place.path), hooks=[Enough(epochs)])


@contextmanager
def serving(uri, port):
    """Serve a store until the end of the block, and kill the server then."""
    process = server.start(uri, port)
    try:
        server.wait_until_up(process, port)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_server_that_dies_during_a_run_ends_it_with_one_line_and_resuming_logs_what_is_missing(tmp_path, uri):
    port = server.free_port(0)
    with serving(uri, port):
        process = begin(tmp_path, "--set", "epochs=200000", "--tracking-uri", f"http://127.0.0.1:{port}")
        place = begun(process, tmp_path)
    line = one_line(process)
    assert "no server answers there" in line
    assert f"`neuralzoo run --resume {place.name}`" in line
    run_id = folder.tracked_id(place)
    assert store.client(uri).get_run(run_id).info.status == "RUNNING"
    assert store.clean(uri) == ["fnn-s0"]
    kept = read(place.checkpoint).notes["trainer"]["epoch"]
    with serving(uri, port):
        go_on(place, kept + 2)
    assert counted(uri, run_id)[0] == every_epoch_once(place, kept + 2)
    assert store.client(uri).get_run(run_id).info.status == "FINISHED"


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
    """Leave no byte free on a disk, and return the file that takes the room."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast


def test_a_full_disk_for_the_store_ends_a_run_with_one_line_and_resuming_logs_what_is_missing(tmp_path, small_disk):
    uri = f"sqlite:///{small_disk}/mlflow.db"
    process = begin(tmp_path, "--set", "epochs=200000", "--tracking-uri", uri)
    place = begun(process, tmp_path)
    ballast = fill(small_disk)
    line = one_line(process)
    assert "full" in line
    assert f"`neuralzoo run --resume {place.name}`" in line
    ballast.unlink()
    kept = read(place.checkpoint).notes["trainer"]["epoch"]
    go_on(place, kept + 2)
    assert counted(uri, folder.tracked_id(place))[0] == every_epoch_once(place, kept + 2)


def test_a_full_disk_for_the_checkpoint_ends_a_run_with_one_line_and_the_last_checkpoint_survives(small_disk):
    process = begin(small_disk, "--set", "epochs=200000", "--no-track")
    place = begun(process, small_disk)
    fill(small_disk).chmod(0o400)
    line = one_line(process)
    assert "No space left on device" in line
    assert f"`neuralzoo run --resume {place.name}`" in line
    kept = read(place.checkpoint).notes["trainer"]["epoch"]
    assert kept >= 3
    assert [path.name for path in place.path.iterdir() if path.name.endswith(".tmp")] == []
    (small_disk / "ballast").unlink()
    go_on(place, kept + 2)
    assert len(folder.read_json(place.result)["history"]) == kept + 2


class StopAt:
    """Ends a run after an epoch, or after all was tested and logged, as Ctrl-C does."""

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


def test_an_epoch_of_which_the_store_has_a_part_is_completed_and_not_repeated(tiny, tmp_path, shared):
    with pytest.raises(KeyboardInterrupt):
        runner.run(tiny, tracking_uri=shared, root=tmp_path, hooks=[StopAt(epoch=2)])
    run_id = folder.tracked_id(folder.find("last", tmp_path))
    store.client(shared).log_metric(run_id, "train/loss", 0.5, step=2)
    resumed = runner.resume("last", root=tmp_path)
    assert resumed.tracked["run_id"] == run_id
    assert counted(shared, run_id)[0] == every_epoch_once(resumed.folder, 3)


def test_a_run_cut_off_after_all_was_logged_goes_on_without_logging_it_again(tiny, tmp_path, shared):
    with pytest.raises(KeyboardInterrupt):
        runner.run(tiny, tracking_uri=shared, root=tmp_path, hooks=[StopAt()])
    run_id = folder.tracked_id(folder.find("last", tmp_path))
    client = store.client(shared)
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


def test_a_run_that_the_store_has_lost_is_logged_anew_as_a_whole(tiny, tmp_path, shared):
    with pytest.raises(KeyboardInterrupt):
        runner.run(tiny, tracking_uri=shared, root=tmp_path, hooks=[StopAt(epoch=3)])
    lost = folder.tracked_id(folder.find("last", tmp_path))
    store.client(shared).delete_run(lost)
    run_id = runner.resume("last", root=tmp_path).tracked["run_id"]
    assert run_id != lost
    assert {step for name, step in counted(shared, run_id)[0] if name == "train/loss"} == {1, 2, 3}


def test_a_store_that_is_gone_does_not_hide_why_a_run_failed(tiny, tmp_path, uri):
    class Fault:
        @hookimpl
        def epoch_ended(self):
            Path(store.sqlite_file(uri)).rename(tmp_path / "away.db")
            raise ZeroDivisionError("the fault itself")

    with pytest.raises(ZeroDivisionError, match="the fault itself"):
        runner.run(tiny, tracking_uri=uri, root=tmp_path, hooks=[Fault()])


def test_many_short_epochs_share_few_writes_and_none_is_missing(tiny, tmp_path, shared):
    result = runner.run(tiny.set(["epochs=300"]), tracking_uri=shared, root=tmp_path)
    assert counted(shared, result.tracked["run_id"])[0] == every_epoch_once(result.folder, 300)
    assert result.tracked["epochs"] == 300
    logged = store.client(shared).get_metric_history(result.tracked["run_id"], "train/loss")
    assert len({metric.timestamp for metric in logged}) < 60


def test_clean_reads_page_after_page_and_leaves_other_hosts_and_living_processes_alone(tmp_path, uri):
    client = store.client(uri)
    here = store.process_identity()
    gone = here | {"pid_started": "1.00"}
    names = {"living": here, "gone": gone, "elsewhere": gone | {"host": "another-host"}, "untagged": {}}
    ids = {name: client.create_run("0", tags=tags, run_name=name).info.run_id for name, tags in names.items()}
    multiply(store.sqlite_file(uri), ids["living"], 1200)
    assert store.clean(uri) == ["gone"]
    status = {name: client.get_run(run_id).info.status for name, run_id in ids.items()}
    assert status == {"living": "RUNNING", "gone": "KILLED", "elsewhere": "RUNNING", "untagged": "RUNNING"}


def multiply(file, run_id, copies):
    """Copy a run with its tags many times, as later ones: the store's own way takes half a minute."""
    with sqlite3.connect(file) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
        values = ", ".join({"run_uuid": "?", "start_time": "start_time + 1000"}.get(name, name) for name in columns)
        for number in range(copies):
            new = f"{number:032x}"
            database.execute(f"INSERT INTO runs SELECT {values} FROM runs WHERE run_uuid = ?", (new, run_id))
            database.execute("INSERT INTO tags SELECT key, value, ? FROM tags WHERE run_uuid = ?", (new, run_id))
    database.close()


def test_clean_closes_a_killed_campaign_parent_and_child(tmp_path, shared, tiny):
    code = f"""if True:
        import os, sys
        from pathlib import Path
        from neuralzoo.core.hooks import hookimpl
        from neuralzoo.experiments.run_group import Campaign, Member
        from neuralzoo.registry import Experiment
        class Die:
            @hookimpl
            def epoch_ended(self): os._exit(9)
        tiny = Experiment.from_file(Path({str(tmp_path / "tiny.toml")!r}))
        Campaign("killed", Path({str(tmp_path / "killed")!r}), {shared!r}, hooks=[Die()]).run([Member("a", tiny)])
    """
    (tmp_path / "tiny.toml").write_text(tiny.to_toml())
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert sorted(store.clean(shared)) == ["a-s0", "killed"]
    campaign = Campaign("killed", tmp_path / "killed", shared)
    (record,) = campaign.run([Member("a", tiny)])
    seen = campaign.finish({"score": 1.0}, {}, [])
    again = Campaign("killed", tmp_path / "killed", shared)
    again.run([Member("a", tiny)])
    again.finish({"score": 1.0}, {}, [])
    client = store.client(shared)
    assert [(m.step, m.value) for m in client.get_metric_history(seen["run_id"], "score")] == [(0, 1.0)]
    assert client.get_run(record.tracked["run_id"]).data.tags["mlflow.parentRunId"] == seen["run_id"]
    assert store.clean(shared) == []


@pytest.mark.parametrize(("content", "words"), [("directory", ["ui"]), ("text", ["runs", "clean"])])
def test_what_is_no_store_is_one_sentence_at_once(tmp_path, neuralzoo, content, words):
    place = tmp_path / "mlflow.db"
    place.mkdir() if content == "directory" else place.write_text("no database, but as long as one has to be" * 9)
    done = neuralzoo(*words, check=False, timeout=20)
    assert done.returncode == 2
    assert re.fullmatch(r"neuralzoo: the store .*mlflow\.db can't be used: .+\n", done.stderr), done.stderr
