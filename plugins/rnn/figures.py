"""Figures of the simple recurrent network."""

from collections.abc import Mapping, Sequence
from typing import Any

from neuralzoo.core.plots.palette import SERIES
from neuralzoo.core.plots.recurrent import (
    draw_accuracy_by_lag,
    draw_generated_text,
    draw_gradient_by_lag,
    draw_hidden_state,
)
from neuralzoo.registry import Figure

ARCHITECTURE_COLOURS = {"rnn": SERIES[0], "lstm": SERIES[1]}


def draw_lags(figure: Any, values: Mapping[str, Mapping[str, Sequence[float]]], modules: object) -> None:
    """Draw the accuracy of each architecture against the lag."""
    draw_accuracy_by_lag(figure, values, colours=ARCHITECTURE_COLOURS)


FIGURES = (
    Figure(
        name="hidden_state",
        caption="Hidden state over the steps of a test example: red is positive, blue negative.",
        draw=draw_hidden_state,
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
