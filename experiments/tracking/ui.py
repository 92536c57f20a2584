"""The MLflow UI of a tracking store, on the loopback address."""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from urllib.error import URLError
from urllib.request import urlopen

from neuralzoo.experiments.tracking.address import TrackingError, missing_file, redacted, sqlite_file
from neuralzoo.experiments.tracking.client import as_tracking_error, connect
from neuralzoo.experiments.tracking.store import all_results, leaderboard_page
from neuralzoo.registry.errors import Terminated

STARTUP_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0


def free_port(wanted: int) -> int:
    """Return the wanted port of the loopback address, or a free one if it is in use."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise TrackingError(f"port {wanted} is in use and no other is free; the UI needs one")


def serve(uri: str, port: int, report: Callable[[str], None]) -> None:
    """Serve a store until Ctrl-C, SIGTERM, or the end of the process that started this one.

    Raises: TrackingError when there is no such store, it can't be read, or the server does not start.
    """
    if (file := missing_file(uri)) is not None:
        raise TrackingError(f"{file} is not there; the UI needs a store, `neuralzoo run fnn` makes one")
    client = connect(uri)
    with as_tracking_error(uri):
        experiments = [e for e in all_results(client.search_experiments) if e.name != "Default"]
    stops = [signal.SIGTERM, signal.SIGHUP]
    outlives_parent = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # started by `nohup`
    for number in stops[: 1 if outlives_parent else 2]:
        signal.signal(number, lambda number, frame: sys.exit(0))
    port = free_port(port)
    server = start(uri, port)
    try:
        wait_until_up(server, port)
        report(f"MLflow shows {redacted(uri)} at http://127.0.0.1:{port} (Ctrl-C stops it)")
        for experiment in experiments:
            report(f"{experiment.name}  http://127.0.0.1:{port}/{leaderboard_page(experiment.experiment_id)}")
        watch(server, follow_parent=not outlives_parent)
    except (KeyboardInterrupt, Terminated):
        report("stopped")
    finally:
        stop(server)


def start(uri: str, port: int) -> "subprocess.Popen[bytes]":
    """Start the server with one worker, no jobs and no telemetry, in its own process group.

    It holds the other end of a pipe to this process, which closes when this process ends for any reason.
    """
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BACKEND_STORE_URI": _absolute(uri),  # not an argument: all users see those, and passwords in them
        "PYTHONSAFEPATH": "1",  # of its workers, too
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-P", "-m", __name__, "ui", "--host", "127.0.0.1"]
    if (file := sqlite_file(uri)) is not None:
        command += ["--default-artifact-root", str(file.parent / "mlartifacts")]
    return subprocess.Popen(
        [*command, "--port", str(port), "--workers", "1"],
        env=environment,
        cwd=sysconfig.get_path("stdlib"),  # uvicorn imports from the working directory first
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _absolute(uri: str) -> str:
    file = sqlite_file(uri)
    return uri if file is None else f"sqlite:///{file}{''.join(uri.partition('?')[1:])}"


def watch(server: "subprocess.Popen[bytes]", follow_parent: bool) -> None:
    """Wait until the server ends or, with `follow_parent`, the process that started this one.

    Raises: TrackingError when the server ends by itself.
    """
    parent = os.getppid()
    while server.poll() is None:
        if follow_parent and os.getppid() != parent:
            return
        time.sleep(0.3)
    raise TrackingError(f"MLflow's server ended with exit {server.returncode}; run `mlflow ui` to see why")


def wait_until_up(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until the server answers.

    Raises: TrackingError when it ends or does not answer in time.
    """
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise TrackingError(f"MLflow's server ended with exit {server.returncode}; run `mlflow ui` to see why")
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TrackingError(f"MLflow's server did not answer within {STARTUP_TIMEOUT_S:.0f} s; run `mlflow ui` to see why")


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Stop the server and its workers."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    try:
        os.killpg(server.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            server.poll()  # reap: an ended process counts as a member of its group until then
            os.killpg(server.pid, 0)
            time.sleep(0.05)
        os.killpg(server.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    server.wait()


def end_with_parent() -> None:
    """Kill this process group when the pipe held by the process of `serve` closes."""
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Run MLflow's command line until the process of `serve` ends."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    from mlflow.cli import cli

    cli()


if __name__ == "__main__":
    main()
