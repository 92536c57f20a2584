"""Verdicts: how the runs of a claim decide it, by statistics that were fixed before."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from neuralzoo.experiments.running.files import Record
from neuralzoo.experiments.running.statistics import t_interval
from neuralzoo.registry import Claim, Condition, Published, SettingError

Decision = Literal["yes", "partly", "no"]
Values = Mapping[tuple[str, str], Sequence[float]]
"""The value for each seed, by (label of the candidate, metric)."""


class ConditionResult(BaseModel):
    """The result of one condition: the mean over the seeds, its 95 % t interval, and whether the condition holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: Condition
    values: tuple[float, ...] = Field(description="one for each seed")
    mean: float
    low: float
    high: float
    effect_size: float | None = Field(
        description="Cohen's d of a paired difference: its mean over its standard deviation"
    )
    decision: Decision

    @property
    def interval(self) -> str:
        """Mean and interval as text."""
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]"


class Verdict(Record):
    """The outcome of a claim, with all that is needed to decide it again."""

    architecture: str
    claim: str
    sentence: str
    profile: str
    decision: Decision
    conditions: tuple[ConditionResult, ...]
    match: str
    seeds: tuple[int, ...]
    datasets: dict[str, str] = Field(description="name of the dataset by candidate")
    num_parameters: dict[str, int] = Field(description="by candidate")
    values: dict[str, dict[str, tuple[float, ...]]] = Field(description="by candidate and metric, one for each seed")
    published: tuple[Published, ...]
    counter_evidence: str
    minutes: float
    key: str = Field(description="hash of the claim and of the code that it reaches")
    environment: dict[str, str] = Field(description="machine, versions, date, commit")
    data: dict[str, str] = Field(
        default_factory=dict, description="digest of the data of the first seed by candidate, where it was taken"
    )
    carried: str = Field(default="", description="from which commit it was carried over to today's code, and on what")


class ConditionRow(NamedTuple):
    """A condition's result as text, for a table."""

    condition: str
    interval: str
    effect_size: str
    decision: str


def decide(claim: Claim, values: Values) -> tuple[Decision, tuple[ConditionResult, ...]]:
    """Decide a claim: yes if every condition holds, no if the first fails, else partly."""
    results = tuple(evaluate_condition(condition, values) for condition in claim.conditions)
    decisions = [result.decision for result in results]
    if all(decision == "yes" for decision in decisions):
        return "yes", results
    return ("no" if decisions[0] == "no" else "partly"), results


def evaluate_condition(condition: Condition, values: Values) -> ConditionResult:
    """Evaluate one condition on the values of all seeds.

    Raises: SettingError when it is a ratio and a value is not positive.
    """
    own = _values(condition.of, condition, values)
    if condition.over is None:
        paired = own
    else:
        other = _values(condition.over, condition, values)
        pairs = list(zip(own, other, strict=True))
        if condition.ratio and (wrong := next((pair for pair in pairs if min(pair) <= 0), None)):
            raise SettingError(
                f"the condition {str(condition)!r} got the values {wrong[0]:g} and {wrong[1]:g}; a ratio needs "
                "positive ones, others need a difference"
            )
        paired = [a / b for a, b in pairs] if condition.ratio else [a - b for a, b in pairs]
    if condition.ratio:  # intervals of ratios are symmetric on the logarithmic scale
        mean, low, high = (math.exp(x) for x in t_interval([math.log(value) for value in paired]))
    else:
        mean, low, high = t_interval(paired)
    return ConditionResult(
        condition=condition,
        values=tuple(paired),
        mean=mean,
        low=low,
        high=high,
        effect_size=_cohens_d(paired) if condition.over is not None and not condition.ratio else None,
        decision=_decision(condition, paired, mean, low, high),
    )


def _decision(condition: Condition, values: Sequence[float], mean: float, low: float, high: float) -> Decision:
    if condition.min_seeds is not None:
        return "yes" if sum(condition.fulfilled(value) for value in values) >= condition.min_seeds else "no"
    if not condition.fulfilled(mean):
        return "no"
    return "yes" if condition.fulfilled(low) and condition.fulfilled(high) else "partly"


def _cohens_d(differences: Sequence[float]) -> float | None:
    mean = math.fsum(differences) / len(differences)
    squares = math.fsum((d - mean) ** 2 for d in differences)
    if squares == 0 or len(differences) < 2:
        return None
    return mean / math.sqrt(squares / (len(differences) - 1))


def _values(label: str, condition: Condition, values: Values) -> list[float]:
    if (label, condition.metric) not in values:
        known = ", ".join(sorted({metric for name, metric in values if name == label}))
        raise KeyError(f"{label} has no metric {condition.metric!r}; it has {known}")
    return list(values[label, condition.metric])


def condition_rows(verdict: Verdict) -> list[ConditionRow]:
    """Return a row of text for each condition."""
    return [
        ConditionRow(
            str(result.condition),
            result.interval,
            "" if result.effect_size is None else f"{result.effect_size:.2g}",
            result.decision,
        )
        for result in verdict.conditions
    ]
