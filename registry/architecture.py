"""The declaration of an architecture, which a plugin returns."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from neuralzoo.core.learner import Learner
from neuralzoo.core.metric import MetricInfo
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.core.task import InputKind, TargetKind, Task, TaskKind
from neuralzoo.registry.claim import Claim
from neuralzoo.registry.config import Config, parse
from neuralzoo.registry.experiment import Experiment

PLUGIN_API = 1
STANDARD_FIGURES = ("learning_curve", "confusion_matrix")
"""Names of the figures that every run has."""

OptimizerFactory = Callable[[Module], Optimizer]


class Figure(BaseModel):
    """A figure of a trained network, drawn by `draw(figure, module, data)` on an empty matplotlib figure.

    `data` is the whole dataset with its task, its classes, and tuples of arrays by split: `data.test[0]` are the
    inputs of the test split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="file name of the figure, the same for all runs")
    caption: str = Field(min_length=10, description="what the figure shows, in one sentence")
    draw: Callable[[Any, Any, Any], None]
    by_epoch: bool = Field(default=False, description="draw it during training, too: after 0, 1, 2, 4, 8... epochs")
    tasks: frozenset[TaskKind] | None = Field(
        default=None, description="kinds of task that it is drawn for; none for all of them"
    )

    def fits(self, task: Task) -> bool:
        """Return whether it is drawn for a task."""
        return self.tasks is None or task.kind in self.tasks

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in STANDARD_FIGURES:
            raise ValueError(f"every run has a figure named {name}; it needs another name")
        return name


class Architecture(BaseModel):
    """An architecture: its paper, tasks, settings, factories, experiments, figures and claims.

    `build(config, task, rng)` returns the module; the task has the sizes that the data fix.
    `learner(module, config, task, optimizer_factory)` returns its learner; `optimizer_factory(module)` returns the
    experiment's optimizer for a module or a part of one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    api_version: int = Field(strict=True, description="version of the plugin API that the plugin was written for")
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$", description="the entry point's name")
    summary: str = Field(min_length=10, max_length=120, description="one line: what it is and what it is good at")
    citation: str = Field(min_length=10, description="author, year, title")
    url: str = Field(pattern=r"^https?://", description="where the paper is")
    tasks: frozenset[TaskKind] = Field(min_length=1)
    inputs: frozenset[InputKind] = Field(min_length=1)
    supports_variable_length: bool = Field(default=False, description="whether it reads (padded examples, lengths)")
    targets: frozenset[TargetKind] = Field(
        default=frozenset({"class", "continuous"}), description="kinds of target that it can learn"
    )
    config: type[Config]
    build: Callable[[Any, Task, np.random.Generator], Module]
    learner: Callable[[Any, Any, Task, OptimizerFactory], Learner]
    example: Task = Field(description="a small task that it supports: for tests, and for `create` without one")
    experiments: dict[str, Experiment] = Field(description="reference experiments by profile: quick, full")
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    metrics: Mapping[str, MetricInfo] = Field(
        default_factory=dict,
        description="what its own metrics and the evaluators of its claims measure, by name without the split",
    )
    scale_width: Callable[[Any, float], Any] | None = Field(
        default=None,
        description="config with its widths times a factor, for comparisons at equal numbers of parameters",
    )
    not_applicable: dict[str, str] = Field(
        default_factory=dict, description="conformance checks that do not apply, each with the reason"
    )

    @model_validator(mode="before")
    @classmethod
    def _same_api_version(cls, data: Any) -> Any:
        version = data.get("api_version") if isinstance(data, dict) else None
        if isinstance(version, int) and version != PLUGIN_API:
            needed = "an update of the plugin" if version < PLUGIN_API else "a newer neuralzoo"
            raise ValueError(
                f"it was written for plugin API {version}, this neuralzoo has {PLUGIN_API}; it needs {needed}"
            )
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if "quick" not in self.experiments:
            raise ValueError(f"experiments are {sorted(self.experiments)}; it needs one for the profile quick")
        for profile, experiment in self.experiments.items():
            if experiment.architecture != self.name:
                raise ValueError(
                    f"the {profile} experiment is of {experiment.architecture!r}; it needs to be of {self.name!r}"
                )
            self.configure(experiment.model)
        for kind, declared in (("claims", self.claims), ("figures", self.figures)):
            names = [each.name for each in declared]
            if len(set(names)) != len(names):
                raise ValueError(f"{kind} are named {', '.join(names)}; each needs a name of its own")
        self.configure({})  # every setting needs a default
        return self

    def unsupported(self, task: Task) -> str:
        """Return in one sentence why it does not support a task, or nothing if it does."""
        if task.kind not in self.tasks:
            return f"{self.name} got the task {task.kind!r}; it supports {', '.join(sorted(self.tasks))}"
        if task.input not in self.inputs:
            return f"{self.name} got {task.input} inputs; it supports {', '.join(sorted(self.inputs))}"
        if task.variable_length and not self.supports_variable_length:
            return f"{self.name} got examples of different lengths; it supports one length only"
        if task.target not in self.targets:
            return f"{self.name} got targets of kind {task.target!r}; it supports {', '.join(sorted(self.targets))}"
        return ""

    def configure(self, settings: Mapping[str, Any]) -> Config:
        """Return the validated config.

        Raises: SettingError with the key, what it got, what is allowed and the nearest name.
        """
        return parse(self.config, settings, self.name)
