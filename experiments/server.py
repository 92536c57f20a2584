"""MLflow's page for a store, quiet and on this machine only."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.error import URLError
from urllib.request import urlopen

from neuralzoo.experiments.store import SHARED_VIEW, TrackingError, client, sqlite_file

START_S = 90.0


def free_port(wanted: int) -> int:
    """Return the wanted port of the loopback address, or another one if it is in use."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise TrackingError(f"port {wanted} is in use and no other is free; the page needs one")


def serve(uri: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve a store until Ctrl-C or SIGTERM.

    Raises: TrackingError when there is no such store or the server does not start.
    """
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise TrackingError(f"{file} is not there; the page needs a store, `neuralzoo run fnn` makes one")
    port = free_port(port)
    experiments = [e for e in client(uri).search_experiments() if e.name != "Default"]
    server = start(uri, port)
    try:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        wait_until_up(server, port)
        tell(f"MLflow shows {uri} at http://127.0.0.1:{port} (Ctrl-C stops it)")
        for experiment in experiments:
            address = f"#/experiments/{experiment.experiment_id}/runs?viewStateShareKey={SHARED_VIEW}"
            tell(f"{experiment.name}  http://127.0.0.1:{port}/{address}")
        server.wait()
    except KeyboardInterrupt:
        tell("stopped")
    finally:
        stop(server)


def start(uri: str, port: int) -> "subprocess.Popen[bytes]":
    """Start the server with one worker, no jobs and no telemetry, in a process group of its own."""
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    if (file := sqlite_file(uri)) is not None:
        command += ["--default-artifact-root", str(file.parent / "mlartifacts")]
    return subprocess.Popen(
        [*command, "--port", str(port), "--workers", "1"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_until_up(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until the server answers.

    Raises: TrackingError when it ends or does not answer in time.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise TrackingError(f"MLflow's server ended with exit {server.returncode}; run `mlflow ui` to see why")
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TrackingError(f"MLflow's server did not answer within {START_S:.0f} s; run `mlflow ui` to see why")


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Stop the server and its workers."""
    try:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=10)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
