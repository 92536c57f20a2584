"""Running claims: every candidate with every seed, then the decision."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuralzoo import __version__
from neuralzoo.experiments.claims.verdict import Verdict, condition_rows, decide
from neuralzoo.experiments.code_hash import code_hash, experiment_hash, fingerprint
from neuralzoo.experiments.doctor import machine
from neuralzoo.experiments.run_group import RunGroup, RunRecord, RunSpec
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.experiments.running.files import write_text
from neuralzoo.experiments.running.markdown import markdown_table
from neuralzoo.experiments.running.metrics import metric_info
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.experiments.running.preflight import metrics_of, prepare
from neuralzoo.experiments.running.run_folder import RUNS, Result
from neuralzoo.experiments.running.time_budget import TimeBudget
from neuralzoo.experiments.tracking.provenance import git_commit
from neuralzoo.registry import Architecture, Claim, SettingError, build, get
from neuralzoo.registry.errors import nearest

TOLERANCES = {"parameters": 0.02, "steps": 0.0, "time": 0.1}
METRICS_OF_A_RUN = ("model/n_params", "time/train_s", "time/epochs")


@dataclass(frozen=True)
class ClaimResult:
    """A verdict, the folder of its files, and where its parent run is tracked."""

    verdict: Verdict
    folder: Path
    tracked: dict[str, Any]


@dataclass(frozen=True)
class ClaimRunner:
    """Runs claims: below which folder, in which store, with which seeds and hooks; `report` gets the progress."""

    root: Path = RUNS
    uri: str | None = None
    seeds: int | None = None
    hooks: Sequence[Any] = field(default=())
    report: Callable[[str], None] = lambda text: None

    def run(self, architecture: Architecture, claim: Claim, owner: str = "") -> ClaimResult:
        """Run what is missing of a claim and decide it; `owner` is `package:name` where that is how it was named.

        Raises: SettingError, before anything is trained, when a name in the claim means nothing, or candidates are not
        matched as it says; the errors of a run.
        """
        seeds = claim.seeds if self.seeds is None else tuple(range(self.seeds))
        owner = owner or architecture.name
        name = f"{owner}-{claim.name}".replace(":", "-")
        folder = self.root / "claims" / name
        first = claim.candidates[0].label if claim.match == "time" else None
        specs = [
            RunSpec(
                c.label,
                c.experiment.model_copy(update={"seed": seed}),
                None if c.label == first or c.control else first,
            )
            for seed in seeds
            for c in claim.candidates
        ]
        check_names(claim)
        check_sizes(claim)
        since = time.perf_counter()
        group = RunGroup(f"claim {name}", folder, self.uri, claim.evaluators, self.hooks, self.report)
        with group.opened():
            return self._run(group, specs, claim, owner, seeds, since)

    def _run(
        self, group: RunGroup, specs: Sequence[RunSpec], claim: Claim, owner: str, seeds: tuple[int, ...], since: float
    ) -> ClaimResult:
        records = group.run(specs)
        check_match(claim, records)
        values = collect_values(claim, records)
        decision, conditions = decide(claim, values)
        verdict = Verdict(
            architecture=owner,
            claim=claim.name,
            sentence=claim.sentence,
            profile=claim.profile,
            decision=decision,
            conditions=conditions,
            match=claim.match,
            seeds=seeds,
            datasets=datasets_of(claim),
            num_parameters={record.label: int(record.metrics["model/n_params"]) for record in records},
            values=_nested(values),
            published=claim.published,
            counter_evidence=claim.counter_evidence,
            minutes=round(_total_seconds(group.folder, time.perf_counter() - since) / 60, 2),
            key=claim_key(claim),
            data={record.label: record.data for record in records if record.seed == seeds[0]},
            environment=machine()
            | {"neuralzoo": __version__, "date": date.today().isoformat(), "commit": git_commit() or ""},
        )
        files = self._write(group.folder, verdict, claim, records)
        means = {f"{label}.{m}": sum(v) / len(v) for label, by in verdict.values.items() for m, v in by.items()}
        tags = {
            "verdict": decision,
            "claim": claim.name,
            "neuralzoo.claim": claim.sentence,
            "architecture": owner,
        }
        return ClaimResult(verdict, group.folder, group.finish(means, tags, files))

    def _write(self, folder: Path, verdict: Verdict, claim: Claim, records: Sequence[RunRecord]) -> list[Path]:
        verdict.save(folder / "verdict.json")
        table = markdown_table(("condition", "ours, 95 % interval", "effect size d", "holds"), condition_rows(verdict))
        text = f"{verdict.sentence}\n\nVerdict: **{verdict.decision}**\n\n{table}\n"
        write_text(folder / "verdict.md", text)
        figures = draw(folder, verdict, claim, records) if find_spec("matplotlib") else []
        return [folder / "verdict.json", folder / "verdict.md", *figures]


def draw(folder: Path, verdict: Verdict, claim: Claim, records: Sequence[RunRecord]) -> list[Path]:
    """Draw the verdict and the claim's own figures, and return the files of those that could be drawn."""
    from neuralzoo.experiments.claims.plots import verdict_chart
    from neuralzoo.experiments.running.figures import draw_or_warn

    height = 0.9 + 1.1 * len({c.metric for c in claim.conditions})
    draw_or_warn(folder, "verdict", lambda figure: verdict_chart(figure, verdict), (7.2, height))
    first = [record for record in records if record.seed == records[0].seed]
    modules = {record.label: partial(load_model, record.folder.model) for record in first}
    for declared in claim.figures:

        def draw_declared(figure: Any, declared: Any = declared) -> None:
            figure.suptitle(declared.caption, fontsize=9)
            declared.draw(figure, verdict.values, modules)

        draw_or_warn(folder, declared.name, draw_declared)
    files = [folder / f"{name}.png" for name in ("verdict", *(declared.name for declared in claim.figures))]
    return [file for file in files if file.exists()]


