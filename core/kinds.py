"""The words for what is asked of a network and for what an example is; importing them costs nothing."""

from typing import Literal

TaskKind = Literal[
    "classification", "regression", "reconstruction", "generation", "language-modelling", "sequence-labelling"
]
InputKind = Literal["image", "sequence", "tokens", "tabular"]
Answer = Literal["class", "classes", "marks", "numbers"]
