"""Running an experiment: assemble, train, test once, keep what came out."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import create_model

from neuralzoo.core.blocks.stopping import Until
from neuralzoo.core.checkpoint import Checkpoints, load_checkpoint
from neuralzoo.core.hooks import hookimpl
from neuralzoo.core.learner import Metrics
from neuralzoo.core.module import Module
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments.datasets import DataError, DataSet
from neuralzoo.experiments.running import run_folder as folders
from neuralzoo.experiments.running.assembly import Assembly, assemble
from neuralzoo.experiments.running.model_file import save_model
from neuralzoo.experiments.running.plugin_hooks import guests
from neuralzoo.experiments.running.run_folder import RUNS, RunFolder
from neuralzoo.experiments.running.signals import terminated_by_exception
from neuralzoo.registry import Experiment, SettingError, get
from neuralzoo.registry.config import Settings, parse
from neuralzoo.registry.errors import ZooError, nearest

TRACKING = {"mlflow": "MLflow", "psutil": "psutil", "PIL": "pillow"}


@dataclass(frozen=True)
class Result:
    """What came out of a run."""

    experiment: Experiment
    folder: RunFolder
    module: Module
    history: list[Metrics]
    metrics: Metrics
    seconds: float
    tracked: "dict[str, Any]"
    """Where the run can be seen: uri, experiment_id, run_id and overhead_s; empty if it was not tracked."""


class Products:
    """A trainer hook that writes the model when training is done, before anybody shows or sends it."""

    def __init__(self, assembly: Assembly, folder: RunFolder) -> None:
        self.assembly = assembly
        self.folder = folder

    @hookimpl(tryfirst=True)
    def tested(self) -> None:
        """Write the model file."""
        a = self.assembly
        save_model(self.folder.model, a.module, a.architecture.name, a.experiment.model, a.data.task)


def reference(name: str, profile: str = "quick") -> Experiment:
    """Return the reference experiment of an architecture.

    Raises: UnknownName, Clash or BrokenPlugin for the name; SettingError when it has no such profile.
    """
    architecture = get(name)
    if profile not in architecture.experiments:
        known = list(architecture.experiments)
        raise SettingError(f"{name} got profile {profile!r}; it has {', '.join(known)}{nearest(profile, known)}")
    return architecture.experiments[profile].model_copy(update={"architecture": name})


def experiment_of(what: Experiment | str | Path, profile: str | None = None) -> Experiment:
    """Return an experiment, read from a TOML file, or the reference experiment of an architecture.

    Raises: the errors of `reference`; SettingError for a file that is wrong, or for a profile beside an experiment.
    """
    if not isinstance(what, Experiment) and Path(what).suffix.lower() != ".toml":
        return reference(str(what), profile or "quick")
    if profile is not None:
        told = what.architecture if isinstance(what, Experiment) else what
        raise SettingError(f"{told} got profile {profile!r} too; an experiment has no profiles, it needs none")
    return what if isinstance(what, Experiment) else Experiment.from_file(what)


def prepare(experiment: Experiment) -> Assembly:
    """Assemble an experiment and see to it that it can be judged in the end.

    Raises: the errors of `assemble`; DataError when its data are not finite; SettingError when its examples can't be
    evaluated with its settings, or when its headline, or what ends it, is no metric that evaluation gives.
    """
    architecture = get(experiment.architecture)
    named = create_model("Named", __base__=Settings, model=(architecture.config, ...))  # for keys as people write them
    parse(named, {"model": experiment.model}, architecture.name)
    assembly = assemble(experiment)
    check_finite(assembly.data)
    held_out = assembly.validation or assembly.train  # never the test split, which is looked at once
    try:
        measured = assembly.learner.evaluate(tuple(array[:8] for array in held_out.arrays))
    except ValueError as error:
        raise SettingError(f"{architecture.name} can't learn {experiment.dataset}: {error}") from error
    splits = ("test", "val", "train") if assembly.validation is not None else ("test", "train")
    known = [f"{split}/{name}" for split in splits for name in measured]
    asked = [("headline", experiment.headline, known)]
    if experiment.goal is not None:
        asked.append(("until", experiment.goal[0], [name for name in known if not name.startswith("test/")]))
    for key, metric, there in asked:
        if metric not in there:
            raise SettingError(
                f"{architecture.name} on {experiment.dataset} got {key}={metric!r}; "
                f"it has {', '.join(there)}{nearest(metric, there)}"
            )
    return assembly


def check_finite(data: DataSet) -> None:
    """Make sure that all numbers of a data set are numbers: one that is not spoils everything it touches.

    Raises: DataError with the split and how many of its examples are not finite.
    """
    splits = {"train": data.train, "validation": data.validation or (), "test": data.test, **data.tests}
    for split, arrays in splits.items():
        numbers = [array for array in arrays if array.dtype.kind == "f"]
        if all(np.isfinite(array.min()) and np.isfinite(array.max()) for array in numbers if array.size):
            continue
        finite = [np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in numbers]
        bad = np.count_nonzero(~np.logical_and.reduce(finite))
        raise DataError(
            f"data set {data.name} has {bad} of {len(arrays[0])} examples in its {split} split with numbers that are "
            "NaN or infinite; training needs finite ones"
        )


def run(
    experiment: Experiment | str | Path,
    *,
    profile: str | None = None,
    track: bool | None = None,
    tracking_uri: str | None = None,
    root: Path = RUNS,
    hooks: Sequence[Any] = (),
) -> Result:
    """Run an experiment, one from a TOML file, or the reference experiment of an architecture, in a new run folder.

    `track=None` logs to MLflow if it is installed. Raises: the errors of `prepare`; SettingError when tracking is
    asked for and not installed; TrackingError when its store can't be used; Diverged when training leaves the finite
    numbers. A run that fails keeps its folder, one that can't start leaves none.
    """
    experiment = experiment_of(experiment, profile)
    uri = store_for(track, tracking_uri)
    assembly = prepare(experiment)
    folder = folders.create(experiment, root, uri)
    try:
        return train(assembly, folder, uri, hooks)
    except (ZooError, ImportError):
        if not folder.checkpoint.exists():
            folders.remove(folder.path)
        raise


def resume(run: str, *, root: Path = RUNS, hooks: Sequence[Any] = ()) -> Result:
    """Go on with a run that was cut off, as if nothing had happened, and where it was tracked.

    Raises: SettingError when there is no such run or it is finished; CheckpointError when its checkpoint is
    damaged.
    """
    folder = unfinished(run, root)
    assembly = prepare(Experiment.from_file(folder.experiment))
    return train(assembly, folder, folders.read_json(folder.tracking).get("uri"), hooks)


def unfinished(run: str, root: Path = RUNS) -> RunFolder:
    """Return the folder of a run that was cut off.

    Raises: SettingError when there is no such run or it is finished.
    """
    folder = folders.find(run, root)
    if folder.result.exists():
        raise SettingError(f"{folder.name} is finished; resuming needs a run that was cut off")
    return folder


def train(
    assembly: Assembly,
    folder: RunFolder,
    uri: str | None,
    hooks: Sequence[Any] = (),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """Train what is assembled in a run folder, from its checkpoint if it has one; `tags` are for the record.

    Raises: SettingError when another process trains it. What stops it (Ctrl-C, SIGTERM) has a note on how to go on.
    """
    with folder.locked(), _way_on_noted(folder):
        return _train(assembly, folder, uri, hooks, tags)


def _train(
    assembly: Assembly, folder: RunFolder, uri: str | None, hooks: Sequence[Any], tags: Mapping[str, str]
) -> Result:
    observers: list[Any] = [
        *hooks,
        *guests(assembly.hooks, assembly.experiment, folder.path),
        Products(assembly, folder),
        Checkpoints(folder.checkpoint, assembly.about),
    ]
    pictures = tracking = None
    if find_spec("matplotlib"):
        from neuralzoo.experiments.running.figures import Pictures

        observers.append(pictures := Pictures(assembly, folder.figures))
    if uri is not None:
        from neuralzoo.experiments.tracking.run_logger import Tracking

        observers.append(tracking := Tracking(assembly, folder, uri, tags, pictures))
    experiment = assembly.experiment
    if experiment.goal is not None:
        metric, sign, bound = experiment.goal
        observers.append(Until(metric, at_least=bound) if sign == ">=" else Until(metric, at_most=bound))
    trainer = Trainer(assembly.learner, epochs=experiment.epochs, seed=experiment.seed, hooks=observers)
    if folder.checkpoint.exists():
        load_checkpoint(folder.checkpoint, trainer, assembly.about)
    since = time.perf_counter()
    with terminated_by_exception(), folder.disk_failures_told():
        trainer.run(assembly.train, assembly.validation, assembly.test)
        seconds = time.perf_counter() - since
        metrics = (trainer.history[-1] if trainer.history else {}) | trainer.test_metrics
        metrics |= {"model/n_params": assembly.module.size, "time/epochs": trainer.epoch}
        outcome = {"metrics": metrics, "steps": trainer.step, "seconds": seconds, "history": trainer.history}
        folders.write_json(folder.result, outcome)
    tracked = tracking.summary() if tracking is not None else {}
    return Result(experiment, folder, assembly.module, trainer.history, metrics, seconds, tracked)


def store_for(track: bool | None, uri: str | None) -> str | None:
    """Return the store to log to, None for no tracking.

    Raises: SettingError when tracking is asked for and MLflow is not installed; TrackingError for an address that is
    none.
    """
    if track is False:
        return None
    if missing := missing_for_tracking():
        if track or uri:
            raise SettingError(f"tracking needs {missing}, not installed here; pip install 'neuralzoo[experiments]'")
        return None
    from neuralzoo.experiments.tracking.client import check_address, default_uri

    uri = uri or default_uri()
    check_address(uri)
    return uri


def missing_for_tracking() -> str:
    """Return which packages tracking lacks, as text."""
    return " and ".join(name for module, name in TRACKING.items() if find_spec(module) is None)


@contextmanager
def _way_on_noted(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        error.add_note(folder.how_to_go_on)
        raise
