"""The MLflow store: where runs are kept, how they are named there, and how they are found and closed."""

import hashlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuralzoo.experiments.datasets import Info
from neuralzoo.registry import ZooError

SHARED_VIEW = "neuralzoo"
COLOURS = (  # readable on white and on black
    "#17a8bd",
    "#9b59d0",
    "#e668b3",
    "#2e9e4f",
    "#5b5bd6",
    "#f0801a",
    "#8a9a1f",
    "#9c6644",
    "#e23b3b",
    "#0f8f7c",
    "#2f7ed8",
    "#d4a017",
)
COLOUR_SALT = 1441  # the first with which no two of the eleven built-in architectures have one colour


class TrackingError(ZooError):
    """The store can't be used; the message says which and why."""


def default_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the address of `mlflow.db` in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store, nothing for another kind of store."""
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


def import_mlflow() -> Any:
    """Import MLflow without its telemetry and its chatter."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the store's errors into one sentence.

    Raises: TrackingError when the store can't be reached or refuses.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise TrackingError(f"the store {uri} can't be used: {first[0] if first else type(error).__name__}") from error


@contextmanager
def chosen(uri: str) -> Iterator[Any]:
    """Make a store MLflow's current one for a moment, and hand out MLflow; its choice is global and inherited."""
    mlflow = import_mlflow()
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before)


def client(uri: str) -> Any:
    """Return a client of a store.

    Raises: TrackingError when it can't be reached.
    """
    if ":" not in uri or uri.startswith("file:"):
        raise TrackingError(
            f"the tracking URI is {uri!r}; it needs to be like sqlite:///mlflow.db or http://127.0.0.1:5000"
        )
    mlflow = import_mlflow()
    with explained(uri):
        return mlflow.MlflowClient(tracking_uri=uri)


def dataset_experiment(client: Any, uri: str, info: Info, headline: str) -> str:
    """Return the id of the experiment of a task and data set, in which all architectures are compared.

    It is made, with a note and a leaderboard, if it is not there.

    Raises: TrackingError when the store can't be used.
    """
    from mlflow.exceptions import MlflowException

    name = f"{info.task.kind}/{info.name}"
    with explained(uri):
        if (found := client.get_experiment_by_name(name)) is not None:
            return str(found.experiment_id)
        file = sqlite_file(uri)
        artifacts = (file.parent / "mlartifacts").as_uri() if file else None
        note = f"**{info.name}** ({info.task.kind}): {info.summary}\n\nLicence: {info.licence}. Source: {info.citation}"
        tags = {"mlflow.note.content": note, f"mlflow.sharedViewState.{SHARED_VIEW}": json.dumps(leaderboard(headline))}
        try:
            return str(client.create_experiment(name, artifact_location=artifacts, tags=tags))
        except MlflowException:  # another process was faster
            if (found := client.get_experiment_by_name(name)) is None:
                raise
            return str(found.experiment_id)


def leaderboard(headline: str) -> dict[str, Any]:
    """Return the state of the runs page that shows a table sorted by the headline metric.

    The tag that holds it is not a documented part of MLflow: where it is ignored, the plain runs page opens.
    """
    columns = [f"metrics.`{m}`" for m in (headline, "test/loss", "model/n_params", "time/train_s")]
    return {
        "orderByKey": f"metrics.`{headline}`",
        "orderByAsc": lower_is_better(headline),
        "searchFilter": "",
        "lifecycleFilter": "Active",
        "startTime": "ALL",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": ["attributes.`Duration`", *columns, "params.`arch`", "params.`seed`"],
    }


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of a metric is the better one."""
    return metric.endswith(("loss", "error", "mse", "nll", "perplexity"))


def run_page(experiment: str, run: str) -> str:
    """Return the address of a run within the MLflow UI."""
    return f"#/experiments/{experiment}/runs/{run}"


def leaderboard_page(experiment: str) -> str:
    """Return the address of an experiment's leaderboard within the MLflow UI."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={SHARED_VIEW}"


def colour(architecture: str) -> str:
    """Return the colour of an architecture: the same in every chart."""
    return COLOURS[hashlib.sha256(f"{COLOUR_SALT}:{architecture}".encode()).digest()[0] % len(COLOURS)]


def process_identity() -> dict[str, str]:
    """Return what tells this process from every other, also from a later one with the same number."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": str(pid), "pid_started": process_started(pid) or ""}


def process_started(pid: int) -> str | None:
    """Return when a process started, nothing if it is gone."""
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def clean(uri: str) -> list[str]:
    """Mark the runs KILLED whose process on this host is gone, and return their names.

    Raises: TrackingError when the store can't be reached.
    """
    store = client(uri)
    closed: list[str] = []
    with explained(uri):
        experiments = [e.experiment_id for e in store.search_experiments()]
        open_runs = store.search_runs(experiments, filter_string="attributes.status = 'RUNNING'", max_results=1000)
        for run in open_runs:
            tags = run.data.tags
            if tags.get("host") != socket.gethostname() or not tags.get("pid", "").isdigit():
                continue
            if process_started(int(tags["pid"])) != tags.get("pid_started"):
                store.set_terminated(run.info.run_id, "KILLED")
                closed.append(run.info.run_name)
    return closed