def claims_of(architecture: str, profile: str | None = None, claim: str | None = None) -> list[Claim]:
    """Return the claims of an architecture, those of one profile, or the one of a name.

    Those of a `package:name` mean by its name that package's own.

    Raises: SettingError when it has no claim of that name.
    """
    declaration = get(architecture)
    found = [_renamed(c, declaration.name, architecture) for c in declaration.claims]
    if claim is not None:
        names = [c.name for c in found]
        if claim not in names:
            known = ", ".join(names) or "none"
            raise SettingError(f"{architecture} has no claim {claim!r}{nearest(claim, names)} (it has {known})")
        return [c for c in found if c.name == claim]
    return [c for c in found if profile is None or c.profile == profile]


def _renamed(claim: Claim, name: str, full_name: str) -> Claim:
    """Return a claim whose candidates of an architecture call it by another name."""
    if name == full_name:
        return claim
    candidates = tuple(
        c.model_copy(update={"experiment": c.experiment.model_copy(update={"architecture": full_name})})
        if c.experiment.architecture == name
        else c
        for c in claim.candidates
    )
    return claim.model_copy(update={"candidates": candidates})


def check_names(claim: Claim) -> None:
    """Check, before anything is trained, that every architecture, dataset and metric of a claim is there.

    Metrics of training steps are known once there was one.

    Raises: SettingError when a candidate lacks a metric, or two sides of a condition measure different things; the
    errors of `prepare`.
    """
    declared, evaluated = {}, {}
    for c in claim.candidates:  # one after the other: each has its own copy of the data
        assembly = prepare(c.experiment)
        declared[c.label] = assembly.learner.metric_info, assembly.architecture.metrics
        evaluated[c.label] = metrics_of(assembly)
    for condition in claim.conditions:
        quantities = {}
        for label in filter(None, (condition.of, condition.over)):
            if condition.metric not in claim.evaluators:
                known = [*evaluated[label], *METRICS_OF_A_RUN]
                if condition.metric not in known and not condition.metric.startswith("train/"):
                    raise SettingError(
                        f"claim {claim.name!r} needs {condition.metric!r}, which {label} lacks; "
                        f"it has {', '.join(known)}"
                    )
            if (info := metric_info(condition.metric, *declared[label])) is not None:
                quantities[label] = info.quantity
        if len(set(quantities.values())) > 1:
            each = ", ".join(f"{label}: {what}" for label, what in quantities.items())
            raise SettingError(
                f"claim {claim.name!r} compares by {condition.metric} what measures different things ({each})"
            )


