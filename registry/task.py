"""What a network is asked to do: the vocabulary of tasks and inputs, and the sizes that the data dictates."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TaskKind = Literal[
    "classification", "regression", "reconstruction", "generation", "language-modelling", "sequence-labelling"
]
InputKind = Literal["image", "sequence", "tokens", "tabular"]

AXES: dict[InputKind, str] = {"image": "HWC", "sequence": "TD", "tokens": "T", "tabular": "D"}
"""The axes of one example: height, width, channels; time; dimensions."""


class Task(BaseModel):
    """The shape of one example and of one answer, as a data set dictates them.

    A Config says what somebody chooses about an architecture; a Task says what the data leaves no choice about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TaskKind = Field(description="what is asked for")
    input: InputKind = Field(description="what an example is")
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        description="shape of one example: image (H, W, C), sequence (T, D), tokens (T,), tabular (D,)"
    )
    outputs: int = Field(ge=1, description="number of classes, or of numbers in an answer")
    vocabulary: int | None = Field(default=None, ge=1, description="number of different tokens, for tokens")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        axes = ", ".join(AXES[self.input])
        if len(self.shape) != len(AXES[self.input]):
            raise ValueError(f"the shape of one example is {self.shape}; {self.input} needs to be of shape ({axes})")
        if self.input == "tokens" and self.vocabulary is None:
            raise ValueError("there is no vocabulary; tokens need the number of different ones")
        return self
