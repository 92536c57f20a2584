"""The MLflow tracking store: its experiments, the leaderboard view, and opening and closing runs."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from neuralzoo.experiments.datasets import DatasetInfo
from neuralzoo.experiments.running.metrics import metric_info
from neuralzoo.experiments.tracking.address import TrackingError, missing_file, redacted, sqlite_file
from neuralzoo.experiments.tracking.client import as_tracking_error, connect, store_lock, without_retries
from neuralzoo.experiments.tracking.names import EXPERIMENT_LIMIT, TAG_LIMIT, shortened
from neuralzoo.experiments.tracking.provenance import process_identity, process_started
from neuralzoo.registry import Experiment, get

SHARED_VIEW = "neuralzoo"


def dataset_experiment(client: Any, uri: str, info: DatasetInfo, experiment: Experiment) -> str:
    """Return the id of the MLflow experiment of a task and dataset: one leaderboard of all architectures.

    One that does not exist is created, with a note and the leaderboard view by the primary metric of an experiment.

    Raises: TrackingError when the store can't be used.
    """
    from mlflow.exceptions import MlflowException

    name = shortened(f"{info.task.kind}/{info.name}", EXPERIMENT_LIMIT)
    with as_tracking_error(uri):
        if (found := client.get_experiment_by_name(name)) is not None:
            return _active_id(found, uri)
        file = sqlite_file(uri)
        artifacts = (file.parent / "mlartifacts").as_uri() if file else None
        note = f"**{info.name}** ({info.task.kind}): {info.summary}\n\nLicence: {info.licence}. Source: {info.citation}"
        view = json.dumps(leaderboard(experiment))
        tags = {"mlflow.note.content": shortened(note, TAG_LIMIT), f"mlflow.sharedViewState.{SHARED_VIEW}": view}
        with store_lock(uri):
            try:
                return str(client.create_experiment(name, artifact_location=artifacts, tags=tags))
            except MlflowException:  # another process was faster
                if (found := client.get_experiment_by_name(name)) is None:
                    raise
                return _active_id(found, uri)


def _active_id(experiment: Any, uri: str) -> str:
    """Return the id of an experiment.

    Raises: TrackingError with the commands that restore or remove it when it is deleted.
    """
    number = str(experiment.experiment_id)
    if experiment.lifecycle_stage != "active":
        store = f"MLFLOW_TRACKING_URI={redacted(uri)}"
        raise TrackingError(
            f"the MLflow experiment {experiment.name!r} is deleted; runs on its dataset need it restored "
            f"(`{store} mlflow experiments restore --experiment-id {number}`) or removed for good (`mlflow gc "
            f"--backend-store-uri {redacted(uri)} --experiment-ids {number}`), or another --tracking-uri"
        )
    return number


def reopen(client: Any, uri: str, run_id: str) -> Any:
    """Set a run to RUNNING in this process and return it; None if it was deleted or is not in this store.

    Raises: TrackingError when the store can't be used.
    """
    from mlflow.exceptions import MlflowException

    with as_tracking_error(uri):
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


def close_run(client: Any, uri: str, run_id: str, status: str) -> None:
    """Set the final status of a failed or interrupted run: best effort, one try, no error of its own.

    A run whose status could not be written stays RUNNING until it is resumed or `close_orphaned_runs` closes it.
    """
    with suppress(TrackingError), without_retries(), as_tracking_error(uri):
        client.set_terminated(run_id, status)


def leaderboard(experiment: Experiment) -> dict[str, Any]:
    """Return the view state of the runs page that shows a table sorted by the primary metric.

    Its tag is not a documented part of MLflow: where it is ignored, the plain runs page opens.
    """
    primary_metric = experiment.primary_metric
    declared = metric_info(primary_metric, get(experiment.architecture).metrics)
    # MLflow sorts metric columns by name: only those behind the primary metric leave it the first.
    columns = [f"metrics.`{m}`" for m in sorted({primary_metric, "test/loss", "time/train_s"}) if m >= primary_metric]
    return {
        "orderByKey": f"metrics.`{primary_metric}`",
        "orderByAsc": declared is not None and declared.direction == "lower",
        "searchFilter": "",
        "lifecycleFilter": "Active",
        "startTime": "ALL",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": ["attributes.`Duration`", *columns, "params.`architecture`", "params.`seed`"],
    }


def run_page(experiment: str, run: str) -> str:
    """Return the path of a run in the MLflow UI."""
    return f"#/experiments/{experiment}/runs/{run}"


def leaderboard_page(experiment: str) -> str:
    """Return the path of an experiment's leaderboard in the MLflow UI."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={SHARED_VIEW}"


def close_orphaned_runs(uri: str) -> list[str]:
    """Set orphaned runs to KILLED and return their names.

    Raises: TrackingError when the store does not exist or can't be reached.
    """
    if (file := missing_file(uri)) is not None:
        raise TrackingError(f"{file} is not there; there are no runs to close")
    client = connect(uri)
    closed: list[str] = []
    with as_tracking_error(uri):
        experiments = [e.experiment_id for e in all_results(client.search_experiments)]
        running = "attributes.status = 'RUNNING'"
        for run in all_results(client.search_runs, experiment_ids=experiments, filter_string=running, max_results=1000):
            if is_orphaned(run) and is_orphaned(client.get_run(run.info.run_id)):  # it may have ended since
                client.set_terminated(run.info.run_id, "KILLED")
                closed.append(run.info.run_name)
    return closed


def is_orphaned(run: Any) -> bool:
    """Return whether a run is RUNNING although its process, on this host, has ended."""
    tags = run.data.tags
    if run.info.status != "RUNNING" or tags.get("host") != socket.gethostname() or not tags.get("pid", "").isdigit():
        return False
    return bool(process_started(int(tags["pid"])) != tags.get("pid_started"))


def all_results(search: Callable[..., Any], **query: Any) -> list[Any]:
    """Return all results of a paginated search."""
    found = search(**query)
    results = list(found)
    while found.token:
        found = search(**query, page_token=found.token)
        results += found
    return results
