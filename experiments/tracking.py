"""Logging a run to MLflow: a hook object that the trainer calls."""

import getpass
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from neuralzoo import __version__
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments import store
from neuralzoo.experiments.assembly import Assembly
from neuralzoo.experiments.folder import RunFolder, now_ms, tracked_id, write_json
from neuralzoo.experiments.store import default_uri, explained, process_identity
from neuralzoo.registry import entries

__all__ = ["Tracking", "default_uri"]

PARAM_LIMIT = 6000
SERVED = Path(__file__).with_name("served_model.py")


class Tracking:
    """Logs one run: parameters, data set, metrics by epoch, summary, pictures, model, and how it ended.

    Metrics are written once an epoch; what all of it costs is measured and logged as `time/tracking_s`.
    """

    def __init__(self, assembly: Assembly, folder: RunFolder, uri: str, tags: Mapping[str, str]) -> None:
        self.assembly = assembly
        self.folder = folder
        self.uri = uri
        self.tags = dict(tags)
        self.start_s = 0.0
        self.overhead_s = 0.0
        self.experiment_id = ""
        self.run_id = ""

    def summary(self) -> dict[str, Any]:
        """Return where the run can be seen and what tracking cost."""
        return {
            "uri": self.uri,
            "experiment_id": self.experiment_id,
            "run_id": self.run_id,
            "start_s": self.start_s,
            "overhead_s": self.overhead_s,
        }

    @hookimpl(wrapper=True)
    def fit(self, trainer: Trainer) -> Iterator[None]:
        """Open the run, and close it with the status that fits how training ended."""
        since = time.perf_counter()
        self._open(trainer)
        self.start_s = time.perf_counter() - since
        status = "FAILED"
        try:
            result = yield
            status = "FINISHED"
            return result
        except (KeyboardInterrupt, SystemExit):
            status = "KILLED"
            raise
        finally:
            with explained(self.uri):
                self.client.set_terminated(self.run_id, status)

    @hookimpl
    def epoch_ended(self, trainer: Trainer) -> None:
        """Log the epoch's metrics in one call."""
        with self._timed():
            self._log_epochs(trainer, [trainer.epoch])

    @hookimpl(trylast=True)
    def tested(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Log the summary, the pictures and the model."""
        with self._timed():
            headline = self.assembly.experiment.headline
            ordered = {headline: metrics[headline]} if headline in metrics else {}
            ordered |= metrics | {"model/n_params": self.assembly.module.size}
            ordered |= {"time/train_s": trainer.seconds}
            self._log_metrics([(name, value, 0) for name, value in ordered.items()])
            self._log_files(trainer)
            self._log_model(trainer)
        self._log_metrics([("time/tracking_s", self.start_s + self.overhead_s, 0)])

    def _open(self, trainer: Trainer) -> None:
        a = self.assembly
        self.client = store.client(self.uri)
        self.experiment_id = store.dataset_experiment(self.client, self.uri, a.data.info, a.experiment.headline)
        with explained(self.uri):
            if run_id := tracked_id(self.folder):
                self.run_id = run_id
                self.client.update_run(run_id, status="RUNNING")
                for key, value in process_identity().items():
                    self.client.set_tag(run_id, key, value)
                logged = {m.step for m in self.client.get_metric_history(run_id, "train/loss")}
                self._log_epochs(trainer, [e for e in range(1, len(trainer.history) + 1) if e not in logged])
                return
            run_name = f"{a.architecture.name}-s{a.experiment.seed}"
            run = self.client.create_run(self.experiment_id, tags=_tags(a, self.folder) | self.tags, run_name=run_name)
            self.run_id = run.info.run_id
            write_json(self.folder.tracking, {"uri": self.uri, "run_id": self.run_id})
            self._log_params()
            self._log_data()

    def _log_params(self) -> None:
        from mlflow.entities import Param

        params = {key: str(value)[:PARAM_LIMIT] for key, value in flat_params(self.assembly).items()}
        self.client.log_batch(self.run_id, params=[Param(key, value) for key, value in params.items()])

    def _log_data(self) -> None:
        from mlflow.data.http_dataset_source import HTTPDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        info = self.assembly.data.info
        source: Any = HTTPDatasetSource(info.url)  # type: ignore[no-untyped-call]
        data: Any = MetaDataset(source, name=info.name)  # type: ignore[abstract]
        tags = [InputTag("mlflow.data.context", "training")]
        self.client.log_inputs(self.run_id, datasets=[DatasetInput(data._to_mlflow_entity(), tags)])

    def _log_epochs(self, trainer: Trainer, epochs: list[int]) -> None:
        self._log_metrics(
            [
                (name, value, epoch)
                for epoch in epochs
                for name, value in trainer.history[epoch - 1].items()
                if not name.startswith("time/")  # a summary, logged at step 0
            ]
        )

    def _log_metrics(self, values: list[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = now_ms()
        metrics = [Metric(name, float(value), now, step) for name, value, step in values]
        with explained(self.uri):
            for start in range(0, len(metrics), 1000):
                self.client.log_batch(self.run_id, metrics=metrics[start : start + 1000])

    def _log_files(self, trainer: Trainer) -> None:
        from PIL import Image

        with explained(self.uri):
            self.client.log_artifact(self.run_id, str(self.folder.experiment))
            for path in sorted(self.folder.figures.glob("*.png")):
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGB"))
                self.client.log_image(self.run_id, pixels, key=path.stem, step=trainer.epoch, synchronous=True)
                self.client.log_artifact(self.run_id, str(path), "figures")

    def _log_model(self, trainer: Trainer) -> None:
        inputs = self.assembly.data.test[0][:2]
        outputs = self.assembly.module.predict(inputs)  # type: ignore[attr-defined]
        with explained(self.uri), store.chosen(self.uri) as mlflow, mlflow.start_run(run_id=self.run_id):
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(SERVED),
                artifacts={"model": str(self.folder.model)},
                pip_requirements=[f"neuralzoo=={__version__}", f"numpy=={np.__version__}"],
                signature=mlflow.models.infer_signature(inputs, outputs),
                input_example=inputs,
                step=trainer.epoch,
            )

    @contextmanager
    def _timed(self) -> Iterator[None]:
        since = time.perf_counter()
        try:
            yield
        finally:
            self.overhead_s += time.perf_counter() - since


def flat_params(a: Assembly) -> dict[str, Any]:
    """Return what decides a run as flat names: common ones first, then `model.*`."""
    e = a.experiment
    params: dict[str, Any] = {
        "arch": e.architecture,
        "batch_size": e.batch_size,
        "dataset": e.dataset,
        "epochs": e.epochs,
        "lr": e.optimizer.lr,
        "optimizer": e.optimizer.name,
        "schedule": e.optimizer.schedule.name,
        "seed": e.seed,
        "validation": round(e.validation, 6),
    }
    return params | {f"model.{key}": value for key, value in a.config.model_dump(mode="json").items()}


def _tags(a: Assembly, folder: RunFolder) -> dict[str, str]:
    short = a.experiment.architecture.rpartition(":")[2]
    plugin = [entry.origin for entry in entries().get(short, [])]
    tags = {
        "mlflow.runColor": store.colour(a.architecture.name),
        "mlflow.note.content": f"**{a.architecture.name}** on {a.data.info.name}: {a.architecture.summary}.\n\n"
        f"{a.architecture.citation}, {a.architecture.url}",
        "mlflow.source.name": "neuralzoo run",
        "mlflow.user": getpass.getuser(),
        "neuralzoo.version": __version__,
        "neuralzoo.plugin": " or ".join(plugin),
        "neuralzoo.folder": str(folder.path.absolute()),
        "seed": str(a.experiment.seed),
    }
    if commit := git_commit():
        tags["mlflow.source.git.commit"] = commit
    return tags | process_identity()


def git_commit() -> str | None:
    """Return the commit of the checkout that neuralzoo runs from, with a plus for changes; nothing for a wheel."""
    room = Path(os.path.realpath(__file__)).parent.parent
    if not (room / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(room)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed.stdout.strip() else "")
