"""Verdicts: what the runs of a claim say about it, by statistics that were fixed before."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from neuralzoo.registry import Claim, Condition, Published

Answer = Literal["yes", "partly", "no"]
Values = Mapping[tuple[str, str], Sequence[float]]
"""The value for each seed, by (label of the contestant, measure)."""

CONFIDENCE = 0.95


class Finding(BaseModel):
    """What the runs say about one condition: the mean over the seeds, its interval, and whether it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: Condition
    values: tuple[float, ...] = Field(description="one for each seed")
    mean: float
    low: float
    high: float
    effect: float | None = Field(description="Cohen's d of a paired difference: its mean over its deviation")
    answer: Answer


class Verdict(BaseModel):
    """The outcome of a claim, with all that is needed to judge it anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    claim: str
    sentence: str
    profile: str
    answer: Answer
    findings: tuple[Finding, ...]
    match: str
    seeds: tuple[int, ...]
    values: dict[str, dict[str, tuple[float, ...]]] = Field(description="by contestant and measure, one for each seed")
    sizes: dict[str, int] = Field(description="number of parameters by contestant")
    published: tuple[Published, ...]
    counter_evidence: str
    minutes: float
    key: str = Field(description="hash of the claim and the code of the plugins in it")
    about: dict[str, str] = Field(description="machine, versions, date, commit")


def judge(claim: Claim, values: Values) -> tuple[Answer, tuple[Finding, ...]]:
    """Decide a claim: yes if every condition holds, no if the first fails, else partly."""
    findings = tuple(examine(condition, values) for condition in claim.conditions)
    answers = [finding.answer for finding in findings]
    if all(answer == "yes" for answer in answers):
        return "yes", findings
    return ("no" if answers[0] == "no" else "partly"), findings


def examine(condition: Condition, values: Values) -> Finding:
    """Hold the values of all seeds against one condition."""
    own = _values(condition.of, condition, values)
    if condition.over is None:
        paired = own
    else:
        other = _values(condition.over, condition, values)
        pairs = list(zip(own, other, strict=True))
        paired = [a / b for a, b in pairs] if condition.ratio else [a - b for a, b in pairs]
    if condition.ratio:  # intervals of ratios are symmetric on the logarithmic scale
        mean, low, high = (math.exp(x) for x in interval([math.log(value) for value in paired]))
    else:
        mean, low, high = interval(paired)
    return Finding(
        condition=condition,
        values=tuple(paired),
        mean=mean,
        low=low,
        high=high,
        effect=_effect(paired) if condition.over is not None and not condition.ratio else None,
        answer=_answer(condition, paired, mean, low, high),
    )


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % t interval over the seeds; a single seed leaves everything open."""
    from scipy import stats

    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, -math.inf, math.inf
    if max(values) == min(values):
        return mean, mean, mean
    # Not scipy's interval, which warns where seeds differ in the last digits only.
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * deviation / math.sqrt(len(values))
    return mean, mean - half, mean + half


def _answer(condition: Condition, values: Sequence[float], mean: float, low: float, high: float) -> Answer:
    if condition.quorum is not None:
        return "yes" if sum(condition.fulfilled(value) for value in values) >= condition.quorum else "no"
    if not condition.fulfilled(mean):
        return "no"
    return "yes" if condition.fulfilled(low) and condition.fulfilled(high) else "partly"


def _effect(differences: Sequence[float]) -> float | None:
    mean = math.fsum(differences) / len(differences)
    squares = math.fsum((d - mean) ** 2 for d in differences)
    if squares == 0 or len(differences) < 2:
        return None
    return mean / math.sqrt(squares / (len(differences) - 1))


def _values(label: str, condition: Condition, values: Values) -> list[float]:
    if (label, condition.measure) not in values:
        known = ", ".join(sorted({measure for name, measure in values if name == label}))
        raise KeyError(f"{label} was not measured by {condition.measure!r}; it was by {known}")
    return list(values[label, condition.measure])


def table(verdict: Verdict) -> list[dict[str, Any]]:
    """Return a row for each condition, as text."""
    return [
        {
            "condition": str(finding.condition),
            "ours": f"{finding.mean:.4g} [{finding.low:.4g}, {finding.high:.4g}]",
            "effect": "" if finding.effect is None else f"{finding.effect:.2g}",
            "holds": finding.answer,
        }
        for finding in verdict.findings
    ]
