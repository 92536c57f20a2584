"""The MLflow UI: a real server on a real store."""

import json
import re
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest

from neuralzoo.experiments import run as runner

pytest.importorskip("mlflow", reason="the UI needs the extra 'experiments'")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own


def test_ui_serves_the_runs_and_stops_without_leaving_processes(tiny, tmp_path):
    import psutil

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    result = runner.run(tiny, tracking_uri=uri, root=tmp_path / "runs")
    command = [sys.executable, "-m", "neuralzoo.experiments.cli", "ui", "--port", "0"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        first, second = server.stdout.readline(), server.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", first).group()
        assert "classification/two-spirals" in second
        assert "viewStateShareKey=neuralzoo" in second
        get_run = f"{address}/ajax-api/2.0/mlflow/runs/get?run_id={result.tracked['run_id']}"
        with urlopen(get_run, timeout=30) as answer:
            assert json.load(answer)["run"]["info"]["status"] == "FINISHED"
        processes = psutil.Process(server.pid).children(recursive=True)
        assert processes
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        server.stdout.close()
    deadline = time.monotonic() + 10
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        assert time.monotonic() < deadline, processes
        time.sleep(0.1)
