"""Panels of pictures over the steps of one sequence: what is read, what the network holds, what it would answer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from neuralzoo.core.blocks.activation import sigmoid
from neuralzoo.core.blocks.recurrent.generation import chances
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

INK, SOFT, MARK = "#1d2430", "#9aa5b4", "#c2410c"
EACH_STEP = ("sequence-labelling", "language-modelling")
MOST_LETTERS = 80  # steps that fit with a letter each
MOST_LINES = 4  # numbers in a step that fit as lines
MOST_OUTPUTS = 20  # that fit with a name each
MOST_PREFIXES = 60  # of which the answer is asked


class Example(NamedTuple):
    """One example without padding, and its target."""

    x: Array
    target: Array


def one_of(data: Any, row: int) -> Example:
    """Return a test example, cut to its length, and its target, one answer or an answer for each step."""
    x, *lengths, target = (array[row] for array in data.test)
    steps = int(lengths[0]) if lengths else len(x)
    return Example(x[:steps], target[:steps] if data.task.kind in EACH_STEP else target)


def longest(data: Any, among: int = 16) -> Example:
    """Return the longest of the first test examples, of a text that has an answer for each letter a legible part."""
    row = int(data.test[1][:among].argmax()) if data.task.lengths else 0
    example = one_of(data, row)
    if data.task.kind not in EACH_STEP or len(data.classes) != data.task.vocabulary:
        return example
    return Example(example.x[:MOST_LETTERS], example.target[:MOST_LETTERS])


def panels(figure: Any, heights: Sequence[float]) -> list[Any]:
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


def input_height(x: Array, data: Any) -> float:
    """Return how high the panel of what the network reads should be: a line of letters needs little."""
    return 0.25 if data.task.vocabulary is not None and len(x) <= MOST_LETTERS else 0.8


def title(axes: Any, text: str) -> None:
    """Say above a panel what it shows."""
    axes.set_title(text, loc="left", fontsize=8, color=INK)


def draw_image(axes: Any, values: Array, colours: str, low: float, high: float, *, scale: bool = False) -> None:
    """Draw values (rows, T) as an image whose steps count from 1, with its scale of colours beside it or without."""
    extent = (0.5, values.shape[1] + 0.5, len(values) + 0.5, 0.5)
    look = {"cmap": colours, "vmin": low, "vmax": high, "aspect": "auto", "interpolation": "nearest"}
    image = axes.imshow(values, extent=extent, **look)
    if scale:
        beyond = "both" if values.min() < low and values.max() > high else "neither"
        axes.figure.colorbar(image, ax=axes, pad=0.01, aspect=10, extend=beyond).ax.tick_params(labelsize=7)


def draw_input(axes: Any, x: Array, data: Any) -> None:
    """Draw what the network reads: letters, lines of few numbers, or an image of many."""
    steps = np.arange(1, len(x) + 1)
    axes.set_xlim(0.5, len(x) + 0.5)
    title(axes, "what it reads")
    if data.task.vocabulary is None and (x.shape[1] > MOST_LINES or set(np.unique(x)) <= {0, 1}):
        limit = float(abs(x).max()) or 1.0
        signed = float(x.min()) < 0
        draw_image(axes, x.T, "RdBu_r" if signed else "Greys", -limit if signed else 0.0, limit)
        foretold = data.task.kind in EACH_STEP and data.task.outputs == x.shape[1]  # inputs are what answers are
        _name_rows(axes, data.classes if foretold else (), x.shape[1], "feature")
    elif data.task.vocabulary is None:
        for k, line in enumerate(x.T):
            axes.step(steps, line, where="mid", color=(INK, MARK, SOFT, "#1d4ed8")[k], linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
    elif len(x) <= MOST_LETTERS:
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        size = min(9.0, 420 / len(x))
        look = {"ha": "center", "va": "center", "family": "monospace", "fontsize": size, "parse_math": False}
        for step, token in zip(steps, x, strict=True):
            axes.text(step, 0.5, shown(token_text(token, data)), transform=axes.get_xaxis_transform(), **look)
    else:
        axes.plot(steps, x, ".", color=INK, markersize=2)
        axes.set_ylabel("token", fontsize=8)


def draw_answer(axes: Any, module: SequenceNetwork, data: Any, example: Example) -> None:
    """Draw the answer at each step, or the one answer that would be given if the sequence ended at each step."""
    if data.task.kind in EACH_STEP:
        _draw_answers(axes, module.predict(example.x[None])[0], example.target, data)
    else:
        _draw_one_answer(axes, module, example, data)


def _draw_answers(axes: Any, y: Array, target: Array, data: Any) -> None:
    likely = likelihoods(y, data.task.answer)
    steps = np.arange(1, len(y) + 1)
    if data.task.answer == "class" and y.shape[1] > MOST_OUTPUTS:
        counts = target >= 0
        axes.bar(steps[counts], likely[counts, target[counts]], width=0.8, color=INK)
        axes.set_ylim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
        title(axes, "how likely it finds the right answer")
        return
    draw_image(axes, likely.T, "Greys", 0.0, 1.0, scale=True)
    step, output = _right_answers(target, data.task.answer)
    axes.plot(step + 1, output + 1, "o", color=MARK, markersize=3 if y.shape[1] <= MOST_OUTPUTS else 1.2)
    _name_rows(axes, data.classes, y.shape[1], "output")
    title(axes, "how likely it finds each answer; dots are right")


def _right_answers(target: Array, answer: str) -> tuple[Array, Array]:
    """Return the steps and the outputs that are right."""
    if answer == "class":
        step = np.flatnonzero(target >= 0)
        return step, target[step]
    step, output = np.nonzero(target > 0)
    return step, output


def _draw_one_answer(axes: Any, module: SequenceNetwork, example: Example, data: Any) -> None:
    steps = np.unique(np.linspace(1, len(example.x), MOST_PREFIXES).astype(int))
    y, _, _ = module.run(np.repeat(example.x[None], len(steps), axis=0), Context(), steps)
    answer, target = data.task.answer, example.target
    lines = y if answer == "numbers" else likelihoods(y, answer)
    right = np.flatnonzero(target) if answer == "marks" else np.atleast_1d(target)
    marker = "." if len(steps) < 20 else ""
    for k, line in enumerate(lines.T):
        wanted = answer != "numbers" and k in right
        look = {"color": MARK, "linewidth": 2, "zorder": 3} if wanted else {"color": SOFT, "linewidth": 1}
        axes.plot(steps, line, marker=marker, **look)
    axes.spines[["top", "right"]].set_visible(False)
    if answer == "numbers":
        for number in right:
            axes.axhline(number, color=MARK, linestyle="--", linewidth=1)
        title(axes, "what it would answer if the sequence ended here; dashed is right")
    else:
        axes.set_ylim(-0.04, 1.04)
        names = " and ".join(_name(k, data) for k in right[:MOST_LINES])
        title(axes, f"how likely it would find each answer if the sequence ended here; orange is right: {names}")


def likelihoods(y: Array, answer: str) -> Array:
    """Return the probabilities that logits (T, K) stand for: of classes that exclude each other, or of marks."""
    return np.stack([chances(row) for row in y]) if answer == "class" else sigmoid(y)


def token_text(token: int, data: Any) -> str:
    """Return what a token stands for; its number where the data set does not say."""
    return str(data.classes[token]) if len(data.classes) == data.task.vocabulary else str(token)


def shown(text: str) -> str:
    """Return a text whose spaces and line ends can be seen."""
    return text.replace(" ", "␣").replace("\n", "↵")


def _name(output: int, data: Any) -> str:
    return str(data.classes[output]) if output < len(data.classes) else str(output)


def _name_rows(axes: Any, names: Sequence[str], many: int, otherwise: str) -> None:
    if len(names) == many <= MOST_OUTPUTS:
        axes.set_yticks(range(1, many + 1), [shown(name) for name in names], fontsize=6)
    else:
        axes.set_ylabel(otherwise, fontsize=8)
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
