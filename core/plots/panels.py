"""Panels over the time steps of one sequence: the input, the state of the network, and the output."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from neuralzoo.core.blocks.activation import sigmoid
from neuralzoo.core.blocks.recurrent.generation import token_probabilities
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import DIVERGING, HIGHLIGHT, INK, MUTED, SEQUENTIAL, SERIES
from neuralzoo.core.task import Task

EACH_STEP = ("sequence-labelling", "language-modelling")
MAX_CHARACTERS = 80  # steps that fit with one each
MAX_LINES = 4  # features that fit as lines
MAX_NAMED_OUTPUTS = 20
MAX_PREFIXES = 60  # whose outputs are drawn


class FigureData(Protocol):
    """The part of a dataset that figures read: task, classes, and the test split, inputs first and targets last."""

    @property
    def task(self) -> Task:
        """Kinds and sizes."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of classes or tokens, empty if they have none."""
        ...

    @property
    def test(self) -> tuple[Array, ...]:
        """Arrays of one row for each example."""
        ...


class Example(NamedTuple):
    """One example without padding, and its target."""

    x: Array
    target: Array


def get_test_example(data: FigureData, row: int) -> Example:
    """Return a test example, cut to its length, and its target, one for the sequence or one for each step."""
    x, *lengths, target = (array[row] for array in data.test)
    steps = int(lengths[0]) if lengths else len(x)
    return Example(x[:steps], target[:steps] if data.task.kind in EACH_STEP else target)


def longest_example(data: FigureData, candidates: int = 16) -> Example:
    """Return the longest of the first test examples, of a text with a target for each character a legible part."""
    row = int(data.test[1][:candidates].argmax()) if data.task.variable_length else 0
    example = get_test_example(data, row)
    if data.task.kind not in EACH_STEP or len(data.classes) != data.task.vocab_size:
        return example
    return Example(example.x[:MAX_CHARACTERS], example.target[:MAX_CHARACTERS])


def add_panels(figure: Any, heights: Sequence[float]) -> list[Any]:
    """Return axes one above the other that share their steps, on a figure that is high enough for them."""
    figure.set_size_inches(7.2, 1.2 + 1.05 * sum(heights))
    column = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=list(heights))[:, 0]
    for axes in column:
        axes.tick_params(labelsize=7)
    for axes in column[:-1]:
        axes.tick_params(bottom=False)
    column[-1].xaxis.get_major_locator().set_params(integer=True)
    column[-1].set_xlabel("step", fontsize=8)
    return list(column)


def input_height(x: Array, data: FigureData) -> float:
    """Return the height of the panel of the input: a line of characters needs little."""
    return 0.25 if data.task.vocab_size is not None and len(x) <= MAX_CHARACTERS else 0.8


def set_title(axes: Any, text: str) -> None:
    """Set the title of a panel, at its left."""
    axes.set_title(text, loc="left", fontsize=8, color=INK)


def draw_heatmap(axes: Any, values: Array, colours: str, low: float, high: float, *, scale: bool = False) -> None:
    """Draw values (rows, T) as a heat map whose steps count from 1, with or without a colour bar."""
    extent = (0.5, values.shape[1] + 0.5, len(values) + 0.5, 0.5)
    style = {"cmap": colours, "vmin": low, "vmax": high, "aspect": "auto", "interpolation": "nearest"}
    image = axes.imshow(values, extent=extent, **style)
    if scale:
        beyond = "both" if values.min() < low and values.max() > high else "neither"
        axes.figure.colorbar(image, ax=axes, pad=0.01, aspect=10, extend=beyond).ax.tick_params(labelsize=7)


