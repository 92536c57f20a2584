"""Comparisons: contestants on one data set, matched in what they may use, and what came out of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralzoo.experiments import datasets
from neuralzoo.experiments.claims.verdict import interval
from neuralzoo.experiments.code_hash import experiment_hash, fingerprint
from neuralzoo.experiments.comparing.candidates import check
from neuralzoo.experiments.comparing.matching import Budget, epoch_seconds, equal_parameters, equal_steps, lasting
from neuralzoo.experiments.datasets import Info
from neuralzoo.experiments.run_group import Campaign, Member, Record
from neuralzoo.experiments.running import run_folder as folders
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.experiments.running.metrics import rounded
from neuralzoo.experiments.running.run_folder import RUNS
from neuralzoo.experiments.tracking.store import lower_is_better
from neuralzoo.registry import Contestant, SettingError
from neuralzoo.registry.claim import Match

PARENT_COLOUR = "#808894"


@dataclass(frozen=True)
class Standing:
    """What came out for one contestant: a record for each seed, the mean of the headline metric and its interval."""

    contestant: Contestant
    records: tuple[Record, ...]
    mean: float
    low: float
    high: float

    @property
    def label(self) -> str:
        """The contestant's name in this comparison."""
        return self.contestant.label


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: the standings, best first, and what was equal."""

    info: Info
    headline: str
    match: Match
    equal: str
    seeds: tuple[int, ...]
    standings: tuple[Standing, ...]


@dataclass
class Contest:
    """Contestants on one data set under one parent run; `run`, then `finish`.

    What matching found is kept in `plan.json` in the folder: a second call changes and trains nothing.
    """

    contestants: Sequence[Contestant]
    match: Match
    seeds: tuple[int, ...]
    root: Path = RUNS
    folder: Path | None = None
    uri: str | None = None
    hooks: Sequence[Any] = ()
    tell: Callable[[str], None] = lambda text: None
    campaign: Campaign = field(init=False)

    def run(self) -> Comparison:
        """Match the contestants, run what is missing, and return the standings.

        Raises: SettingError, before anything is trained, when a contestant can't do the task or can't be matched.
        """
        info = datasets.info(check(self.contestants))
        request = fingerprint(
            [(c.label, c.experiment.settings(), experiment_hash(c.experiment)) for c in self.contestants],
            self.match,
        )
        folder = self.folder or self.root / f"compare-{info.name}-{request[:8]}"
        budget = Budget()
        name = f"compare {', '.join(c.label for c in self.contestants)}"
        self.campaign = Campaign(name, folder, self.uri, hooks=[*self.hooks, budget], tell=self.tell)
        plan = folders.read_json(folder / "plan.json")
        if plan.get("request") != request:
            plan = {"request": request} | self._plan(info)
            folder.mkdir(parents=True, exist_ok=True)
            folders.write_json(folder / "plan.json", plan)
        budget.seconds = plan["budget_s"]
        matched = [Contestant.model_validate(c) for c in plan["contestants"]]
        records = self.campaign.run(self._members(matched))
        standings = [standing(c, [r for r in records if r.label == c.label]) for c in matched]
        headline = matched[0].experiment.headline
        standings.sort(key=lambda s: s.mean, reverse=not lower_is_better(headline))
        equal = sentence(self.match, standings, plan["budget_s"])
        return Comparison(info, headline, self.match, equal, self.seeds, tuple(standings))

    def finish(self, comparison: Comparison, files: Sequence[Path]) -> dict[str, Any]:
        """Write the summary to the parent run, close it, and return where it can be seen."""
        metrics: dict[str, float] = {}  # under one heading, or they would scatter the charts of all other runs
        for s in comparison.standings:
            metrics[f"compare/{s.label}.{comparison.headline.rpartition('/')[2]}"] = s.mean
            metrics[f"compare/{s.label}.n_params"] = s.records[0].metrics["model/n_params"]
            metrics[f"compare/{s.label}.train_s"] = mean(s.records, "time/train_s")
        tags = {"mlflow.note.content": note(comparison), "mlflow.runColor": PARENT_COLOUR}
        return self.campaign.finish(metrics, tags | {"mlflow.source.name": "neuralzoo compare"}, files)

    @property
    def base(self) -> str:
        """Where the runs of this contest can be seen while the MLflow page is up; nothing if they are not tracked."""
        if self.uri is None or self.campaign.parent is None:
            return ""
        server = self.uri if self.uri.startswith("http") else "http://127.0.0.1:5000"
        return f"{server}/#/experiments/{self.campaign.parent.experiment_id}/runs"

    def abandon(self, status: str) -> None:
        """Close the parent run of a contest that will not be finished."""
        if self.campaign.parent is not None:
            self.campaign.parent.close(status)

    def _members(self, contestants: Sequence[Contestant]) -> list[Member]:
        return [
            Member(c.label, c.experiment.model_copy(update={"seed": seed})) for seed in self.seeds for c in contestants
        ]

    def _plan(self, info: Info) -> dict[str, Any]:
        """Return the contestants as they are matched, and the seconds that they may use."""
        contestants, budget = list(self.contestants), None
        match self.match:
            case "parameters":
                contestants = equal_parameters(contestants, task_of(contestants[0].experiment))
            case "steps":
                contestants = equal_steps(contestants)
            case "time":
                paces = {c.label: epoch_seconds(c) for c in contestants}
                fastest = min(contestants, key=lambda c: c.experiment.epochs * paces[c.label])
                self.tell(f"{fastest.label} is the fastest: its full run is what the others may use")
                budget = mean(self.campaign.run(self._members([fastest])), "time/train_s")
                contestants = [c if c is fastest else lasting(c, round(budget / paces[c.label])) for c in contestants]
        return {"contestants": [c.model_dump(mode="json") for c in contestants], "budget_s": budget}


def standing(contestant: Contestant, records: Sequence[Record]) -> Standing:
    """Return what the records of a contestant say.

    Raises: SettingError when they lack the headline metric.
    """
    headline = contestant.experiment.headline
    for record in records:
        if headline not in record.metrics:
            known = ", ".join(sorted(record.metrics))
            raise SettingError(f"{contestant.label} has no {headline}; --set headline=... needs one of {known}")
    return Standing(contestant, tuple(records), *interval([record.metrics[headline] for record in records]))


def mean(records: Sequence[Record], metric: str) -> float:
    """Return the mean of a metric over the seeds."""
    return sum(record.metrics[metric] for record in records) / len(records)


def sentence(match: Match, standings: Sequence[Standing], budget_s: float | None) -> str:
    """Say what was equal, with the numbers as they came out."""
    amounts: Mapping[str, list[float]] = {
        "parameters": [s.records[0].metrics["model/n_params"] for s in standings],
        "steps": [float(s.records[0].steps) for s in standings],
        "time": [mean(s.records, "time/train_s") for s in standings],
    }
    if match == "none":
        return "Each contestant has its own settings; neither parameters, steps nor time are matched."
    low, high = min(amounts[match]), max(amounts[match])
    if match == "time":
        return f"Equal training time: {budget_s:.2f} s allowed, {low:.2f} s to {high:.2f} s used (whole epochs)."
    exact = f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
    return f"Equal numbers of {'optimizer steps (whole epochs)' if match == 'steps' else 'parameters'}: {exact}."


def note(comparison: Comparison) -> str:
    """Return the standings as Markdown, for the parent run's page."""
    lines = [
        f"{comparison.equal}\n",
        f"| contestant | {comparison.headline} | 95 % interval | parameters | steps | training |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for s in comparison.standings:
        params, seconds = s.records[0].metrics["model/n_params"], mean(s.records, "time/train_s")
        lines.append(
            f"| {s.label} | {rounded(s.mean)} | {between(s)} | {params:,.0f} | {s.records[0].steps:,} "
            f"| {seconds:.1f} s |"
        )
    return "\n".join(lines)


def between(standing: Standing) -> str:
    """Return the interval as text."""
    return f"{rounded(standing.low)} to {rounded(standing.high)}" if len(standing.records) > 1 else "one seed"
