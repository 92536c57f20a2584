"""The pictures of the simple recurrent network."""

from neuralzoo.core.plots.recurrent import draw_gradient_by_lag, draw_hidden_state, draw_text
from neuralzoo.registry import Figure

FIGURES = (
    Figure(
        name="hidden_state",
        caption="What the units hold while a test example is read, step by step: red is positive, blue negative.",
        draw=draw_hidden_state,
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