def datasets_of(claim: Claim) -> dict[str, str]:
    """Return the dataset of each candidate by label."""
    return {c.label: c.experiment.dataset for c in claim.candidates}


def claim_key(claim: Claim) -> str:
    """Return a hash of what the verdict of a claim depends on.

    That is each candidate's settings, data files and code, how they are matched, the seeds, the conditions, and the
    code that evaluates and decides. Words decide nothing: sentence, published values and labels are excluded.
    """
    index = {c.label: i for i, c in enumerate(claim.candidates)}
    conditions = [
        condition.model_dump(mode="json", exclude={"of", "over"})
        | {"of": index[condition.of], "over": None if condition.over is None else index[condition.over]}
        for condition in claim.conditions
    ]
    return fingerprint(
        [(experiment_hash(c.experiment), c.control) for c in claim.candidates],
        (claim.match, claim.seeds, conditions, claim.metrics),
        {name: code_hash(evaluator) for name, evaluator in claim.evaluators.items()},
        code_hash(decide, *([TimeBudget] if claim.match == "time" else [])),
    )


def check_sizes(claim: Claim) -> None:
    """Check, before anything is trained, that candidates matched on parameters have equally many.

    Raises: SettingError with both counts when they do not.
    """
    if claim.match == "parameters":
        sizes = {}
        for c in claim.candidates:
            if not c.control:
                task = task_of(c.experiment)
                sizes[c.label] = build(get(c.experiment.architecture), c.experiment.model, task, seed=0).num_parameters
        _check_equal(claim, sizes)


def check_match(claim: Claim, records: Sequence[RunRecord]) -> None:
    """Check that the runs match in what the claim says is equal; controls are excluded.

    Raises: SettingError with both amounts when they do not.
    """
    if claim.match == "none":
        return
    controls = {c.label for c in claim.candidates if c.control}
    amounts = {r.label: _amount(claim, r) for r in records if r.label not in controls}
    _check_equal(claim, amounts)


def _check_equal(claim: Claim, amounts: Mapping[str, float]) -> None:
    (smaller, low), (larger, high) = (f(amounts.items(), key=lambda item: item[1]) for f in (min, max))
    if high > low * (1 + TOLERANCES[claim.match]):
        raise SettingError(
            f"claim {claim.name!r} compares at equal {claim.match}, but {smaller} has {low:g} and {larger} has {high:g}"
        )


def _amount(claim: Claim, record: RunRecord) -> float:
    match claim.match:
        case "parameters":
            return record.metrics["model/n_params"]
        case "steps":
            return float(record.steps)
        case _:
            return record.metrics["time/train_s"]


def collect_values(claim: Claim, records: Sequence[RunRecord]) -> dict[tuple[str, str], list[float]]:
    """Return each candidate's values by metric, in the order of the seeds.

    Raises: SettingError when a run lacks a metric of the claim.
    """
    metrics = dict.fromkeys([*(condition.metric for condition in claim.conditions), *claim.metrics])
    values: dict[tuple[str, str], list[float]] = {}
    for record in records:
        for metric in metrics:
            if metric not in record.metrics:
                known = ", ".join(sorted(record.metrics))
                raise SettingError(f"claim {claim.name!r} needs {metric!r}, which {record.label} lacks; it has {known}")
            values.setdefault((record.label, metric), []).append(record.metrics[metric])
    return values


def _nested(values: dict[tuple[str, str], list[float]]) -> dict[str, dict[str, tuple[float, ...]]]:
    nested: dict[str, dict[str, tuple[float, ...]]] = {}
    for (label, metric), by_seed in values.items():
        nested.setdefault(label, {})[metric] = tuple(by_seed)
    return nested


def _total_seconds(folder: Path, seconds: float) -> float:
    """Return the seconds that all runs of a claim took, those of earlier sessions included."""
    found = [Result.load(path) for path in folder.glob("*/result.json")]
    return max(seconds, sum(result.seconds for result in found if result is not None))
