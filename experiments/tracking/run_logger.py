"""Logging a run to MLflow: a hook object that the trainer calls."""

import getpass
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuralzoo import __version__
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running.assembly import Assembly
from neuralzoo.experiments.running.run_folder import RunFolder, now_ms, tracked_id, write_json
from neuralzoo.experiments.running.signals import uninterrupted
from neuralzoo.experiments.tracking import store
from neuralzoo.experiments.tracking.model_logging import log_model
from neuralzoo.experiments.tracking.store import TrackingError, default_uri, explained, process_identity
from neuralzoo.registry import entries

if TYPE_CHECKING:
    from neuralzoo.experiments.running.figures import Pictures

__all__ = ["Tracking", "default_uri"]

PARAM_LIMIT = 6000
LOGGED_IMAGE = re.compile(r"images/(.+?)[+%]step[+%](\d+)[+%]")


class Tracking:
    """Logs one run: parameters, data set, metrics by epoch, summary, pictures, model, and how it ended.

    An epoch is logged after its checkpoint, so that the store never knows more than a run that goes on. Epochs
    wait for each other where writing them one by one would take more than a hundredth of the time. When the
    store is gone, training ends with what is kept and how to go on; a run that goes on logs all that is missing
    and nothing twice. What it costs is measured: opening, epochs, what is logged at the end, and, apart from these,
    the pictures: drawing all of them, and logging those that are drawn while training goes on.
    """

    def __init__(
        self,
        assembly: Assembly,
        folder: RunFolder,
        uri: str,
        tags: Mapping[str, str],
        pictures: "Pictures | None" = None,
    ) -> None:
        self.assembly = assembly
        self.folder = folder
        self.uri = uri
        self.tags = dict(tags)
        self.pictures = pictures
        self.seconds = {"start_s": 0.0, "overhead_s": 0.0, "end_s": 0.0, "pictures_s": 0.0}
        self.experiment_id = ""
        self.run_id = ""
        self.known: set[tuple[str, int]] = set()  # metrics and steps that the store has from an earlier sitting
        self.pictured: set[tuple[str, int]] = set()  # pictures and steps that the store has
        self.epochs = 0  # that were logged in this sitting
        self.finished = self.logged = 0
        self.next_write = 0.0

    def summary(self) -> dict[str, Any]:
        """Return where the run can be seen and what tracking took: seconds to open, for `epochs`, at the end."""
        where = {"uri": self.uri, "experiment_id": self.experiment_id, "run_id": self.run_id}
        return where | self.seconds | {"pictures_s": self._pictures_s, "epochs": self.epochs}

    @property
    def _pictures_s(self) -> float:
        return self.seconds["pictures_s"] + (self.pictures.seconds if self.pictures is not None else 0.0)

    @hookimpl(wrapper=True)
    def fit(self, trainer: Trainer) -> Iterator[None]:
        """Open the run, and close it with the status that fits how training ended."""
        try:
            with self._timed("start_s"):
                self._open(trainer)
        except BaseException as error:
            self._abandon(error)
            raise
        try:
            result = yield
            self._log_pending(trainer)
            store.attempt(self.uri, self.client.set_terminated, self.run_id, "FINISHED")
            return result
        except TrackingError as error:
            self._abandon(error)
            raise TrackingError(f"{error}; {self._how_to_go_on(trainer)}") from error
        except BaseException as error:
            self._log_last(trainer)
            self._abandon(error)
            raise

    @hookimpl(wrapper=True)
    def epoch_ended(self, trainer: Trainer) -> Iterator[None]:
        """Log the epoch's metrics in one call, when the checkpoint is written and it is time."""
        result = yield
        self.finished = trainer.epoch
        if time.perf_counter() >= self.next_write:
            self._log_pending(trainer)
        return result

    @hookimpl(trylast=True)
    def tested(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Log the summary, the pictures and the model."""
        self._log_pending(trainer)
        with self._timed("end_s"):
            headline = self.assembly.experiment.headline
            ordered = {headline: metrics[headline]} if headline in metrics else {}
            ordered |= metrics | {"model/n_params": self.assembly.module.size}
            ordered |= {"time/train_s": trainer.seconds}
            self._log_metrics([(name, value, 0) for name, value in ordered.items()])
            self._log_files(trainer)
            self._log_model(trainer)
        costs = {
            "time/tracking_s": self.seconds["overhead_s"],
            "time/tracking_start_s": self.seconds["start_s"],
            "time/tracking_end_s": self.seconds["end_s"],
            "time/pictures_s": self._pictures_s,
        }
        self._log_metrics([(name, value, 0) for name, value in costs.items()])

    def _open(self, trainer: Trainer) -> None:
        a = self.assembly
        if not self.folder.tracking.exists():  # a run that goes on asks this store, even if it does not open now
            write_json(self.folder.tracking, {"uri": self.uri})
        self.client = store.client(self.uri)
        asked = replace(a.data.info, task=a.data.task)
        self.experiment_id = store.dataset_experiment(self.client, self.uri, asked, a.experiment.headline)
        params = {key: str(value)[:PARAM_LIMIT] for key, value in flat_params(a).items()}
        run_id = tracked_id(self.folder)
        run: Any = store.reopen(self.client, self.uri, run_id) if run_id else None
        if run is None or any(run.data.params.get(key, value) != value for key, value in params.items()):
            run_name = f"{self.tags.get('neuralzoo.label', a.architecture.name)}-s{a.experiment.seed}"
            tags = _tags(a, self.folder) | self.tags
            with uninterrupted():  # a run that the folder does not know stays open for ever
                run = store.attempt(self.uri, self.client.create_run, self.experiment_id, tags=tags, run_name=run_name)
                write_json(self.folder.tracking, {"uri": self.uri, "run_id": run.info.run_id})
                self.run_id = run.info.run_id
        self.run_id = run.info.run_id
        self._log_params({key: value for key, value in params.items() if key not in run.data.params})
        if not run.inputs.dataset_inputs:
            self._log_data()
        with explained(self.uri):
            images = self.client.list_artifacts(self.run_id, "images") if run_id else []
            self.pictured = {(m[1], int(m[2])) for item in images if (m := LOGGED_IMAGE.match(item.path))}
            for name in run.data.metrics:
                self.known |= {(name, m.step) for m in self.client.get_metric_history(self.run_id, name)}
        self._log_metrics(_by_epoch(trainer, 0, trainer.epoch))
        self.finished = self.logged = trainer.epoch

    def _log_params(self, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        if params:
            listed = [Param(key, value) for key, value in params.items()]
            store.attempt(self.uri, self.client.log_batch, self.run_id, params=listed)

    def _log_data(self) -> None:
        from mlflow.data.http_dataset_source import HTTPDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        info = self.assembly.data.info
        source: Any = HTTPDatasetSource(info.url)  # type: ignore[no-untyped-call]
        data: Any = MetaDataset(source, name=info.name)  # type: ignore[abstract]
        inputs = [DatasetInput(data._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")])]
        store.attempt(self.uri, self.client.log_inputs, self.run_id, datasets=inputs)

    def _log_pending(self, trainer: Trainer) -> None:
        since = time.perf_counter()
        with self._timed("overhead_s"):
            self._log_metrics(_by_epoch(trainer, self.logged, self.finished))
        self.epochs += self.finished - self.logged
        self.logged = self.finished
        now = time.perf_counter()
        self.next_write = now + 100 * (now - since)
        with self._timed("pictures_s"):
            self._log_epoch_pictures()

    def _abandon(self, reason: BaseException) -> None:
        if self.run_id:
            status = "KILLED" if isinstance(reason, KeyboardInterrupt | SystemExit) else "FAILED"
            store.abandon(self.client, self.uri, self.run_id, status)

    def _log_last(self, trainer: Trainer) -> None:
        """Log what is pending of a run that ends early: one that goes on logs it anyway."""
        with suppress(TrackingError):
            self._log_pending(trainer)

    def _log_metrics(self, values: list[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = now_ms()
        new = [Metric(name, float(value), now, step) for name, value, step in values if (name, step) not in self.known]
        for start in range(0, len(new), 1000):
            store.attempt(self.uri, self.client.log_batch, self.run_id, metrics=new[start : start + 1000])

    def _log_files(self, trainer: Trainer) -> None:
        with explained(self.uri):
            self.client.log_artifact(self.run_id, str(self.folder.experiment))
            for path in sorted(self.folder.figures.glob("*.png")):
                self.client.log_artifact(self.run_id, str(path), "figures")
                self._log_image(path, path.stem, trainer.epoch)

    def _log_epoch_pictures(self) -> None:
        """Log the pictures that there are of finished epochs; the page shows those of one name with a slider."""
        for path in sorted(self.folder.figures.glob("*/epoch-*.png")):
            name, epoch = path.parent.name, int(path.stem.rpartition("-")[2])
            if epoch <= self.finished and (name, epoch) not in self.pictured:
                with explained(self.uri):
                    self.client.log_artifact(self.run_id, str(path), f"figures/{name}")
                    self._log_image(path, name, epoch)

    def _log_image(self, path: Path, name: str, step: int) -> None:
        from PIL import Image

        if (name, step) in self.pictured:
            return  # its file has a name of its own each time
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self.client.log_image(self.run_id, pixels, key=name, step=step, synchronous=True)
        self.pictured.add((name, step))

    def _log_model(self, trainer: Trainer) -> None:
        a = self.assembly
        with explained(self.uri), store.chosen(self.uri) as mlflow:
            earlier = self.client.search_logged_models([self.experiment_id], f"source_run_id = '{self.run_id}'")
            if any(str(model.status) == "READY" for model in earlier):
                return
            for half in earlier:
                self.client.delete_logged_model(half.model_id)
            with mlflow.start_run(run_id=self.run_id):
                log_model(mlflow, a.module, a.data, self.folder.model, trainer.epoch)

    def _how_to_go_on(self, trainer: Trainer) -> str:
        return f"{trainer.epoch} of {trainer.epochs} epochs are kept in {self.folder.path}; {self.folder.how_to_go_on}"

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        since = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - since


def _by_epoch(trainer: Trainer, first: int, last: int) -> list[tuple[str, float, int]]:
    """Return the metrics of epochs after the first and up to the last; times are a summary, logged at step 0."""
    return [
        (name, value, epoch + 1)
        for epoch in range(first, last)
        for name, value in trainer.history[epoch].items()
        if not name.startswith("time/")
    ]


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
    room = Path(os.path.realpath(__file__)).parents[2]
    if not (room / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(room)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed.stdout.strip() else "")
