"""What a plugin hands over: one frozen declaration of an architecture."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.core.task import Answer, InputKind, Task, TaskKind
from neuralzoo.registry.claim import Claim
from neuralzoo.registry.config import Config, parse
from neuralzoo.registry.experiment import Experiment

CONTRACT = 1
EVERY_RUN = ("learning_curve", "confusion_matrix")
"""The pictures that every run has."""

MakeOptimizer = Callable[[Module], Optimizer]


class Figure(BaseModel):
    """A signature picture of an architecture.

    `draw(figure, module, data)` draws on an empty matplotlib figure that it is handed; `data` is the whole data set,
    with its task, its classes, and tuples of arrays by split: `data.test[0]` are the inputs of the test split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="file name of the picture, the same for all runs")
    caption: str = Field(min_length=10, description="what can be seen, in one sentence")
    draw: Callable[[Any, Any, Any], None]
    by_epoch: bool = Field(
        default=False, description="draw it while training goes on, too: after 0, 1, 2, 4, 8... epochs"
    )
    tasks: frozenset[TaskKind] | None = Field(
        default=None, description="the kinds of task that it is drawn for; none is all of them"
    )

    def fits(self, task: Task) -> bool:
        """Whether it is drawn for a task."""
        return self.tasks is None or task.kind in self.tasks

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in EVERY_RUN:
            raise ValueError(f"every run has a picture named {name}; it needs another name")
        return name


class Architecture(BaseModel):
    """An architecture as the zoo knows it.

    `build(config, task, rng)` returns the module; the task has the sizes that the data dictates.
    `learner(module, config, task, make_optimizer)` returns what trains it; `make_optimizer(module)` gives the
    experiment's optimizer for a module or a part of one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    contract: int = Field(strict=True, description="version of the contracts that the plugin was written for")
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$", description="the entry point's name")
    summary: str = Field(min_length=10, max_length=120, description="one line: what it is and what it is good at")
    citation: str = Field(min_length=10, description="author, year, title")
    url: str = Field(pattern=r"^https?://", description="where the paper is")
    tasks: frozenset[TaskKind] = Field(min_length=1)
    inputs: frozenset[InputKind] = Field(min_length=1)
    lengths: bool = Field(default=False, description="whether it reads (padded examples, lengths)")
    answers: frozenset[Answer] = Field(default=frozenset({"class", "numbers"}), description="answers it can learn")
    config: type[Config]
    build: Callable[[Any, Task, np.random.Generator], Module]
    learner: Callable[[Any, Any, Task, MakeOptimizer], Learner]
    example: Task = Field(
        description="a small task that the architecture can do: for tests, and for `create` without one"
    )
    experiments: dict[str, Experiment] = Field(description="reference experiments by profile: quick, full")
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    resize: Callable[[Any, float], Any] | None = Field(
        default=None, description="config with its widths times a factor, to compare at equal numbers of parameters"
    )
    not_applicable: dict[str, str] = Field(
        default_factory=dict, description="conformance checks that do not apply, each with the reason"
    )

    @model_validator(mode="before")
    @classmethod
    def _same_contract(cls, data: Any) -> Any:
        contract = data.get("contract") if isinstance(data, dict) else None
        if isinstance(contract, int) and contract != CONTRACT:
            needed = "an update of the plugin" if contract < CONTRACT else "a newer neuralzoo"
            raise ValueError(
                f"it was written for contract {contract}, this neuralzoo has {CONTRACT}; it needs {needed}"
            )
        return data

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if "quick" not in self.experiments:
            raise ValueError(f"experiments are {sorted(self.experiments)}; it needs one for the profile quick")
        for profile, experiment in self.experiments.items():
            if experiment.architecture != self.name:
                raise ValueError(
                    f"the {profile} experiment is of {experiment.architecture!r}; it needs to be of {self.name!r}"
                )
            self.configure(experiment.model)
        for kind, declared in (("claims", self.claims), ("figures", self.figures)):
            given = [each.name for each in declared]
            if len(set(given)) != len(given):
                raise ValueError(f"{kind} are named {', '.join(given)}; each needs a name of its own")
        self.configure({})  # the defaults alone need to be enough
        return self

    def refusal(self, task: Task) -> str:
        """Return in one sentence why the architecture can't do a task, or nothing if it can."""
        if task.kind not in self.tasks:
            return f"{self.name} got the task {task.kind!r}; it can do {', '.join(sorted(self.tasks))}"
        if task.input not in self.inputs:
            return f"{self.name} got {task.input} inputs; it can read {', '.join(sorted(self.inputs))}"
        if task.lengths and not self.lengths:
            return f"{self.name} got examples of different lengths; it can only read those of one"
        if task.answer not in self.answers:
            return f"{self.name} got answers made of {task.answer!r}; it can learn {', '.join(sorted(self.answers))}"
        return ""

    def configure(self, settings: Mapping[str, Any]) -> Config:
        """Return the validated config.

        Raises: SettingError with the key, what it got, what is allowed and the nearest name.
        """
        return parse(self.config, settings, self.name)
