"""The page ends with the one who started it, however that goes, and leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest

from neuralzoo.experiments.tracking import store

pytest.importorskip("mlflow", reason="the page needs the extra 'experiments'")
psutil = pytest.importorskip("psutil", reason="the page needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own

PAGE = [sys.executable, "-m", "neuralzoo.experiments.cli", "ui"]
FROM_A_SHELL = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]


def port_of(page):
    return int(re.search(r"http://127\.0\.0\.1:(\d+)", page.stdout.readline()).group(1))


def gone(processes):
    """Whether processes end within some seconds; a zombie has ended, only nobody asked for its exit."""
    deadline = time.monotonic() + 15
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_pages_take_ports_of_their_own_and_end_when_told_when_killed_and_when_their_parent_is(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    store.client(uri)
    started = []

    def start(*command):
        environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
        page = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # these tests may run under nohup
        )
        started.append(page)
        return page

    try:
        told = start(*PAGE, "--port", "0")
        port = port_of(told)
        killed, orphaned = start(*PAGE, "--port", str(port)), start(*FROM_A_SHELL, *PAGE, "--port", str(port))
        ports = {port, port_of(killed), port_of(orphaned)}
        assert len(ports) == 3
        for each in ports:
            with urlopen(f"http://127.0.0.1:{each}/health", timeout=10) as answer:
                assert answer.status == 200
        families = {page.pid: psutil.Process(page.pid).children(recursive=True) for page in started}
        assert [len(family) for family in families.values()] == [2, 2, 3]  # the last has a parent of its own
        told.send_signal(signal.SIGTERM)
        killed.kill()
        orphaned.kill()
        assert told.wait(20) == 0
        for page in started:
            assert gone(families[page.pid]), page.args
    finally:
        for page in started:
            if page.poll() is None:
                page.kill()
            page.communicate()
