"""Proving claims: run every contestant with every seed, judge, and keep the verdict."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuralzoo import __version__
from neuralzoo.experiments.claims.verdict import Verdict, judge, table
from neuralzoo.experiments.code_hash import code_hash, experiment_hash, fingerprint
from neuralzoo.experiments.doctor import machine
from neuralzoo.experiments.run_group import Campaign, Member, Record
from neuralzoo.experiments.running import run_folder as folders
from neuralzoo.experiments.running.assembly import task_of
from neuralzoo.experiments.running.model_file import load_model
from neuralzoo.experiments.running.run_folder import RUNS
from neuralzoo.experiments.tracking.run_logger import git_commit
from neuralzoo.registry import Architecture, Claim, SettingError, build, get
from neuralzoo.registry.errors import nearest

TOLERANCES = {"parameters": 0.02, "steps": 0.0, "time": 0.1}


@dataclass(frozen=True)
class Proof:
    """A verdict, where its files are, and where its runs can be seen."""

    verdict: Verdict
    folder: Path
    tracked: dict[str, Any]


@dataclass(frozen=True)
class Prover:
    """How claims are run: where, with which seeds, and who is told."""

    root: Path = RUNS
    uri: str | None = None
    seeds: int | None = None
    hooks: Sequence[Any] = field(default=())
    tell: Callable[[str], None] = lambda text: None

    def prove(self, architecture: Architecture, claim: Claim) -> Proof:
        """Run what is missing of a claim and judge it.

        Raises: SettingError when the contestants are not matched as the claim says; the errors of a run.
        """
        seeds = claim.seeds if self.seeds is None else tuple(range(self.seeds))
        name = f"{architecture.name}-{claim.name}"
        folder = self.root / "proofs" / name
        pace = claim.contestants[0].label if claim.match == "time" else None
        members = [
            Member(
                c.label, c.experiment.model_copy(update={"seed": seed}), None if c.label == pace or c.control else pace
            )
            for seed in seeds
            for c in claim.contestants
        ]
        check_sizes(claim)
        since = time.perf_counter()
        campaign = Campaign(f"proof of {name}", folder, self.uri, claim.probes, self.hooks, self.tell)
        records = campaign.run(members)
        check_match(claim, records)
        values = measured(claim, records)
        answer, findings = judge(claim, values)
        verdict = Verdict(
            architecture=architecture.name,
            claim=claim.name,
            sentence=claim.sentence,
            profile=claim.profile,
            answer=answer,
            findings=findings,
            match=claim.match,
            seeds=seeds,
            values=_nested(values),
            sizes={record.label: int(record.metrics["model/n_params"]) for record in records},
            published=claim.published,
            counter_evidence=claim.counter_evidence,
            minutes=round(_spent(folder, time.perf_counter() - since) / 60, 2),
            key=claim_key(claim),
            about=machine()
            | {"neuralzoo": __version__, "date": date.today().isoformat(), "commit": git_commit() or ""},
        )
        files = self._write(folder, verdict, claim, records)
        means = {f"{label}.{m}": sum(v) / len(v) for label, by in _nested(values).items() for m, v in by.items()}
        tags = {"verdict": answer, "claim": claim.name, "neuralzoo.sentence": claim.sentence, "arch": architecture.name}
        return Proof(verdict, folder, campaign.finish(means, tags, files))

    def _write(self, folder: Path, verdict: Verdict, claim: Claim, records: Sequence[Record]) -> list[Path]:
        folders.write_json(folder / "verdict.json", verdict.model_dump(mode="json"))
        lines = ["| condition | ours, 95 % interval | effect | holds |", "| --- | --- | --- | --- |"]
        lines += [f"| {r['condition']} | {r['ours']} | {r['effect']} | {r['holds']} |" for r in table(verdict)]
        text = f"{verdict.sentence}\n\nVerdict: **{verdict.answer}**\n\n" + "\n".join(lines) + "\n"
        (folder / "verdict.md").write_text(text, encoding="utf-8")
        pictures = draw(folder, verdict, claim, records) if find_spec("matplotlib") else []
        return [folder / "verdict.json", folder / "verdict.md", *pictures]


def draw(folder: Path, verdict: Verdict, claim: Claim, records: Sequence[Record]) -> list[Path]:
    """Draw the verdict and the claim's own figures, and return the files of those that could be drawn."""
    from neuralzoo.experiments.running.figures import attempted, verdict_chart

    with attempted(folder, "verdict", (7.2, 0.9 + 1.1 * len({c.measure for c in claim.conditions}))) as figure:
        verdict_chart(figure, verdict)
    first = [record for record in records if record.seed == records[0].seed]
    modules = {record.label: partial(load_model, record.folder.model) for record in first}
    for declared in claim.figures:
        with attempted(folder, declared.name) as figure:
            figure.suptitle(declared.caption, fontsize=9)
            declared.draw(figure, verdict.values, modules)
    files = [folder / f"{name}.png" for name in ("verdict", *(declared.name for declared in claim.figures))]
    return [file for file in files if file.exists()]


