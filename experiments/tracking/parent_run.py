"""The parent run of a campaign in the MLflow store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuralzoo.core.learner import Metrics
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.experiments.running.run_folder import now_ms, read_json, write_json
from neuralzoo.experiments.tracking import store
from neuralzoo.experiments.tracking.store import explained, process_identity
from neuralzoo.registry import Experiment


class ParentRun:
    """A run that others are children of; opened anew, or again where the campaign was cut off."""

    def __init__(self, name: str, note: Path, uri: str, experiment: Experiment) -> None:
        self.uri = uri
        self.client = store.client(uri)
        asked = replace(datasets.info(experiment.dataset), task=task_of(experiment))
        self.experiment_id = store.dataset_experiment(self.client, uri, asked, experiment.headline)
        known = read_json(note)
        again = known["run_id"] if known.get("uri") == uri else None
        self.run: Any = store.reopen(self.client, uri, again) if again else None
        if self.run is None:
            tags = process_identity()
            self.run = store.attempt(uri, self.client.create_run, self.experiment_id, run_name=name, tags=tags)
            note.parent.mkdir(parents=True, exist_ok=True)
            write_json(note, {"uri": uri, "run_id": self.run.info.run_id})
        self.run_id = str(self.run.info.run_id)

    @property
    def child_tags(self) -> dict[str, str]:
        """The tags that make a run a child of this one."""
        return {"mlflow.parentRunId": self.run_id}

    def close(self, status: str) -> None:
        """End the run; what made it fail is not hidden by a store that is gone."""
        if status == "FINISHED":
            store.attempt(self.uri, self.client.set_terminated, self.run_id, status)
        else:
            store.abandon(self.client, self.uri, self.run_id, status)

    def finish(self, metrics: Metrics, tags: Mapping[str, str], files: Sequence[Path]) -> dict[str, Any]:
        """Log the outcome where it is new, end the run, and return where it can be seen."""
        from mlflow.entities import Metric, RunTag

        now, before = now_ms(), self.run.data.metrics
        values = [Metric(name, float(value), now, 0) for name, value in metrics.items() if before.get(name) != value]
        texts = [RunTag(key, text[:5000]) for key, text in tags.items()]
        store.attempt(self.uri, self.client.log_batch, self.run_id, metrics=values, tags=texts)
        with explained(self.uri):
            for path in files:
                self.client.log_artifact(self.run_id, str(path))
        self.close("FINISHED")
        return {"uri": self.uri, "experiment_id": self.experiment_id, "run_id": self.run_id}
