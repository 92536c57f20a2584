"""Claims: what an architecture is said to be good at, as comparisons that can fail."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from neuralzoo.registry.config import Settings
from neuralzoo.registry.experiment import Experiment

Provenance = Literal["read", "quoted", "as commonly cited"]
Match = Literal["parameters", "steps", "time", "none"]
NOTHING = "none"
"""What None is called in settings; no candidate may have this label."""


class Published(Settings):
    """A published result, to stand beside ours."""

    value: str = Field(description="the result, with its unit")
    source: str = Field(description="author, year, and where in the paper if it was read")
    url: str = Field(default="", description="URL of the source")
    provenance: Provenance = Field(description="read in the source, quoted by another, or as commonly cited")


class Candidate(Settings):
    """One side of a comparison; its experiment is run once for each seed of the claim."""

    label: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="name within the claim")
    experiment: Experiment
    control: bool = Field(default=False, description="a control: not matched with the others")

    @field_validator("label")
    @classmethod
    def _is_free(cls, label: str) -> str:
        if label == NOTHING:
            raise ValueError(f"{label!r} stands for no candidate; it needs another label")
        return label


class Condition(Settings):
    """One inequality of a claim, about one candidate or about one over another with the same seed.

    With `over` the value is the difference of the two, or their ratio. It holds when the 95 % interval over the
    seeds lies on the right side of the bound; with `min_seeds`, when that many seeds are on the right side.
    """

    of: str = Field(description="label of a candidate")
    over: str | None = Field(default=None, description="label of the candidate that it is compared with")
    ratio: bool = Field(default=False, description="divide instead of subtracting")
    metric: str = Field(default="test/accuracy", description="name of a metric or evaluator")
    at_least: float | None = None
    at_most: float | None = None
    min_seeds: int | None = Field(default=None, ge=1, description="how many seeds must be on the right side")

    @model_validator(mode="before")
    @classmethod
    def _names_a_candidate(cls, data: Any) -> Any:
        """Refuse the text that would be read as None: the condition would compare with nothing."""
        if isinstance(data, Mapping) and data.get("over") == NOTHING:
            raise ValueError(f"over is {NOTHING!r}, which stands for no candidate; it needs a label, or to be left out")
        return data

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"a condition of {self.of!r} needs exactly one of at_least and at_most")
        if self.ratio and self.over is None:
            raise ValueError(f"a condition of {self.of!r} is a ratio; it needs `over`")
        if self.over == self.of:
            raise ValueError(f"a condition compares {self.of!r} with itself; it needs another candidate in `over`")
        return self

    def fulfilled(self, value: float) -> bool:
        """Return whether a single value is on the right side of the bound."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    def __str__(self) -> str:
        sign = "/" if self.ratio else "-"
        subject = f"{self.of} {sign} {self.over}" if self.over else self.of
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        min_seeds = f" in {self.min_seeds} seeds" if self.min_seeds else ""
        return f"{self.metric} of {subject} {bound}{min_seeds}"


class ClaimFigure(Settings):
    """A figure of a claim's runs, such as a curve for each candidate; it decides nothing.

    `draw(figure, values, modules)` draws on an empty matplotlib figure. `values[label][metric]` holds a value for each
    seed; `modules[label]()` loads the network that the candidate trained with the first seed.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="file name of the figure, unique within the claim")
    caption: str = Field(min_length=10, description="what the figure shows, in one sentence")
    draw: Callable[[Any, Mapping[str, Mapping[str, tuple[float, ...]]], Mapping[str, Callable[[], Any]]], None]

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == "verdict":
            raise ValueError("every claim has a figure named verdict; it needs another name")
        return name


class Claim(Settings):
    """A sentence, and the comparison that decides it, fixed before the first run.

    `evaluators` are further metrics by name, functions of (trained module, dataset). The first condition is the main
    one: if it fails the verdict is no; if another fails or an interval reaches over its bound, partly.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="short name, unique within the architecture")
    sentence: str = Field(min_length=20, description="what is claimed, in words")
    profile: Literal["quick", "full"] = "quick"
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    match: Match = Field(
        default="none",
        description="budget that the candidates have in common; time: the training seconds of the first one",
    )
    conditions: tuple[Condition, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2, 3, 4), min_length=2)
    published: tuple[Published, ...] = ()
    counter_evidence: str = Field(default="", description="what is known against it")
    metrics: tuple[str, ...] = Field(
        default=(), description="metrics and evaluators to save with the verdict that no condition is about"
    )
    evaluators: Mapping[str, Callable[[Any, Any], float]] = Field(default_factory=dict, exclude=True)
    figures: tuple[ClaimFigure, ...] = Field(default=(), exclude=True)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        labels = [candidate.label for candidate in self.candidates]
        if len(set(labels)) != len(labels):
            raise ValueError(f"claim {self.name!r} has two candidates of one label: {', '.join(labels)}")
        if len({figure.name for figure in self.figures}) < len(self.figures):
            raise ValueError(f"claim {self.name!r} has two figures of one name; each needs a name of its own")
        for condition in self.conditions:
            for label in (condition.of, condition.over):
                if label is not None and label not in labels:
                    raise ValueError(f"claim {self.name!r} has no candidate {label!r}; it has {', '.join(labels)}")
            if "/" not in condition.metric and condition.metric not in self.evaluators:
                known = ", ".join(self.evaluators) or "none"
                raise ValueError(
                    f"claim {self.name!r} has no evaluator {condition.metric!r} (it has {known}); a metric of a run "
                    "needs its split, such as test/accuracy"
                )
            if condition.min_seeds is not None and condition.min_seeds > len(self.seeds):
                raise ValueError(f"claim {self.name!r} asks for {condition.min_seeds} of {len(self.seeds)} seeds")
        return self
