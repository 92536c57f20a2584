"""Logging a run to MLflow: a trainer hook."""

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running.assembly import Assembly
from neuralzoo.experiments.running.baseline import worse_than_constant
from neuralzoo.experiments.running.run_folder import RunFolder, Tracking, tracked_id
from neuralzoo.experiments.running.signals import end_status, signals_deferred
from neuralzoo.experiments.tracking import store
from neuralzoo.experiments.tracking.address import TrackingError, redacted, without_secrets
from neuralzoo.experiments.tracking.client import (
    as_tracking_error,
    connect,
    now_ms,
    retry_conflicts,
    use_tracking_uri,
    without_retries,
)
from neuralzoo.experiments.tracking.model_logging import log_model
from neuralzoo.experiments.tracking.names import (
    EXPERIMENT_LIMIT,
    NAME_LIMIT,
    PARAM_LIMIT,
    REFUSED_IN_IMAGES,
    TAG_LIMIT,
    AcceptedNames,
    shortened,
)
from neuralzoo.experiments.tracking.params import flat_params, run_tags

if TYPE_CHECKING:
    from neuralzoo.experiments.running.figures import FigureWriter

METRICS_PER_CALL = 1000
PARAMS_PER_CALL = 100
OUTAGE_RETRY_S = 30.0
PARENT = "mlflow.parentRunId"
WORSE_TAG = "neuralzoo.worse_than_constant"
TIME_PER_COST = 100.0  # seconds of training between two writes for each second that the first took
LOGGED_IMAGE = re.compile(r"images/(.+?)[+%]step[+%](\d+)[+%]")


class TrackingWarning(UserWarning):
    """The store failed during a run; training continues, and what is missing is logged later."""


