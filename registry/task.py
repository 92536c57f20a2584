"""What a network is asked to do: the vocabulary of tasks and inputs, and the sizes that the data dictates."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TaskKind = Literal[
    "classification", "regression", "reconstruction", "generation", "language-modelling", "sequence-labelling"
]
InputKind = Literal["image", "sequence", "tokens", "tabular"]


class Task(BaseModel):
    """The shape of one example and of one answer, as a data set dictates them.

    A Config says what somebody chooses about an architecture; a Task says what the data leaves no choice about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TaskKind = Field(description="what is asked for")
    input: InputKind = Field(description="what an example is")
    shape: tuple[int, ...] = Field(
        description="shape of one example: image (H, W, C), sequence (T, D), tokens (T,), tabular (D,)"
    )
    outputs: int = Field(ge=1, description="number of classes, or of numbers in an answer")
    vocabulary: int | None = Field(default=None, ge=1, description="number of different tokens, for tokens")
