"""The parent run of a run group."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuralzoo.core.learner import MetricValues
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.experiments.running.run_folder import Tracking
from neuralzoo.experiments.running.signals import signals_deferred
from neuralzoo.experiments.tracking import store
from neuralzoo.experiments.tracking.address import TrackingError, without_secrets
from neuralzoo.experiments.tracking.client import as_tracking_error, connect, now_ms, retry_conflicts
from neuralzoo.experiments.tracking.names import NAME_LIMIT, TAG_LIMIT, AcceptedNames, shortened
from neuralzoo.experiments.tracking.provenance import process_identity, user_name
from neuralzoo.experiments.tracking.run_logger import PARENT, TrackingWarning
from neuralzoo.registry import Experiment


class ParentRun:
    """An MLflow run with child runs; that of an interrupted group is opened again."""

    def __init__(self, name: str, note: Path, uri: str) -> None:
        self.name = name
        self.note = note
        self.uri = uri
        self.run_id = ""

    def open(self, experiment: Experiment) -> None:
        """Create the run, or open that of an interrupted group, in the MLflow experiment that an experiment belongs to.

        Raises: TrackingError when the store can't be used.
        """
        uri = self.uri
        self.client = connect(uri)
        info = replace(datasets.info(experiment.dataset), task=task_of(experiment))
        self.experiment_id = store.dataset_experiment(self.client, uri, info, experiment)
        known = Tracking.load(self.note) or Tracking()
        self.run_id = (known.run_id or "") if known.uri == without_secrets(uri) else ""  # to be closed
        self.run: Any = store.reopen(self.client, uri, self.run_id) if self.run_id else None
        if self.run is not None:
            return
        tags = process_identity() | {"mlflow.user": user_name()}
        name = shortened(self.name, NAME_LIMIT)
        with signals_deferred():  # a run that is missing in the folder would never be closed
            self.run = retry_conflicts(uri, self.client.create_run, self.experiment_id, run_name=name, tags=tags)
            self.run_id = str(self.run.info.run_id)
            Tracking(uri=without_secrets(uri), run_id=self.run_id).save(self.note)

    @property
    def child_tags(self) -> dict[str, str]:
        """The tags that make a run a child of this one."""
        return {PARENT: self.run_id}

    def close(self, status: str) -> None:
        """End the run, if it was opened; an error of the store does not hide that of a failed run."""
        if not self.run_id:
            return
        if status == "FINISHED":
            retry_conflicts(self.uri, self.client.set_terminated, self.run_id, status)
        else:
            store.close_run(self.client, self.uri, self.run_id, status)

    def finish(self, metrics: MetricValues, tags: Mapping[str, str], files: Sequence[Path]) -> dict[str, Any]:
        """Log new metrics, tags and files, end the run, and return its URI and ids.

        Where the store fails, a warning says how they are logged later: what they are of is saved already.
        """
        try:
            self._finish(metrics, tags, files)
        except TrackingError as error:
            text = f"{error}; the parent run {self.name!r} is not completely logged, the same command logs the rest"
            warnings.warn(text, TrackingWarning, stacklevel=2)
        return {"uri": without_secrets(self.uri), "experiment_id": self.experiment_id, "run_id": self.run_id}

    def _finish(self, metrics: MetricValues, tags: Mapping[str, str], files: Sequence[Path]) -> None:
        from mlflow.entities import Metric, RunTag

        now, before = now_ms(), self.run.data.metrics
        names = AcceptedNames()
        named = {names[name]: float(value) for name, value in metrics.items()}
        values = [Metric(name, value, now, 0) for name, value in named.items() if before.get(name) != value]
        texts = [RunTag(key, shortened(text, TAG_LIMIT)) for key, text in tags.items()]
        retry_conflicts(self.uri, self.client.log_batch, self.run_id, metrics=values, tags=texts)
        with as_tracking_error(self.uri):
            for path in files:
                self.client.log_artifact(self.run_id, str(path))
        self.close("FINISHED")
