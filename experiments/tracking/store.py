"""The MLflow store: where runs are kept, how they are named there, and how they are found and closed."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from typing import Any

from neuralzoo.experiments.datasets import Info
from neuralzoo.experiments.tracking.client import (
    TrackingError,
    attempt,
    chosen,
    client,
    default_uri,
    explained,
    import_mlflow,
    one_at_a_time,
    sqlite_file,
)

__all__ = [
    "SHARED_VIEW",
    "TrackingError",
    "abandon",
    "attempt",
    "chosen",
    "clean",
    "client",
    "colour",
    "dataset_experiment",
    "default_uri",
    "explained",
    "import_mlflow",
    "leaderboard",
    "leaderboard_page",
    "lower_is_better",
    "pages",
    "process_identity",
    "process_started",
    "reopen",
    "run_page",
    "sqlite_file",
]

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
        with one_at_a_time(uri):
            try:
                return str(client.create_experiment(name, artifact_location=artifacts, tags=tags))
            except MlflowException:  # another process was faster
                if (found := client.get_experiment_by_name(name)) is None:
                    raise
                return str(found.experiment_id)


def reopen(client: Any, uri: str, run_id: str) -> Any:
    """Return a run that is RUNNING again, in this process; nothing if it was deleted or the store is a new one.

    Raises: TrackingError when the store can't be used.
    """
    from mlflow.exceptions import MlflowException

    with explained(uri):
        try:
            run = client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        if run.info.lifecycle_stage != "active":
            return None
        for key, value in process_identity().items():
            client.set_tag(run_id, key, value)
        client.update_run(run_id, status="RUNNING")
        return run


def abandon(client: Any, uri: str, run_id: str, status: str) -> None:
    """Write how a run ended that can't go on, if the store still takes it: one try, and no error of its own.

    A run whose status could not be written stays RUNNING until it is resumed or `clean` closes it.
    """
    before = os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    try:
        with explained(uri):
            client.set_terminated(run_id, status)
    except TrackingError:
        pass
    finally:
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = before


def leaderboard(headline: str) -> dict[str, Any]:
    """Return the state of the runs page that shows a table sorted by the headline metric.

    The tag that holds it is not a documented part of MLflow: where it is ignored, the plain runs page opens.
    """
    # MLflow orders the columns of metrics by their names: only those behind the headline metric leave it the first.
    columns = [f"metrics.`{m}`" for m in sorted({headline, "test/loss", "time/train_s"}) if m >= headline]
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

    Raises: TrackingError when there is no such store or it can't be reached.
    """
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise TrackingError(f"{file} is not there; there are no runs to close")
    store = client(uri)
    closed: list[str] = []
    with explained(uri):
        experiments = [e.experiment_id for e in pages(store.search_experiments)]
        still_open = "attributes.status = 'RUNNING'"
        for run in pages(store.search_runs, experiment_ids=experiments, filter_string=still_open, max_results=1000):
            if is_left(run) and is_left(store.get_run(run.info.run_id)):  # it may have ended since
                store.set_terminated(run.info.run_id, "KILLED")
                closed.append(run.info.run_name)
    return closed


def is_left(run: Any) -> bool:
    """Tell whether a run is RUNNING by a process of this host that is gone."""
    tags = run.data.tags
    if run.info.status != "RUNNING" or tags.get("host") != socket.gethostname() or not tags.get("pid", "").isdigit():
        return False
    return bool(process_started(int(tags["pid"])) != tags.get("pid_started"))


def pages(search: Callable[..., Any], **query: Any) -> list[Any]:
    """Return all that a search finds: a store answers with a page at a time."""
    found = search(**query)
    everything = list(found)
    while found.token:
        found = search(**query, page_token=found.token)
        everything += found
    return everything
