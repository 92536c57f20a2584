"""Tasks: the kinds of task, input and target, and the sizes that the data fix."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from neuralzoo.core.kinds import InputKind as InputKind
from neuralzoo.core.kinds import TargetKind as TargetKind
from neuralzoo.core.kinds import TaskKind as TaskKind

AXES: dict[InputKind, str] = {"image": "HWC", "sequence": "TD", "tokens": "T", "tabular": "D"}
"""The axes of one example: height, width, channels; time; features."""

TARGET_KINDS: dict[TaskKind, tuple[TargetKind, ...]] = {
    "classification": ("class", "classes", "multilabel"),
    "regression": ("continuous",),
    "reconstruction": ("continuous",),
    "generation": ("continuous",),
    "language-modelling": ("class",),
    "sequence-labelling": ("class", "multilabel"),
}
"""The target kinds of each task kind, the default first."""

PER_STEP_TASKS: tuple[TaskKind, ...] = ("language-modelling", "sequence-labelling")
"""The kinds of task with a target for each step."""
TARGETLESS_TASKS: tuple[TaskKind, ...] = ("reconstruction", "generation")
"""The kinds of task that need no targets beside the inputs."""


class Task(BaseModel):
    """The shape of one example and of one target, which the dataset fixes; a Config holds what can be chosen.

    Language modelling and sequence labelling have a target for each step, T of them, -1 in the padding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TaskKind = Field(description="kind of task")
    input: InputKind = Field(description="kind of input")
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        description="shape of one example: image (H, W, C), sequence (T, D), tokens (T,), tabular (D,)"
    )
    outputs: int = Field(ge=1, description="number of classes, or of dimensions of a continuous target")
    vocab_size: int | None = Field(default=None, ge=1, description="number of different tokens, for tokens")
    variable_length: bool = Field(
        default=False, description="examples differ in length: inputs are (padded examples, lengths), not one array"
    )
    target: TargetKind = Field(
        default="class",
        description="kind of target: class, an integer; classes, several integers; multilabel, a 0 or 1 for each "
        "output; continuous, a float for each output; by default the first of the task kind",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_target(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("target") is None and str(data.get("kind")) in TARGET_KINDS:
            return {**data, "target": TARGET_KINDS[data["kind"]][0]}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        axes = ", ".join(AXES[self.input])
        if len(self.shape) != len(AXES[self.input]):
            raise ValueError(f"the shape of one example is {self.shape}; {self.input} needs to be of shape ({axes})")
        if self.input == "tokens" and self.vocab_size is None:
            raise ValueError("there is no vocab_size; tokens need the number of different ones")
        if self.variable_length and "T" not in AXES[self.input]:
            raise ValueError(f"variable_length is true; {self.input} has one length, it needs to be sequence or tokens")
        if self.target not in (able := TARGET_KINDS[self.kind]):
            raise ValueError(f"the target is {self.target!r}; {self.kind} needs {' or '.join(able)}")
        return self
