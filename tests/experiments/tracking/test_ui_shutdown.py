"""The UI server ends with the process that started it, however that ends, and leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest

from neuralzoo.experiments.tracking.client import connect

pytest.importorskip("mlflow", reason="the UI needs the extra 'experiments'")
psutil = pytest.importorskip("psutil", reason="the UI needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own

UI = [sys.executable, "-m", "neuralzoo.experiments.cli", "ui"]
FROM_PARENT = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]


def port_of(server):
    return int(re.search(r"http://127\.0\.0\.1:(\d+)", server.stdout.readline()).group(1))


def gone(processes):
    """Whether processes end within some seconds; a zombie has ended and is not reaped yet."""
    deadline = time.monotonic() + 15
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_servers_take_free_ports_and_end_on_sigterm_on_sigkill_and_with_their_parent(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    connect(uri)
    started = []

    def start(*command):
        environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
        server = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # these tests may run under nohup
        )
        started.append(server)
        return server

    try:
        stopped = start(*UI, "--port", "0")
        port = port_of(stopped)
        killed, orphaned = start(*UI, "--port", str(port)), start(*FROM_PARENT, *UI, "--port", str(port))
        ports = {port, port_of(killed), port_of(orphaned)}
        assert len(ports) == 3
        for each in ports:
            with urlopen(f"http://127.0.0.1:{each}/health", timeout=10) as answer:
                assert answer.status == 200
        families = {server.pid: psutil.Process(server.pid).children(recursive=True) for server in started}
        assert [len(family) for family in families.values()] == [2, 2, 3]  # the last has a parent of its own
        stopped.send_signal(signal.SIGTERM)
        killed.kill()
        orphaned.kill()
        assert stopped.wait(20) == 0
        for server in started:
            assert gone(families[server.pid]), server.args
    finally:
        for server in started:
            if server.poll() is None:
                server.kill()
            server.communicate()


def test_the_server_imports_nothing_from_the_folder_one_stands_in(tmp_path, monkeypatch):
    from neuralzoo.experiments.tracking import ui

    for name in ("mlflow", "random", "uvicorn", "sqlalchemy"):
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\nraise SystemExit(3)\n"
        )
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    connect(uri)
    port = ui.free_port(0)
    server = ui.start(uri, port)
    try:
        ui.wait_until_up(server, port)
        assert not any(uri in " ".join(process.cmdline()) for process in psutil.Process(server.pid).children())
    finally:
        ui.stop(server)
        server.stdin.close()
    assert not (tmp_path / "ran").exists()


def test_a_user_without_an_entry_has_a_number_for_a_name():
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("another user id needs root")
    names = ("USER", "LOGNAME", "LNAME", "USERNAME", "HOME")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    imported = "import os; from neuralzoo.experiments.tracking.provenance import user_name"
    code = f"{imported}; os.setuid(54321); print(user_name())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "54321\n", done.stderr
