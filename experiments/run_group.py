"""Campaigns: many runs under one parent, each found again by its key, so that none is trained twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralzoo.core.learner import Metrics
from neuralzoo.experiments.code_hash import experiment_hash
from neuralzoo.experiments.comparing.matching import Budget
from neuralzoo.experiments.run import prepare, train
from neuralzoo.experiments.running import run_folder as folders
from neuralzoo.experiments.running.assembly import load
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.experiments.running.run_folder import RunFolder
from neuralzoo.registry import Experiment

Probe = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Member:
    """One run of a campaign: an experiment under a label; the label and the seed name it.

    `as_long_as` is the label of an earlier member: of its run with the same seed this one gets the training seconds.
    """

    label: str
    experiment: Experiment
    as_long_as: str | None = None

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return f"{self.label}-s{self.experiment.seed}"

    @property
    def key(self) -> str:
        """What the outcome depends on."""
        return experiment_hash(self.experiment)


@dataclass(frozen=True)
class Record:
    """What came out of one run of a campaign."""

    label: str
    seed: int
    experiment: Experiment
    folder: RunFolder
    metrics: Metrics
    history: list[Metrics]
    steps: int
    tracked: dict[str, Any]


@dataclass
class Campaign:
    """Runs under one parent: a folder with a run folder for each member, and a parent run in the store.

    A member whose folder has a result with its key is not trained again; one that was cut off goes on; one with
    another key (settings or code have changed since) is trained anew. `uri=None` keeps no record in the store.
    """

    name: str
    folder: Path
    uri: str | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)
    hooks: Sequence[Any] = ()
    tell: Callable[[str], None] = lambda text: None

    def run(self, members: Sequence[Member]) -> list[Record]:
        """Run what is missing and return a record for each member.

        Raises: the errors of `prepare`, before anything is trained where they concern the first seed.
        """
        parent = self._parent(members) if self.uri is not None else None
        try:
            records: list[Record] = []
            for member in members:
                records.append(self._run(member, parent, records))
        except BaseException as error:
            if parent is not None:
                parent.close("KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
            raise
        self.parent = parent
        return records

    def finish(self, metrics: Metrics, tags: Mapping[str, str], files: Sequence[Path]) -> dict[str, Any]:
        """Write the outcome to the parent run, close it, and return where it can be seen."""
        if self.uri is None or self.parent is None:
            return {}
        seen: dict[str, Any] = self.parent.finish(metrics, tags, files)
        return seen

    def _parent(self, members: Sequence[Member]) -> Any:
        from neuralzoo.experiments.tracking.parent_run import ParentRun

        return ParentRun(self.name, self.folder / "tracking.json", self.uri or "", members[0].experiment)

    def _run(self, member: Member, parent: Any, earlier: Sequence[Record]) -> Record:
        folder = RunFolder(self.folder / member.name)
        key = folder.path / "key"
        if key.is_file() and key.read_text() != member.key:
            folders.remove(folder.path)
        if not folder.result.exists():
            self.tell(f"{member.label} · seed {member.experiment.seed}")
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.experiment.write_text(member.experiment.to_toml(), encoding="utf-8")
            key.write_text(member.key)
            tags = {"neuralzoo.label": member.label} | (parent.child_tags if parent is not None else {})
            train(prepare(member.experiment), folder, self.uri, (*self.hooks, *_budget(member, earlier)), tags)
        outcome = folders.read_json(folder.result)
        if missing := self.probes.keys() - outcome["metrics"].keys():
            module, data = load_model(folder.model), load(member.experiment)
            outcome["metrics"] |= {name: float(self.probes[name](module, data)) for name in sorted(missing)}
            folders.write_json(folder.result, outcome)
        return Record(
            label=member.label,
            seed=member.experiment.seed,
            experiment=member.experiment,
            folder=folder,
            metrics=outcome["metrics"],
            history=outcome["history"],
            steps=outcome["steps"],
            tracked=folders.read_json(folder.tracking),
        )


def _budget(member: Member, earlier: Sequence[Record]) -> list[Budget]:
    """Return the hook that ends a member's training when it has had as long as its model."""
    same = [r for r in earlier if r.label == member.as_long_as and r.seed == member.experiment.seed]
    return [Budget(same[0].metrics["time/train_s"])] if same else []