def claims_of(architecture: str, profile: str | None = None, claim: str | None = None) -> list[Claim]:
    """Return the claims of an architecture, those of one profile, or the one of a name.

    Raises: SettingError when it has no claim of that name.
    """
    found = get(architecture).claims
    if claim is not None:
        names = [c.name for c in found]
        if claim not in names:
            known = ", ".join(names) or "none"
            raise SettingError(f"{architecture} has no claim {claim!r}{nearest(claim, names)} (it has {known})")
        return [c for c in found if c.name == claim]
    return [c for c in found if profile is None or c.profile == profile]


def claim_key(claim: Claim) -> str:
    """Return a hash of all that the verdict of a claim depends on, and of nothing else.

    That is each contestant's settings, data files and code, how they are matched, the seeds, the conditions, and the
    code of the probes. Words decide nothing: sentence, published numbers and labels are left out.
    """
    places = {c.label: place for place, c in enumerate(claim.contestants)}
    conditions = [
        condition.model_dump(mode="json", exclude={"of", "over"})
        | {"of": places[condition.of], "over": None if condition.over is None else places[condition.over]}
        for condition in claim.conditions
    ]
    return fingerprint(
        [(experiment_hash(c.experiment), c.control) for c in claim.contestants],
        (claim.match, claim.seeds, conditions, claim.measures),
        {name: code_hash(probe) for name, probe in claim.probes.items()},
    )


def check_sizes(claim: Claim) -> None:
    """Make sure, before anything is trained, that contestants of equal parameters have them.

    Raises: SettingError with both numbers when they do not.
    """
    if claim.match == "parameters":
        sizes = {}
        for c in claim.contestants:
            if not c.control:
                task = task_of(c.experiment)
                sizes[c.label] = build(get(c.experiment.architecture), c.experiment.model, task, seed=0).size
        _check_equal(claim, sizes)


def check_match(claim: Claim, records: Sequence[Record]) -> None:
    """Make sure that what the claim says is equal is equal; controls are left out.

    Raises: SettingError with both numbers when it is not.
    """
    if claim.match == "none":
        return
    controls = {c.label for c in claim.contestants if c.control}
    amounts = {r.label: _amount(claim, r) for r in records if r.label not in controls}
    _check_equal(claim, amounts)


def _check_equal(claim: Claim, amounts: Mapping[str, float]) -> None:
    (small, least), (large, most) = (f(amounts.items(), key=lambda item: item[1]) for f in (min, max))
    if most > least * (1 + TOLERANCES[claim.match]):
        raise SettingError(
            f"claim {claim.name!r} compares at equal {claim.match}, but {small} has {least:g} and {large} has {most:g}"
        )


def _amount(claim: Claim, record: Record) -> float:
    match claim.match:
        case "parameters":
            return record.metrics["model/n_params"]
        case "steps":
            return float(record.steps)
        case _:
            return record.metrics["time/train_s"]


def measured(claim: Claim, records: Sequence[Record]) -> dict[tuple[str, str], list[float]]:
    """Return each contestant's values by measure, in the order of the seeds."""
    measures = dict.fromkeys([*(condition.measure for condition in claim.conditions), *claim.measures])
    values: dict[tuple[str, str], list[float]] = {}
    for record in records:
        for measure in measures:
            if measure not in record.metrics:
                known = ", ".join(sorted(record.metrics))
                raise SettingError(
                    f"claim {claim.name!r} measures {measure!r}, which {record.label} lacks; it has {known}"
                )
            values.setdefault((record.label, measure), []).append(record.metrics[measure])
    return values


def _nested(values: dict[tuple[str, str], list[float]]) -> dict[str, dict[str, tuple[float, ...]]]:
    nested: dict[str, dict[str, tuple[float, ...]]] = {}
    for (label, measure), numbers in values.items():
        nested.setdefault(label, {})[measure] = tuple(numbers)
    return nested


def _spent(folder: Path, seconds: float) -> float:
    """Return the seconds that all runs of a proof took, those of earlier sittings included."""
    runs = [float(folders.read_json(path).get("seconds", 0.0)) for path in folder.glob("*/result.json")]
    return max(seconds, sum(runs))
