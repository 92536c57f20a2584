"""What a network is asked to do: the vocabulary of tasks and inputs, and the sizes that the data dictates."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from neuralzoo.core.kinds import Answer as Answer
from neuralzoo.core.kinds import InputKind as InputKind
from neuralzoo.core.kinds import TaskKind as TaskKind

AXES: dict[InputKind, str] = {"image": "HWC", "sequence": "TD", "tokens": "T", "tabular": "D"}
"""The axes of one example: height, width, channels; time; dimensions."""

ANSWERS: dict[TaskKind, tuple[Answer, ...]] = {
    "classification": ("class", "classes", "marks"),
    "regression": ("numbers",),
    "reconstruction": ("numbers",),
    "generation": ("numbers",),
    "language-modelling": ("class",),
    "sequence-labelling": ("class", "marks"),
}
"""What answers may be made of; the first is the usual one."""


class Task(BaseModel):
    """The shape of one example and of one answer, as a data set dictates them.

    A Config says what somebody chooses about an architecture; a Task says what the data leaves no choice about.
    Where each step has an answer (language-modelling, sequence-labelling) there are T of them, -1 in the padding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TaskKind = Field(description="what is asked for")
    input: InputKind = Field(description="what an example is")
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        description="shape of one example: image (H, W, C), sequence (T, D), tokens (T,), tabular (D,)"
    )
    outputs: int = Field(ge=1, description="number of classes, or of numbers in an answer")
    vocabulary: int | None = Field(default=None, ge=1, description="number of different tokens, for tokens")
    lengths: bool = Field(
        default=False, description="examples differ in length: inputs are (padded examples, lengths), not one array"
    )
    answer: Answer = Field(
        default="class",
        description="what an answer is made of: class, an integer; classes, several integers; marks, a 0 or 1 for each "
        "output; numbers; if not given, what is usual for the kind",
    )

    @model_validator(mode="before")
    @classmethod
    def _usual_answer(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("answer") is None and str(data.get("kind")) in ANSWERS:
            return {**data, "answer": ANSWERS[data["kind"]][0]}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        axes = ", ".join(AXES[self.input])
        if len(self.shape) != len(AXES[self.input]):
            raise ValueError(f"the shape of one example is {self.shape}; {self.input} needs to be of shape ({axes})")
        if self.input == "tokens" and self.vocabulary is None:
            raise ValueError("there is no vocabulary; tokens need the number of different ones")
        if self.lengths and "T" not in AXES[self.input]:
            raise ValueError(f"lengths is true; {self.input} has none, it needs to be sequence or tokens")
        if self.answer not in (able := ANSWERS[self.kind]):
            raise ValueError(f"the answer is {self.answer!r}; {self.kind} needs {' or '.join(able)}")
        return self
