"""The pictures of the long short-term memory."""

from typing import Any

from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.plots.recurrent import (
    Gate,
    draw_gates,
    draw_gradient_by_lag,
    draw_hidden_state,
    draw_text,
)
from neuralzoo.registry import Figure

GATES = (
    Gate("i, the input gate: how much of g is added to the memory"),
    Gate("f, the forget gate: how much of the memory is kept"),
    Gate("g, the candidate: what is added", signed=True),
    Gate("o, the output gate: how much of the memory is shown"),
)


def draw_lstm_gates(figure: Any, module: SequenceNetwork, data: Any) -> None:
    """Draw the gates over the steps of one example; the units that keep most are on top."""
    draw_gates(figure, module, data, GATES, keeps=1)


FIGURES = (
    Figure(
        name="hidden_state",
        caption="What the units show, h, and hold, c, while a test example is read: red is positive, blue negative.",
        draw=draw_hidden_state,
    ),
    Figure(
        name="gates",
        caption="The gates while a test example is read: dark is open; the units that forget least are on top.",
        draw=draw_lstm_gates,
    ),
    Figure(
        name="gradient_by_lag",
        caption="How much of the last answer's gradient is left as it flows back through the steps of test examples.",
        draw=draw_gradient_by_lag,
    ),
    Figure(
        name="text",
        caption="What the network writes, letter by letter as it expects them; what is orange was given to it.",
        draw=draw_text,
        by_epoch=True,
        tasks=frozenset({"language-modelling"}),
    ),
)
