"""Run groups: many runs under one parent run, each identified by a hash, so that none is trained twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralzoo.core.learner import MetricValues
from neuralzoo.experiments.code_hash import code_hash, experiment_hash, fingerprint
from neuralzoo.experiments.run import train
from neuralzoo.experiments.running import run_folder as folders
from neuralzoo.experiments.running.assembly import load
from neuralzoo.experiments.running.files import read_json, write_json, write_text
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.experiments.running.preflight import prepare
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.experiments.running.time_budget import TimeBudget
from neuralzoo.registry import Experiment
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

    def run(self, specs: Sequence[RunSpec]) -> list[RunRecord]:
        """Run what is missing and return a record for each spec.

        The group is locked from before its folder is looked at, so that two processes neither open two parent runs nor
        replace what the other one trains.

        Raises: SettingError when another process runs the group; the errors of `prepare`, before anything is trained
        where they concern the first seed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with RunFolder(self.folder).locked():
            return self._run_all(specs)

    def _run_all(self, specs: Sequence[RunSpec]) -> list[RunRecord]:
        parent = self._parent(specs) if self.uri is not None else None
        try:
            records: list[RunRecord] = []
            for spec in specs:
                records.append(self._run(spec, parent, records))
        except BaseException as error:
            if parent is not None:
                parent.close("KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
            raise
        self.parent = parent
        return records

    def finish(self, metrics: MetricValues, tags: Mapping[str, str], files: Sequence[Path]) -> dict[str, Any]:
        """Log metrics, tags and files to the parent run, close it, and return its URI and ids."""
        if self.uri is None or self.parent is None:
            return {}
        tracked: dict[str, Any] = self.parent.finish(metrics, tags, files)
        return tracked

    def _parent(self, specs: Sequence[RunSpec]) -> Any:
        from neuralzoo.experiments.tracking.parent_run import ParentRun

        return ParentRun(self.name, self.folder / "tracking.json", self.uri or "", specs[0].experiment)

    def _run(self, spec: RunSpec, parent: Any, earlier: Sequence[RunRecord]) -> RunRecord:
        folder = RunFolder(self.folder / spec.name)
        data = self._digest(spec.experiment)
        key = folder.path / "key"
        if key.is_file() and key.read_text() != spec.key(data):
            with folder.locked():  # `run --resume` may be training it
                folders.remove(folder.path)
        if not folder.result.exists() or (folder.unlogged and self.uri is not None):
            self.report(f"{spec.label} · seed {spec.experiment.seed}")
            folder.path.mkdir(parents=True, exist_ok=True)
            write_text(folder.experiment, spec.experiment.to_toml())
            key.write_text(spec.key(data))
            tags = {"neuralzoo.candidate": spec.label} | (parent.child_tags if parent is not None else {})
            train(prepare(spec.experiment), folder, self.uri, (*self.hooks, *_budget(spec, earlier)), tags)
        result = read_json(folder.result)
        codes = {name: code_hash(evaluator) for name, evaluator in self.evaluators.items()}
        known = result.get("evaluators", {})
        if missing := [name for name in sorted(codes) if known.get(name) != codes[name]]:
            module, dataset = load_model(folder.model), load(spec.experiment)
            result["metrics"] |= {name: float(self.evaluators[name](module, dataset)) for name in missing}
            write_json(folder.result, result | {"evaluators": known | codes})
        return RunRecord(
            label=spec.label,
            seed=spec.experiment.seed,
            experiment=spec.experiment,
            folder=folder,
            metrics=result["metrics"],
            history=result["history"],
            steps=result["steps"],
            tracked=read_json(folder.tracking),
            data=data,
        )

    def _digest(self, experiment: Experiment) -> str:
        """Return the digest of the data of an experiment, each read once."""
        chosen = fingerprint(experiment.dataset, experiment.data, experiment.task, experiment.seed)
        if chosen not in self.digests:
            self.digests[chosen] = digest(load(experiment))
        return self.digests[chosen]


def _budget(spec: RunSpec, earlier: Sequence[RunRecord]) -> list[TimeBudget]:
    """Return the hook that limits the training time of a run to that of an earlier one, if it has such a budget."""
    same = [r for r in earlier if r.label == spec.time_budget_from and r.seed == spec.experiment.seed]
    return [TimeBudget(same[0].metrics["time/train_s"])] if same else []
