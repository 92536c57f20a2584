"""Run groups: many runs under one parent run, each identified by a hash, so that none is trained twice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralzoo.core.learner import MetricValues
from neuralzoo.experiments.code_hash import code_hash, experiment_hash, fingerprint
from neuralzoo.experiments.run import locked_for_training, train_locked
from neuralzoo.experiments.running import run_folder as folders
from neuralzoo.experiments.running.assembly import load
from neuralzoo.experiments.running.files import write_text
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.experiments.running.preflight import prepare
from neuralzoo.experiments.running.run_folder import Result, RunFolder
from neuralzoo.experiments.running.signals import GOES_ON, end_status, hint_if_interrupted, signals_as_exceptions
from neuralzoo.experiments.running.time_budget import TimeBudget
from neuralzoo.registry import Experiment, SettingError
from neuralzoo.registry.dataset import digest

Evaluator = Callable[[Any, Any], float]


@dataclass(frozen=True)
class RunSpec:
    """One run of a group: a label and an experiment; label and seed name the run.

    `time_budget_from` is the label of an earlier run: its training time, with the same seed, is this one's budget.
    """

    label: str
    experiment: Experiment
    time_budget_from: str | None = None

    @property
    def name(self) -> str:
        """The name of the run folder."""
        return f"{self.label}-s{self.experiment.seed}"

    def key(self, data: str) -> str:
        """Return the hash of all that the result depends on: settings, code, and the data by their digest."""
        return fingerprint(experiment_hash(self.experiment), data)


@dataclass(frozen=True)
class RunRecord:
    """The result of one run of a group."""

    label: str
    seed: int
    experiment: Experiment
    folder: RunFolder
    metrics: MetricValues
    history: list[MetricValues]
    steps: int
    tracked: dict[str, Any]
    data: str
    """The digest of its data."""


@dataclass
class RunGroup:
    """Runs under one parent run: a folder with a run folder for each spec, and a parent run in the tracking store.

    A run whose folder has a result with its key is not trained again; an interrupted one is resumed; one with another
    key (settings, code or data have changed since) is trained again. `uri=None` tracks nothing.
    """

    name: str
    folder: Path
    uri: str | None = None
    evaluators: Mapping[str, Evaluator] = field(default_factory=dict)
    hooks: Sequence[Any] = ()
    report: Callable[[str], None] = lambda text: None
    digests: dict[str, str] = field(default_factory=dict)
    """Of the data that were read already, by what decides them."""
    parent: Any = field(default=None, init=False)
    """The parent run, once the first run has begun."""
    is_open: bool = field(default=False, init=False)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Lock the group, before its folder is looked at, and end its parent run when an error ends the block.

        Two processes then neither open two parent runs, nor make two plans, nor replace what the other one trains.
        Within another such block this one does nothing.

        Raises: SettingError when another process runs the group.
        """
        if self.is_open:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            signals_as_exceptions(),
            hint_if_interrupted(lambda: GOES_ON),
            RunFolder(self.folder).locked(),
        ):
            self.is_open = True
            try:
                yield
            except BaseException as error:
                self.close(error)
                raise
            finally:
                self.is_open = False

    def run(self, specs: Sequence[RunSpec]) -> list[RunRecord]:
        """Run what is missing and return a record for each spec.

        Raises: SettingError when another process runs the group; the errors of `prepare`, before anything is trained
        where they concern the first seed.
        """
        with self.opened():
            if self.uri is not None and self.parent is None:
                from neuralzoo.experiments.tracking.parent_run import ParentRun

                self.parent = ParentRun(self.name, self.folder / "tracking.json", self.uri)
                self.parent.open(specs[0].experiment)
            records: list[RunRecord] = []
            for spec in specs:
                records.append(self._run(spec, records))
            return records

    def finish(self, metrics: MetricValues, tags: Mapping[str, str], files: Sequence[Path]) -> dict[str, Any]:
        """Log metrics, tags and files to the parent run, close it, and return its URI and ids."""
        if self.uri is None or self.parent is None:
            return {}
        tracked: dict[str, Any] = self.parent.finish(metrics, tags, files)
        return tracked

    def close(self, error: BaseException) -> None:
        """End the parent run of a group that will not be finished, by the error that ended it."""
        if self.parent is not None:
            self.parent.close(end_status(error))

    def _run(self, spec: RunSpec, earlier: Sequence[RunRecord]) -> RunRecord:
        folder = RunFolder(self.folder / spec.name)
        folder.path.mkdir(exist_ok=True)
        with locked_for_training(folder):  # `run --resume` may be training it
            return self._run_locked(spec, folder, earlier)

    def _run_locked(self, spec: RunSpec, folder: RunFolder, earlier: Sequence[RunRecord]) -> RunRecord:
        data = digest_of(spec.experiment, self.digests)
        key = spec.key(data)
        known = folder.read_key()
        if known is None and (folder.result.exists() or folder.checkpoint.exists()):
            raise SettingError(f"{folder.key} is missing; {folder.path} needs it to be resumed, or to be removed")
        if known is not None and known != key:
            folders.empty(folder)
        if not folder.result.exists() or (folder.unlogged and self.uri is not None):
            self.report(f"{spec.label} · seed {spec.experiment.seed}")
            write_text(folder.experiment, spec.experiment.to_toml())
            write_text(folder.key, key)
            tags = {"neuralzoo.candidate": spec.label} | (self.parent.child_tags if self.parent is not None else {})
            train_locked(prepare(spec.experiment), folder, self.uri, (*self.hooks, *_budget(spec, earlier)), tags)
        result = Result.load(folder.result)
        assert result is not None  # it was finished above
        codes = {name: code_hash(evaluator) for name, evaluator in self.evaluators.items()}
        if missing := [name for name in sorted(codes) if result.evaluators.get(name) != codes[name]]:
            module, dataset = load_model(folder.model), load(spec.experiment)
            metrics = result.metrics | {name: float(self.evaluators[name](module, dataset)) for name in missing}
            result = result.model_copy(update={"metrics": metrics, "evaluators": result.evaluators | codes})
            result.save(folder.result)
        return RunRecord(
            label=spec.label,
            seed=spec.experiment.seed,
            experiment=spec.experiment,
            folder=folder,
            metrics=result.metrics,
            history=result.history,
            steps=result.steps,
            tracked=folder.read_tracking().model_dump(exclude_defaults=True),
            data=data,
        )


def digest_of(experiment: Experiment, known: dict[str, str]) -> str:
    """Return the digest of the data of an experiment; those in `known`, by what decides them, are not read again."""
    chosen = fingerprint(experiment.dataset, experiment.data, experiment.task, experiment.seed)
    if chosen not in known:
        known[chosen] = digest(load(experiment))
    return known[chosen]


def _budget(spec: RunSpec, earlier: Sequence[RunRecord]) -> list[TimeBudget]:
    """Return the hook that limits the training time of a run to that of an earlier one, if it has such a budget."""
    same = [r for r in earlier if r.label == spec.time_budget_from and r.seed == spec.experiment.seed]
    return [TimeBudget(same[0].metrics["time/train_s"])] if same else []