class RunLogger:
    """A trainer hook that logs one run: parameters, dataset, metrics by epoch, summary, figures, model, final status.

    An epoch is logged after its checkpoint, so that the store is never ahead of a resumed run. Epochs are logged
    together where one by one they would take more than a hundredth of the time. When the store fails, training goes
    on (in a run group also where it fails to open the run): what is missing is in the run's folder, and logged when the
    store is back, at the end, or when the run is resumed; nothing is logged twice. The cost is measured: opening,
    epochs, the end, and, apart from these, the figures: drawing all of them, and logging those of epochs.
    """

    def __init__(
        self,
        assembly: Assembly,
        folder: RunFolder,
        uri: str,
        tags: Mapping[str, str],
        figures: "FigureWriter | None" = None,
    ) -> None:
        self.assembly = assembly
        self.folder = folder
        self.uri = uri
        self.tags = dict(tags)
        self.figures = figures
        self.seconds = {"start_s": 0.0, "overhead_s": 0.0, "end_s": 0.0, "figures_s": 0.0}
        self.experiment_id = ""
        self.run_id = ""
        self.logged_metrics: set[tuple[str, int]] = set()  # names and steps that an earlier session logged
        self.logged_figures: set[tuple[str, int]] = set()  # names and steps
        self.epochs = 0  # logged in this session
        self.finished_epochs = self.logged_epochs = 0
        self.next_write = 0.0
        self.names = AcceptedNames()
        self.is_open = False
        self.outage = False
        self.summarized = False

    def summary(self) -> dict[str, Any]:
        """Return the run's URI and ids, and the seconds that tracking took: to open, for `epochs`, at the end."""
        ids = {"uri": without_secrets(self.uri), "experiment_id": self.experiment_id, "run_id": self.run_id}
        return ids | self.seconds | {"figures_s": self._figures_s, "epochs": self.epochs}

    @property
    def _figures_s(self) -> float:
        return self.seconds["figures_s"] + (self.figures.seconds if self.figures is not None else 0.0)

    @hookimpl(wrapper=True)
    def fit(self, trainer: Trainer) -> Iterator[None]:
        """Open the run, and close it as FINISHED, FAILED or KILLED."""
        try:
            with self._timed("start_s"):
                self._open(trainer)
        except BaseException as error:
            if not (isinstance(error, TrackingError) and PARENT in self.tags):
                self._close(error)
                raise
            self._report_outage(error)  # the store was there when the parent run began, and may come back
        try:
            result = yield
            self._attempt(trainer, self._finish)
            if self.outage:
                hint = self.folder.resume_hint.replace("resumes it", "logs the rest")
                warnings.warn(f"the run is finished, but not completely logged; {hint}", TrackingWarning, 2)
            self._record(pending=self.outage)
            return result
        except BaseException as error:
            if not self.outage:
                self._attempt(trainer, self._log_pending)  # what fails is logged when the run is resumed
            self._close(error)
            raise

    @hookimpl(wrapper=True)
    def epoch_ended(self, trainer: Trainer) -> Iterator[None]:
        """Log the metrics of finished epochs in one call, after the checkpoint, if it is time."""
        result = yield
        self.finished_epochs = trainer.epoch
        if time.perf_counter() >= self.next_write:
            self._attempt(trainer, self._log_pending)
        return result

    @hookimpl(trylast=True)
    def test_ended(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Log the summary, the figures and the model."""
        self._attempt(trainer, self._summarize)

    def _summarize(self, trainer: Trainer) -> None:
        metrics = trainer.test_metrics
        self._log_pending(trainer)
        with self._timed("end_s"):
            primary_metric = self.assembly.experiment.primary_metric
            ordered = {primary_metric: metrics[primary_metric]} if primary_metric in metrics else {}
            ordered |= metrics | {"model/n_params": self.assembly.module.num_parameters}
            ordered |= {"time/train_s": trainer.seconds}
            self._log_metrics([(name, value, 0) for name, value in ordered.items()])
            if worse := worse_than_constant(self.assembly, metrics, trainer.step):
                retry_conflicts(self.uri, self.client.set_tag, self.run_id, WORSE_TAG, ", ".join(worse))
            self._log_files(trainer)
            self._log_model(trainer)
        costs = {
            "time/tracking_s": self.seconds["overhead_s"],
            "time/tracking_start_s": self.seconds["start_s"],
            "time/tracking_end_s": self.seconds["end_s"],
            "time/figures_s": self._figures_s,
        }
        self._log_metrics([(name, value, 0) for name, value in costs.items()])
        self.summarized = True

    def _finish(self, trainer: Trainer) -> None:
        if not self.summarized and trainer.test_metrics:
            self._summarize(trainer)
        self._log_pending(trainer)
        retry_conflicts(self.uri, self.client.set_terminated, self.run_id, "FINISHED")

    def _attempt(self, trainer: Trainer, log: Callable[[Trainer], None]) -> None:
        """Log something; when the store or a file fails, training is worth more, and goes on."""
        since = time.perf_counter()
        try:
            if self.outage:
                with without_retries():
                    if not self.is_open:
                        self._open(trainer)
                    self._read_logged()  # a request that failed may have been carried out
                    self._log_metrics(_by_epoch(trainer, 0, self.logged_epochs))
            log(trainer)
        except (TrackingError, OSError) as error:
            now = time.perf_counter()
            self.next_write = now + max(OUTAGE_RETRY_S, TIME_PER_COST * (now - since))
            self._report_outage(error)
        else:
            self.outage = False

    def _report_outage(self, error: Exception) -> None:
        if not self.outage:
            reason = redacted(" ".join(str(error).split()))
            text = f"{reason}; training is not affected, and what is missing is logged when the store can be used"
            warnings.warn(text, TrackingWarning, stacklevel=2)
        self.outage = True

    def _record(self, pending: bool = False) -> None:
        """Write to the run's folder where it is tracked, and whether something is still to be logged."""
        Tracking(uri=without_secrets(self.uri), run_id=self.run_id or None, pending=pending).save(self.folder.tracking)

    def _open(self, trainer: Trainer) -> None:
        a = self.assembly
        if not self.folder.tracking.exists():  # a resumed run uses this store, even if it can't be opened now
            self._record()
        self.client = connect(self.uri)
        info = replace(a.data.info, task=a.data.task)
        self.experiment_id = store.dataset_experiment(self.client, self.uri, info, a.experiment)
        params = {self.names[key]: shortened(str(value), PARAM_LIMIT) for key, value in flat_params(a).items()}
        run_id = tracked_id(self.folder)
        self.run_id = run_id or ""  # to be closed, if a signal comes once it is reopened
        run: Any = store.reopen(self.client, self.uri, run_id) if run_id else None
        if run is not None and any(run.data.params.get(key, value) != value for key, value in params.items()):
            store.close_run(self.client, self.uri, self.run_id, "KILLED")  # of other settings
            run = None
        if run is None:
            run_name = f"{self.tags.get('neuralzoo.candidate', a.architecture.name)}-s{a.experiment.seed}"
            tags = {key: shortened(text, TAG_LIMIT) for key, text in (run_tags(a, self.folder) | self.tags).items()}
            with signals_deferred():  # a run that is missing in the folder would never be closed
                name = shortened(run_name, NAME_LIMIT)
                run = retry_conflicts(self.uri, self.client.create_run, self.experiment_id, tags=tags, run_name=name)
                self.run_id = run.info.run_id
                self._record()
        self.run_id = run.info.run_id
        self._log_params({key: value for key, value in params.items() if key not in run.data.params})
        if not run.inputs.dataset_inputs:
            self._log_data()
        if run_id:
            self._read_logged()
        self._log_metrics(_by_epoch(trainer, 0, trainer.epoch))
        self.finished_epochs = self.logged_epochs = trainer.epoch
        self.is_open = True

    def _read_logged(self) -> None:
        """Read from the store which metrics and images it has."""
        with as_tracking_error(self.uri):
            images = self.client.list_artifacts(self.run_id, "images")
            self.logged_figures = {(m[1], int(m[2])) for item in images if (m := LOGGED_IMAGE.match(item.path))}
            for name in self.client.get_run(self.run_id).data.metrics:
                self.logged_metrics |= {(name, m.step) for m in self.client.get_metric_history(self.run_id, name)}

    def _log_params(self, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        listed = [Param(key, value) for key, value in params.items()]
        for start in range(0, len(listed), PARAMS_PER_CALL):
            part = listed[start : start + PARAMS_PER_CALL]
            retry_conflicts(self.uri, self.client.log_batch, self.run_id, params=part)

    def _log_data(self) -> None:
        from mlflow.data.http_dataset_source import HTTPDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        info = self.assembly.data.info
        source: Any = HTTPDatasetSource(info.url)  # type: ignore[no-untyped-call]
        name = shortened(info.name, EXPERIMENT_LIMIT)
        data: Any = MetaDataset(source, name=name, digest=self.assembly.digest)  # type: ignore[abstract]
        inputs = [DatasetInput(data._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")])]
        retry_conflicts(self.uri, self.client.log_inputs, self.run_id, datasets=inputs)

    def _log_pending(self, trainer: Trainer) -> None:
        since = time.perf_counter()
        with self._timed("overhead_s"):
            self._log_metrics(_by_epoch(trainer, self.logged_epochs, self.finished_epochs))
        self.epochs += self.finished_epochs - self.logged_epochs
        self.logged_epochs = self.finished_epochs
        now = time.perf_counter()
        self.next_write = now + TIME_PER_COST * (now - since)
        with self._timed("figures_s"):
            self._log_epoch_figures()

    def _close(self, reason: BaseException) -> None:
        if self.run_id:
            store.close_run(self.client, self.uri, self.run_id, end_status(reason))

    def _log_metrics(self, values: list[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = now_ms()
        named = [(self.names[name], float(value), step) for name, value, step in values]
        new = [Metric(name, value, now, step) for name, value, step in named if (name, step) not in self.logged_metrics]
        for start in range(0, len(new), METRICS_PER_CALL):
            retry_conflicts(self.uri, self.client.log_batch, self.run_id, metrics=new[start : start + METRICS_PER_CALL])

    def _log_files(self, trainer: Trainer) -> None:
        with as_tracking_error(self.uri):
            self.client.log_artifact(self.run_id, str(self.folder.experiment))
            for path in sorted(self.folder.figures.glob("*.png")):
                self.client.log_artifact(self.run_id, str(path), "figures")
                self._log_image(path, path.stem, trainer.epoch)

    def _log_epoch_figures(self) -> None:
        """Log the figures of finished epochs; the UI shows those of one name with a slider."""
        for path in sorted(self.folder.figures.glob("*/epoch-*.png")):
            name, epoch = path.parent.name, int(path.stem.rpartition("-")[2])
            if epoch <= self.finished_epochs and (name, epoch) not in self.logged_figures:
                with as_tracking_error(self.uri):
                    self.client.log_artifact(self.run_id, str(path), f"figures/{name}")
                    self._log_image(path, name, epoch)

    def _log_image(self, path: Path, name: str, step: int) -> None:
        from PIL import Image

        name = REFUSED_IN_IMAGES.sub("_", name)
        if (name, step) in self.logged_figures:
            return  # each call would add another file
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self.client.log_image(self.run_id, pixels, key=name, step=step, synchronous=True)
        self.logged_figures.add((name, step))

    def _log_model(self, trainer: Trainer) -> None:
        a = self.assembly
        with as_tracking_error(self.uri), use_tracking_uri(self.uri) as mlflow:
            earlier = self.client.search_logged_models([self.experiment_id], f"source_run_id = '{self.run_id}'")
            if any(str(model.status) == "READY" for model in earlier):
                return
            for incomplete in earlier:
                self.client.delete_logged_model(incomplete.model_id)
            run = self.client.get_run(self.run_id)
            log_model(mlflow, run, a.module, a.data, self.folder.model, trainer.epoch)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        since = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - since


def _by_epoch(trainer: Trainer, first: int, last: int) -> list[tuple[str, float, int]]:
    """Return the metrics of epochs first + 1 to last as (name, value, step); times belong to the summary, at step 0."""
    return [
        (name, value, epoch + 1)
        for epoch in range(first, last)
        for name, value in trainer.history[epoch].items()
        if not name.startswith("time/")
    ]
