"""Figures of the long short-term memory."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.plots.palette import SERIES
from neuralzoo.core.plots.recurrent import (
    Gate,
    draw_gates,
    draw_generated_text,
    draw_gradient_by_lag,
    draw_gradients,
    draw_hidden_state,
)
from neuralzoo.registry import Figure
from neuralzoo.registry.dataset import Dataset

ARCHITECTURE_COLOURS = {"rnn": SERIES[0], "lstm": SERIES[1]}
GATES = (
    Gate("i, the input gate: how much of g is added to the memory"),
    Gate("f, the forget gate: how much of the memory is kept"),
    Gate("g, the candidate: what is added", signed=True),
    Gate("o, the output gate: how much of the memory is output"),
)


def draw_lstm_gates(figure: Any, module: SequenceNetwork, data: Dataset) -> None:
    """Draw the gates over the steps of one example; the units that keep most of their state are on top."""
    draw_gates(figure, module, data, GATES, sort_by=1)


def draw_gradients_by_lag(figure: Any, values: object, modules: Mapping[str, Callable[[], SequenceNetwork]]) -> None:
    """Draw the gradient of each trained network by lag, on random examples of the adding problem."""
    rng = np.random.default_rng(0)
    x = np.zeros((32, 200, 2), np.float32)
    x[..., 0] = rng.random((32, 200))
    x[:, [20, 120], 1] = 1
    target = x[:, [20, 120], 0].sum(axis=1, keepdims=True)
    loaded = {label: load() for label, load in modules.items()}
    draw_gradients(figure, loaded, x, target, target_kind="continuous", colours=ARCHITECTURE_COLOURS)


FIGURES = (
    Figure(
        name="hidden_state",
        caption="Hidden state h and cell state c over the steps of a test example: red is positive, blue negative.",
        draw=draw_hidden_state,
    ),
    Figure(
        name="gates",
        caption="Gates over the steps of a test example: dark is open; the units that forget least are on top.",
        draw=draw_lstm_gates,
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
