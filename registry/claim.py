"""Claims: what an architecture is said to be good at, as comparisons that can fail."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from neuralzoo.registry.config import Settings
from neuralzoo.registry.experiment import Experiment

Mark = Literal["read", "quoted", "as commonly cited"]
Match = Literal["parameters", "steps", "time", "none"]


class Published(Settings):
    """A number from the literature, to stand beside ours."""

    value: str = Field(description="the number, with its unit")
    source: str = Field(description="author, year, and where in the paper if it was read")
    url: str = Field(default="", description="where the source is")
    mark: Mark = Field(description="read in the source, quoted by another, or as commonly cited")


class Contestant(Settings):
    """One side of a comparison; its experiment is run once for each seed of the claim."""

    label: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="name within the claim")
    experiment: Experiment
    control: bool = Field(default=False, description="a control: not matched with the others")


class Condition(Settings):
    """One inequality of a claim, about one contestant or about one over another with the same seed.

    With `over` the value is the difference of the two, or their ratio. It holds when the 95 % interval over the
    seeds lies on the right side of the bound; with `quorum`, when that many seeds are on the right side.
    """

    of: str = Field(description="label of a contestant")
    over: str | None = Field(default=None, description="label of the contestant that it is compared with")
    ratio: bool = Field(default=False, description="divide instead of subtracting")
    measure: str = Field(default="test/accuracy", description="name of a metric or probe")
    at_least: float | None = None
    at_most: float | None = None
    quorum: int | None = Field(default=None, ge=1, description="how many seeds must be on the right side")

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"a condition of {self.of!r} needs exactly one of at_least and at_most")
        if self.ratio and self.over is None:
            raise ValueError(f"a condition of {self.of!r} is a ratio; it needs `over`")
        return self

    def fulfilled(self, value: float) -> bool:
        """Whether a single value is on the right side of the bound."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    def __str__(self) -> str:
        sign = "/" if self.ratio else "-"
        subject = f"{self.of} {sign} {self.over}" if self.over else self.of
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        quorum = f" in {self.quorum} seeds" if self.quorum else ""
        return f"{self.measure} of {subject} {bound}{quorum}"


class ClaimFigure(Settings):
    """A picture of what the runs of a claim say, such as a curve of each contestant; it decides nothing.

    `draw(figure, values, modules)` draws on an empty matplotlib figure. `values[label][measure]` has a number for each
    seed; `modules[label]()` loads the network that the contestant trained with the first seed.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="file name of the picture, unique within the claim")
    caption: str = Field(min_length=10, description="what can be seen, in one sentence")
    draw: Callable[[Any, Mapping[str, Mapping[str, tuple[float, ...]]], Mapping[str, Callable[[], Any]]], None]

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == "verdict":
            raise ValueError("every claim has a picture named verdict; it needs another name")
        return name


class Claim(Settings):
    """A sentence, and the comparison that decides it, fixed before the first run.

    `probes` are further measures by name, functions of (trained module, data set). The first condition is the
    heart of the claim: if it fails the verdict is no; if another fails or an interval reaches over its bound, partly.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="short name, unique within the architecture")
    sentence: str = Field(min_length=20, description="what is claimed, in words")
    profile: Literal["quick", "full"] = "quick"
    contestants: tuple[Contestant, ...] = Field(min_length=1)
    match: Match = Field(
        default="none",
        description="what the contestants have in equal amount; time: as many training seconds as the first one takes",
    )
    conditions: tuple[Condition, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2, 3, 4), min_length=2)
    published: tuple[Published, ...] = ()
    counter_evidence: str = Field(default="", description="what is known against it")
    measures: tuple[str, ...] = Field(
        default=(), description="metrics and probes to keep with the verdict that no condition is about"
    )
    probes: Mapping[str, Callable[[Any, Any], float]] = Field(default_factory=dict, exclude=True)
    figures: tuple[ClaimFigure, ...] = Field(default=(), exclude=True)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        labels = [contestant.label for contestant in self.contestants]
        if len(set(labels)) != len(labels):
            raise ValueError(f"claim {self.name!r} has two contestants of one label: {', '.join(labels)}")
        if len({figure.name for figure in self.figures}) < len(self.figures):
            raise ValueError(f"claim {self.name!r} has two figures of one name; each needs a name of its own")
        for condition in self.conditions:
            for label in (condition.of, condition.over):
                if label is not None and label not in labels:
                    raise ValueError(f"claim {self.name!r} has no contestant {label!r}; it has {', '.join(labels)}")
            if condition.quorum is not None and condition.quorum > len(self.seeds):
                raise ValueError(f"claim {self.name!r} asks for {condition.quorum} of {len(self.seeds)} seeds")
        return self
