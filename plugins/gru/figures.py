"""Figures of the gated recurrent unit."""

from typing import Any

from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.plots.recurrent import (
    Gate,
    draw_gates,
    draw_generated_text,
    draw_gradient_by_lag,
    draw_hidden_state,
)
from neuralzoo.registry import Figure
from neuralzoo.registry.dataset import Dataset

GATES = (
    Gate("r, the reset gate: how much of the past enters the candidate"),
    Gate("u, the update gate: how much of the past stays"),
    Gate("n, the candidate: what takes its place", signed=True),
)


def draw_gru_gates(figure: Any, module: SequenceNetwork, data: Dataset) -> None:
    """Draw the gates over the steps of one example; the units that keep most of their state are on top."""
    draw_gates(figure, module, data, GATES, sort_by=1)


FIGURES = (
    Figure(
        name="hidden_state",
        caption="Hidden state over the steps of a test example: red is positive, blue negative.",
        draw=draw_hidden_state,
    ),
    Figure(
        name="gates",
        caption="Gates over the steps of a test example: dark is open; the units that keep most are on top.",
        draw=draw_gru_gates,
    ),
    Figure(
        name="gradient_by_lag",
        caption="Norm of the last output's gradient as it flows back through the steps of test examples.",
        draw=draw_gradient_by_lag,
    ),
    Figure(
        name="text",
        caption="Text that the network generates, character by character; the prompt is orange.",
        draw=draw_generated_text,
        by_epoch=True,
        tasks=frozenset({"language-modelling"}),
    ),
)
