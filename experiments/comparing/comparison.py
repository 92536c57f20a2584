"""Comparisons: candidates on one dataset, matched on a budget, trained and ranked."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuralzoo.core.plots import palette
from neuralzoo.experiments import datasets
from neuralzoo.experiments.code_hash import experiment_hash, fingerprint
from neuralzoo.experiments.comparing.candidates import check, compared_by
from neuralzoo.experiments.comparing.matching import epoch_seconds, equal_parameters, equal_steps, with_epochs
from neuralzoo.experiments.comparing.result import CandidateResult, ComparisonResult, SeedResult, ranking_table
from neuralzoo.experiments.datasets import DatasetInfo
from neuralzoo.experiments.run_group import RunGroup, RunRecord, RunSpec, digest_of
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.experiments.running.files import Record
from neuralzoo.experiments.running.markdown import markdown_table
from neuralzoo.experiments.running.metrics import MetricInfo
from neuralzoo.experiments.running.run_folder import RUNS
from neuralzoo.experiments.running.statistics import t_interval
from neuralzoo.experiments.running.time_budget import TimeBudget
from neuralzoo.experiments.tracking.address import without_secrets
from neuralzoo.registry import Candidate, Experiment, SettingError, get
from neuralzoo.registry.claim import Match


class Plan(Record):
    """The matched candidates of a comparison, by the hash of what was asked for."""

    request: str
    candidates: tuple[Candidate, ...]
    budget_s: float | None = None


@dataclass
class Comparison:
    """Candidates on one dataset under one parent run; `run`, then `finish`.

    The matched candidates are saved in `plan.json` in the folder: a second call changes and trains nothing.
    """

    candidates: Sequence[Candidate]
    match: Match
    seeds: tuple[int, ...]
    root: Path = RUNS
    folder: Path | None = None
    uri: str | None = None
    hooks: Sequence[Any] = ()
    report: Callable[[str], None] = lambda text: None
    group: RunGroup = field(init=False)

    def run(self) -> ComparisonResult:
        """Match the candidates, run what is missing, and return the result.

        Raises: SettingError, before anything is trained, when a candidate can't do the task or can't be matched.
        """
        info = datasets.info(check(self.candidates))
        compared = compared_by(self.candidates)
        digests: dict[str, str] = {}
        request = fingerprint(
            [(c.label, c.experiment.settings(), experiment_hash(c.experiment)) for c in self.candidates],
            self.match,
            digest_of(self.candidates[0].experiment, digests),  # which all have in common
        )
        folder = self.folder or self.root / f"compare-{info.name}-{request[:8]}"
        budget = TimeBudget()
        name = f"compare {', '.join(c.label for c in self.candidates)}"
        self.group = RunGroup(name, folder, self.uri, hooks=[*self.hooks, budget], report=self.report, digests=digests)
        with self.group.opened():
            return self._run(info, compared, request, budget)

    def _run(
        self, info: DatasetInfo, compared: MetricInfo | None, request: str, budget: TimeBudget
    ) -> ComparisonResult:
        folder = self.group.folder
        plan = Plan.load(folder / "plan.json")
        if plan is None or plan.request != request:
            plan = self._plan(request)
            plan.save(folder / "plan.json")
        budget.seconds = plan.budget_s
        matched = plan.candidates
        records = self.group.run(self._specs(matched))
        ranking = [candidate_result(c, [r for r in records if r.label == c.label], self.url) for c in matched]
        primary_metric = matched[0].experiment.primary_metric
        direction = compared.direction if compared is not None else "not declared"
        if direction in ("lower", "higher"):
            sign = -1 if direction == "higher" else 1
            ranking.sort(key=lambda r: sign * r.mean if math.isfinite(r.mean) else math.inf)  # diverged: last
        return ComparisonResult(
            dataset=info,
            primary_metric=primary_metric,
            match=self.match,
            match_description=describe_match(self.match, ranking, plan.budget_s),
            seeds=self.seeds,
            ranking=tuple(ranking),
            better=direction,
            folder=folder,
            url=self.url,
        )

    def finish(self, result: ComparisonResult, files: Sequence[Path]) -> dict[str, Any]:
        """Log the summary to the parent run, close it, and return where it is tracked."""
        metrics: dict[str, float] = {}  # under one heading, or they would scatter the charts of all other runs
        for r in result.ranking:
            metrics[f"compare/{r.label}.{result.primary_metric.rpartition('/')[2]}"] = r.mean
            metrics[f"compare/{r.label}.n_params"] = r.num_parameters
            metrics[f"compare/{r.label}.train_s"] = r.seconds
        note = f"{result.match_description}\n\n{markdown_table(*ranking_table(result))}"
        tags = {"mlflow.note.content": note, "mlflow.runColor": palette.PARENT_RUN}
        return self.group.finish(metrics, tags | {"mlflow.source.name": "neuralzoo compare"}, files)

    def close(self, error: BaseException) -> None:
        """Close the parent run of a comparison that will not be finished, by the error that ended it."""
        self.group.close(error)

    @property
    def url(self) -> str:
        """The address of the runs while the MLflow UI is up; empty if they are not tracked."""
        if self.uri is None or self.group.parent is None:
            return ""
        server = without_secrets(self.uri) if self.uri.startswith("http") else "http://127.0.0.1:5000"
        return f"{server}/#/experiments/{self.group.parent.experiment_id}/runs"

    def _specs(self, candidates: Sequence[Candidate]) -> list[RunSpec]:
        return [
            RunSpec(c.label, c.experiment.model_copy(update={"seed": seed})) for seed in self.seeds for c in candidates
        ]

    def _plan(self, request: str) -> Plan:
        """Return the matched candidates, and the budget of training seconds if they are matched on time."""
        candidates, budget = list(self.candidates), None
        match self.match:
            case "parameters":
                candidates = equal_parameters(candidates, task_of(candidates[0].experiment))
            case "steps":
                candidates = equal_steps(candidates)
            case "time":
                seconds_per_epoch = {c.label: epoch_seconds(c) for c in candidates}
                fastest = min(candidates, key=lambda c: c.experiment.epochs * seconds_per_epoch[c.label])
                self.report(f"{fastest.label} is the fastest: its training time is the budget of all")
                records = self.group.run(self._specs([fastest]))
                budget = sum(record.metrics["time/train_s"] for record in records) / len(records)
                candidates = [
                    c if c is fastest else with_epochs(c, round(budget / seconds_per_epoch[c.label]))
                    for c in candidates
                ]
        return Plan(request=request, candidates=tuple(candidates), budget_s=budget)


def candidate_result(candidate: Candidate, records: Sequence[RunRecord], url: str = "") -> CandidateResult:
    """Return the result of a candidate from the records of its runs; `url` is the address of the runs in MLflow.

    Raises: SettingError when a record lacks the primary metric.
    """
    primary_metric = candidate.experiment.primary_metric
    for record in records:
        if primary_metric not in record.metrics:
            known = ", ".join(sorted(record.metrics))
            raise SettingError(
                f"{candidate.label} has no {primary_metric}; --set primary_metric=... needs one of {known}"
            )
    mean, low, high = t_interval([record.metrics[primary_metric] for record in records])
    return CandidateResult(
        candidate=candidate,
        settings=flat_settings(candidate.experiment),
        runs=tuple(_seed_result(record, url) for record in records),
        mean=mean,
        low=low,
        high=high,
    )


def _seed_result(record: RunRecord, url: str) -> SeedResult:
    base = record.folder.path.parent
    figures = {path.stem: path.relative_to(base).as_posix() for path in sorted(record.folder.figures.glob("*.png"))}
    return SeedResult(
        seed=record.seed,
        metrics=dict(record.metrics),
        history=tuple(dict(epoch) for epoch in record.history),
        steps=record.steps,
        figures=figures,
        url=f"{url}/{record.tracked['run_id']}" if url and "run_id" in record.tracked else "",
    )


def flat_settings(experiment: Experiment) -> dict[str, str]:
    """Return every setting of an experiment as text by its dotted name, those of the model with their defaults."""
    plain = experiment.settings()
    plain["model"] = get(experiment.architecture).configure(experiment.model).model_dump(mode="json")
    flat: dict[str, str] = {}

    def walk(group: Mapping[str, Any], path: str) -> None:
        for key, value in group.items():
            if isinstance(value, dict):
                walk(value, f"{path}{key}.")
            else:
                flat[f"{path}{key}"] = f"{value:.4g}" if isinstance(value, float) else str(value)

    walk(plain, "")
    return flat


def describe_match(match: Match, ranking: Sequence[CandidateResult], budget_s: float | None) -> str:
    """Return a sentence on what the candidates were matched on, with the amounts of the runs."""
    amounts: Mapping[str, list[float]] = {
        "parameters": [float(r.num_parameters) for r in ranking],
        "steps": [float(r.runs[0].steps) for r in ranking],
        "time": [r.seconds for r in ranking],
    }
    if match == "none":
        return "Each candidate has its own settings; nothing is matched."
    low, high = min(amounts[match]), max(amounts[match])
    if match == "time":
        return f"Equal training time: budget {budget_s:.2f} s, used {low:.2f} s to {high:.2f} s (whole epochs)."
    exact = f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
    return f"Equal numbers of {'optimizer steps (whole epochs)' if match == 'steps' else 'parameters'}: {exact}."
