"""Carrying verdicts over to changed code that computes the same bits.

A verdict holds for the code that it was reached with, named by its key. Where the code has changed since, the key is
carried over only if the claim's fingerprint (see `fingerprint`) is the same at the commit where the verdict was fresh
and here: after the first steps, for the quickest claim of each architecture after a whole run if a seed of
it takes seconds. The others stay stale.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from neuralzoo.experiments.claims import results
from neuralzoo.experiments.claims.runner import claims_of, datasets_of
from neuralzoo.experiments.claims.verdict import Verdict, decide
from neuralzoo.experiments.running.files import read_json, write_json
from neuralzoo.registry import SettingError

ROOT = results.ROOT
TIMES_NOT_MEASURED = "; its times were not measured again"
MAX_WHOLE_MINUTES = 0.2  # of a seed


class Fingerprint(NamedTuple):
    """A claim's fingerprint, by position: an earlier commit may name its parts otherwise."""

    key: str
    decision: list[Any]
    labels: list[str]
    metrics: list[str]
    candidates: list[dict[str, Any]]


@dataclass(frozen=True)
class RekeyResult:
    """The outcome for one stale verdict: the verdict with today's key, or why there is none."""

    old: Verdict
    new: Verdict | None
    reason: str


def rekey(commit: str, folder: Path, report: Callable[[str], None] = lambda text: None) -> Iterator[RekeyResult]:
    """Compare every stale verdict's claim at a commit and here, and yield for each whether it can be carried over.

    Fingerprints of the commit are saved in `folder`. Where each result is saved as it comes, a second call resumes an
    interrupted one.

    Raises: SettingError when there is no such commit, or this is not a checkout.
    """
    before = _git("rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}")
    stale = [verdict for verdict in results.load() if results.stale(verdict)]
    if not stale:
        return
    whole = {(v.architecture, v.claim) for v in quickest(results.load())}
    with _checked_out(before) as old_source:
        for verdict in sorted(stale, key=lambda v: (v.architecture, v.claim) in whole):  # the long ones last
            report(f"{verdict.architecture} {verdict.claim}")
            yield _carry(verdict, old_source, folder / before[:12], whole)


def quickest(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return each architecture's verdict with the shortest runs, of those that are short and not matched on time."""
    short = [v for v in verdicts if v.match != "time" and v.minutes / len(v.seeds) <= MAX_WHOLE_MINUTES]
    return list({v.architecture: v for v in sorted(short, key=lambda v: -v.minutes / len(v.seeds))}.values())


def _carry(verdict: Verdict, old_source: Path, folder: Path, whole: set[tuple[str, str]]) -> RekeyResult:
    name = (verdict.architecture, verdict.claim)
    is_whole = name in whole
    then = _cached_fingerprint(
        folder / f"{'-'.join(name)}{'-whole' if is_whole else ''}.json", old_source, name, is_whole
    )
    if "error" in then:
        return RekeyResult(verdict, None, f"at that commit its fingerprint failed: {then['error']}")
    old = Fingerprint(*then.values())
    if old.key != verdict.key:
        return RekeyResult(verdict, None, "it was stale at that commit, too")
    now = _fingerprint(ROOT / ".src", name, is_whole)
    if "error" in now:
        return RekeyResult(verdict, None, f"here its fingerprint failed: {now['error']}")
    new = Fingerprint(*now.values())
    if old.decision != new.decision:
        return RekeyResult(verdict, None, "its decision rule differs")
    for part, name_of_part in (("settings", "settings"), ("weights", "weights"), ("measured", "metrics")):
        pairs = zip(old.candidates, new.candidates, strict=True)
        if any(part in there and there[part] != here[part] for there, here in pairs):
            return RekeyResult(verdict, None, f"its {name_of_part} differ")
    steps = ", ".join(str(each["steps"]) for each in new.candidates)
    timed = any(condition.condition.metric == "time/train_s" for condition in verdict.conditions)
    reason = f"the same bits after {steps} steps{' (whole)' * is_whole}{TIMES_NOT_MEASURED * timed}"
    try:
        return RekeyResult(verdict, renamed(verdict, old, new, f"{folder.name}: {reason}"), reason)
    except ValueError as error:
        return RekeyResult(verdict, None, str(error))


def renamed(verdict: Verdict, old: Fingerprint, new: Fingerprint, carried: str = "") -> Verdict:
    """Return a verdict with today's names: the values are the old ones, labels, metrics and sentences the new ones.

    Raises: ValueError when the values do not lead to the same decision.
    """
    (claim,) = claims_of(verdict.architecture, claim=verdict.claim)
    labels = dict(zip(old.labels, new.labels, strict=True))
    metrics = dict(zip(old.metrics, new.metrics, strict=True))
    values = {labels[label]: {metrics[m]: v for m, v in by.items()} for label, by in verdict.values.items()}
    decision, conditions = decide(claim, {(label, m): v for label, by in values.items() for m, v in by.items()})
    if decision != verdict.decision:
        raise ValueError(f"{verdict.claim} was decided {verdict.decision}, but {decision} from the same values")
    return verdict.model_copy(
        update={
            "sentence": claim.sentence,
            "profile": claim.profile,
            "conditions": conditions,
            "datasets": datasets_of(claim),
            "values": values,
            "num_parameters": {labels[label]: n for label, n in verdict.num_parameters.items()},
            "published": claim.published,
            "counter_evidence": claim.counter_evidence,
            "key": new.key,
            "carried": carried,
        }
    )


def _cached_fingerprint(file: Path, source: Path, name: tuple[str, str], whole: bool) -> dict[str, Any]:
    """Return a fingerprint from a file, which is written first if it is not there."""
    if file.is_file():
        return read_json(file)
    found = _fingerprint(source, name, whole)
    if "error" not in found:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, found)
    return found


def _fingerprint(source: Path, name: tuple[str, str], whole: bool) -> dict[str, Any]:
    """Return the fingerprint of a claim by the code in `source`, from its own process; the error if that fails."""
    command = [sys.executable, "-P", "-m", "neuralzoo.experiments.claims.fingerprint", *name]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        command + ["--whole"] * whole, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """Check a commit out beside this checkout, and return where its package is."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            yield tree / ".src"
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SettingError(f"git {arguments[0]} failed: {done.stderr.strip()}; rekeying needs a checkout with a commit")
    return done.stdout.strip()
