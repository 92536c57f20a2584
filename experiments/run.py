"""Running an experiment: put the hooks of one run together, train, test once, save the result."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neuralzoo.core.checkpoint import Checkpoints, load_checkpoint
from neuralzoo.core.learner import MetricValues
from neuralzoo.core.module import Module
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.running import run_folder as folders
from neuralzoo.experiments.running.assembly import Assembly, stop_hooks
from neuralzoo.experiments.running.baseline import warn_if_worse_than_constant
from neuralzoo.experiments.running.metrics import warn_of_not_finite
from neuralzoo.experiments.running.plugin_hooks import isolated_hooks
from neuralzoo.experiments.running.preflight import changed, experiment_of, prepare
from neuralzoo.experiments.running.run_folder import RUNS, Result, RunFolder
from neuralzoo.experiments.running.save_model import SaveModel
from neuralzoo.experiments.running.signals import LostSignals, hint_if_interrupted, signals_as_exceptions
from neuralzoo.experiments.tracking.address import resolve_uri, resume_uri, without_secrets
from neuralzoo.registry import Experiment, ZooError
from neuralzoo.registry.config import path_of


@dataclass(frozen=True)
class RunResult:
    """The result of a run: the trained module, its metrics and its files."""

    experiment: Experiment
    folder: RunFolder
    module: Module
    history: list[MetricValues]
    metrics: MetricValues
    seconds: float
    tracked: "dict[str, Any]"
    """The tracked run: uri, experiment_id, run_id and overhead_s; empty without tracking."""


def run(
    experiment: Experiment | str | Path,
    *,
    profile: str | None = None,
    track: bool | None = None,
    tracking_uri: str | None = None,
    root: str | Path = RUNS,
    hooks: Sequence[Any] = (),
) -> RunResult:
    """Run an experiment, one from a TOML file, or the reference experiment of an architecture, in a new run folder.

    `track=None` logs to MLflow if it is installed. Raises: the errors of `prepare`; SettingError when tracking is
    requested and not installed; TrackingError when its store can't be used; DivergenceError when a loss is not
    finite. A run that fails keeps its folder, one that can't start leaves none.
    """
    root = path_of(root, "root")
    experiment = changed(experiment_of(experiment, profile))
    uri = resolve_uri(track, tracking_uri)
    assembly = prepare(experiment)
    folder = folders.create(experiment, root, None if uri is None else without_secrets(uri))
    try:
        return train(assembly, folder, uri, hooks)
    except (ZooError, ImportError):
        if not folder.checkpoint.exists():
            folders.remove(folder.path)
        raise


def resume(
    run: str,
    *,
    track: bool | None = None,
    tracking_uri: str | None = None,
    root: str | Path = RUNS,
    hooks: Sequence[Any] = (),
) -> RunResult:
    """Resume an interrupted run from its checkpoint, bit-identically, and in the store that it was tracked in.

    A store on another machine is contacted only if `tracking_uri` or MLFLOW_TRACKING_URI names it. A finished run
    that is not completely logged is logged.

    Raises: SettingError when there is no such run, it is finished, or its store has to be named; CheckpointError when
    its checkpoint is damaged; TrackingError when its store can't be used.
    """
    folder = folders.find_unfinished(run, path_of(root, "root"))
    with locked_for_training(folder):
        folders.find_unfinished(str(folder.path), folder.path.parent)  # another process may have finished it since
        recorded = folder.read_tracking().uri
        uri = resume_uri(recorded, track, tracking_uri)
        assembly = prepare(Experiment.from_file(folder.experiment))
        return train_locked(assembly, folder, uri, hooks)


def train(
    assembly: Assembly,
    folder: RunFolder,
    uri: str | None,
    hooks: Sequence[Any] = (),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> RunResult:
    """Train an assembly in a run folder, from its checkpoint if it has one; `tags` are those of the tracked run.

    Raises: SettingError when another process trains it; KeyboardInterrupt or Terminated with a resume hint as its note.
    """
    with locked_for_training(folder):
        return train_locked(assembly, folder, uri, hooks, tags)


@contextmanager
def locked_for_training(folder: RunFolder) -> Iterator[None]:
    """Lock a run folder, before anything in it is looked at, with a resume hint when the block is interrupted.

    Raises: SettingError when another process trains it.
    """
    with signals_as_exceptions(), hint_if_interrupted(lambda: folder.resume_hint), folder.locked():
        yield


def train_locked(
    assembly: Assembly,
    folder: RunFolder,
    uri: str | None,
    hooks: Sequence[Any] = (),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> RunResult:
    """Train as `train` does, within `locked_for_training`."""
    all_hooks: list[Any] = [
        LostSignals(),
        *hooks,
        *isolated_hooks(assembly.hooks, assembly.experiment, folder.path),
        SaveModel(assembly, folder),
        Checkpoints(folder.checkpoint, assembly.about),
    ]
    figures = run_logger = None
    if find_spec("matplotlib"):
        from neuralzoo.experiments.running.figures import FigureWriter

        all_hooks.append(figures := FigureWriter(assembly, folder.figures))
    if uri is not None:
        from neuralzoo.experiments.tracking.run_logger import RunLogger

        all_hooks.append(run_logger := RunLogger(assembly, folder, uri, tags, figures))
    experiment = assembly.experiment
    all_hooks += stop_hooks(experiment)
    trainer = Trainer(assembly.learner, epochs=experiment.epochs, seed=experiment.seed, hooks=all_hooks)
    if folder.checkpoint.exists():
        load_checkpoint(folder.checkpoint, trainer, assembly.about)
    since = time.perf_counter()
    with folder.report_disk_errors():
        trainer.run(assembly.train, assembly.validation, assembly.test)
        earlier = Result.load(folder.result)  # of a run that is only logged
        seconds = earlier.seconds if earlier is not None else time.perf_counter() - since
        metrics = (trainer.history[-1] if trainer.history else {}) | trainer.test_metrics
        warn_of_not_finite(metrics)
        worse = warn_if_worse_than_constant(assembly, metrics, trainer.step)
        metrics |= {"model/n_params": assembly.module.num_parameters, "time/epochs": trainer.epoch}
        Result(
            metrics=metrics,
            steps=trainer.step,
            seconds=seconds,
            history=trainer.history,
            worse_than_constant=worse,
        ).save(folder.result)
    tracked = run_logger.summary() if run_logger is not None else {}
    return RunResult(experiment, folder, assembly.module, trainer.history, metrics, seconds, tracked)