def draw_input(axes: Any, x: Array, data: FigureData) -> None:
    """Draw the input: characters, lines of few features, or a heat map of many."""
    steps = np.arange(1, len(x) + 1)
    axes.set_xlim(0.5, len(x) + 0.5)
    set_title(axes, "input")
    if data.task.vocab_size is None and (x.shape[1] > MAX_LINES or set(np.unique(x)) <= {0, 1}):
        limit = float(abs(x).max()) or 1.0
        signed = float(x.min()) < 0
        draw_heatmap(axes, x.T, DIVERGING if signed else SEQUENTIAL, -limit if signed else 0.0, limit)
        predicted = data.task.kind in EACH_STEP and data.task.outputs == x.shape[1]  # features are what outputs are
        _name_rows(axes, data.classes if predicted else (), x.shape[1], "feature")
    elif data.task.vocab_size is None:
        for k, line in enumerate(x.T):
            axes.step(steps, line, where="mid", color=(INK, HIGHLIGHT, MUTED, SERIES[1])[k], linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
    elif len(x) <= MAX_CHARACTERS:
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        size = min(9.0, 420 / len(x))
        style = {"ha": "center", "va": "center", "family": "monospace", "fontsize": size, "parse_math": False}
        for step, token in zip(steps, x, strict=True):
            text = visible_whitespace(token_text(token, data))
            axes.text(step, 0.5, text, transform=axes.get_xaxis_transform(), **style)
    else:
        axes.plot(steps, x, ".", color=INK, markersize=2)
        axes.set_ylabel("token", fontsize=8)


def draw_output(axes: Any, module: SequenceNetwork, data: FigureData, example: Example) -> None:
    """Draw the output at each step, or the one output that each beginning of the sequence has."""
    if data.task.kind in EACH_STEP:
        _draw_outputs(axes, module.predict(example.x[None])[0], example.target, data)
    else:
        _draw_outputs_of_prefixes(axes, module, example, data)


def _draw_outputs(axes: Any, y: Array, target: Array, data: FigureData) -> None:
    p = probabilities(y, data.task.target)
    steps = np.arange(1, len(y) + 1)
    if data.task.target == "class" and y.shape[1] > MAX_NAMED_OUTPUTS:
        unmasked = target >= 0
        axes.bar(steps[unmasked], p[unmasked, target[unmasked]], width=0.8, color=INK)
        axes.set_ylim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
        set_title(axes, "probability of the target")
        return
    draw_heatmap(axes, p.T, SEQUENTIAL, 0.0, 1.0, scale=True)
    step, output = _target_indices(target, data.task.target)
    axes.plot(step + 1, output + 1, "o", color=HIGHLIGHT, markersize=3 if y.shape[1] <= MAX_NAMED_OUTPUTS else 1.2)
    _name_rows(axes, data.classes, y.shape[1], "output")
    set_title(axes, "output probabilities; dots: target")


def _target_indices(target: Array, target_kind: str) -> tuple[Array, Array]:
    """Return the steps and the outputs of the unmasked targets."""
    if target_kind == "class":
        step = np.flatnonzero(target >= 0)
        return step, target[step]
    step, output = np.nonzero(target > 0)
    return step, output


def _draw_outputs_of_prefixes(axes: Any, module: SequenceNetwork, example: Example, data: FigureData) -> None:
    steps = np.unique(np.linspace(1, len(example.x), MAX_PREFIXES).astype(int))
    y, _, _ = module.run(np.repeat(example.x[None], len(steps), axis=0), Context(), steps)
    target_kind, target = data.task.target, example.target
    lines = y if target_kind == "continuous" else probabilities(y, target_kind)
    true = np.flatnonzero(target) if target_kind == "multilabel" else np.atleast_1d(target)
    marker = "." if len(steps) < 20 else ""
    for k, line in enumerate(lines.T):
        is_true = target_kind != "continuous" and k in true
        style = {"color": HIGHLIGHT, "linewidth": 2, "zorder": 3} if is_true else {"color": MUTED, "linewidth": 1}
        axes.plot(steps, line, marker=marker, **style)
    axes.spines[["top", "right"]].set_visible(False)
    if target_kind == "continuous":
        for value in true:
            axes.axhline(value, color=HIGHLIGHT, linestyle="--", linewidth=1)
        set_title(axes, "output if the sequence ended here; dashed: target")
    else:
        axes.set_ylim(-0.04, 1.04)
        names = " and ".join(_name(k, data) for k in true[:MAX_LINES])
        set_title(axes, f"output probabilities if the sequence ended here; orange: target, {names}")


def probabilities(y: Array, target_kind: str) -> Array:
    """Return the probabilities of logits (T, K): the softmax for one class, the sigmoid for several labels."""
    return np.stack([token_probabilities(row) for row in y]) if target_kind == "class" else sigmoid(y)


def token_text(token: int, data: FigureData) -> str:
    """Return the text of a token; its number if the dataset has no names."""
    return str(data.classes[token]) if len(data.classes) == data.task.vocab_size else str(token)


def visible_whitespace(text: str) -> str:
    """Return a text with visible spaces and line ends."""
    return text.replace(" ", "␣").replace("\n", "↵")


def _name(output: int, data: FigureData) -> str:
    return str(data.classes[output]) if output < len(data.classes) else str(output)


def _name_rows(axes: Any, names: Sequence[str], rows: int, label: str) -> None:
    if len(names) == rows <= MAX_NAMED_OUTPUTS:
        axes.set_yticks(range(1, rows + 1), [visible_whitespace(name) for name in names], fontsize=6)
    else:
        axes.set_ylabel(label, fontsize=8)
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
