"""Kinds of tasks, inputs and targets: literals alone, so that importing them costs nothing."""

from typing import Literal

TaskKind = Literal[
    "classification", "regression", "reconstruction", "generation", "language-modelling", "sequence-labelling"
]
InputKind = Literal["image", "sequence", "tokens", "tabular"]
TargetKind = Literal["class", "classes", "multilabel", "continuous"]
