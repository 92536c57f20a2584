"""Figures of recurrent networks, on a matplotlib figure that the caller provides.

Where a figure does not apply to a task or a network, it is a sentence that says why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import TextWrapper
from typing import Any, NamedTuple

import numpy as np

from neuralzoo.core.blocks.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.recurrent.generation import generate
from neuralzoo.core.blocks.recurrent.inspection import gradient_norms, states_and_gates, why_no_gradient_by_lag
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import DIVERGING, HIGHLIGHT, INK, MUTED, OPENNESS, SERIES
from neuralzoo.core.plots.panels import (
    Example,
    FigureData,
    add_panels,
    draw_heatmap,
    draw_input,
    draw_output,
    get_test_example,
    input_height,
    longest_example,
    set_title,
    token_text,
)

Generate = Callable[[Any, Array, int, np.random.Generator], Array]
LOSSES: dict[str, Loss] = {
    "class": CrossEntropy(),
    "multilabel": BinaryCrossEntropy(),
    "continuous": MeanSquaredError(),
}

EPSILON = 1e-300  # divides where a norm is 0
GRADIENT_EXAMPLES = 32
TEXT_LINES, TEXT_WIDTH = 14, 60  # characters
PROMPT_TOKENS = 20
WORD_COLUMNS = 4


class Gate(NamedTuple):
    """The title of a gate's panel; a signed one goes from -1 to 1, the others from 0, shut, to 1, open."""

    title: str
    signed: bool = False


def draw_hidden_state(figure: Any, module: SequenceNetwork, data: FigureData) -> None:
    """Draw the input, the state and the output over the steps of one example."""
    example = longest_example(data)
    states, _ = states_and_gates(module, example.x)
    order = order_by_phase(states[0])
    top, *middle, bottom = add_panels(figure, [input_height(example.x, data), *(1.4 for _ in states), 1.0])
    draw_input(top, example.x, data)
    for axes, name, state in zip(middle, "hc", states, strict=False):
        limit = float(np.quantile(abs(state), 0.98)) or 1.0  # a few large values should not make the others pale
        _draw_units(axes, state.T[order], DIVERGING, -limit, limit)
        ordering = "units ordered by phase" if name == "h" else "in the same order"
        set_title(axes, f"{name}{_drawn_layer(module)}, {ordering}")
    draw_output(bottom, module, data, example)


def draw_gates(figure: Any, module: SequenceNetwork, data: FigureData, gates: Sequence[Gate], sort_by: int) -> None:
    """Draw the gates over the steps of one example; units are sorted by the mean of gate `sort_by`, open first."""
    example = longest_example(data)
    _, values = states_and_gates(module, example.x)
    blocks = np.split(values, len(gates), axis=1)
    order = blocks[sort_by].mean(axis=0).argsort()[::-1]
    top, *rest = add_panels(figure, [input_height(example.x, data), *(1.2 for _ in gates)])
    draw_input(top, example.x, data)
    for axes, gate, block in zip(rest, gates, blocks, strict=True):
        colours, low = (DIVERGING, -1.0) if gate.signed else (OPENNESS, 0.0)
        _draw_units(axes, block.T[order], colours, low, 1.0)
        set_title(axes, gate.title + _drawn_layer(module))


def draw_gradient_by_lag(figure: Any, module: SequenceNetwork, data: FigureData) -> None:
    """Draw the norm of the last output's gradient by the number of steps that it has flowed back."""
    if reason := why_no_gradient_by_lag(module):
        text_figure(figure, f"This network {reason}, so that no one lag belongs to a gradient.")
        return
    count = min(GRADIENT_EXAMPLES, len(data.test[0]))
    norms = _norms_by_lag(module, [get_test_example(data, row) for row in range(count)], data.task.target)
    axes = _gradient_axes(figure)
    for state, name in zip(range(len(norms[0])), "hc", strict=False):
        relative = [n[state] / n[0, 0] for n in norms if n[0, 0] > 0]
        _draw_decay(axes, relative, f"gradient of {name}", (INK, SERIES[3])[state])
    axes.legend(frameon=False, fontsize=8)


def draw_gradients(
    figure: Any,
    modules: Mapping[str, SequenceNetwork],
    x: Array,
    target: Array,
    target_kind: str = "class",
    colours: Mapping[str, str] | None = None,
) -> None:
    """Draw the norm of the last output's gradient by lag for several networks, over all states of each.

    `colours` are those of architectures, by name.

    Shapes: x is (N, T, inputs), or (N, T) tokens, without padding; target has N rows, or N times T.
    """
    axes = _gradient_axes(figure)
    examples = [Example(*pair) for pair in zip(x, target, strict=True)]
    for label, colour in assign_colours(modules, colours).items():
        norms = _norms_by_lag(modules[label], examples, target_kind)
        relative = [np.sqrt((n**2).sum(axis=0)) / n[0, 0] for n in norms if n[0, 0] > 0]
        _draw_decay(axes, relative, label, colour)
    axes.legend(frameon=False, fontsize=8)


def draw_generated_text(figure: Any, module: Any, data: FigureData, generate_tokens: Generate = generate) -> None:
    """Draw the text that a language model generates from the beginning of a test example, with a fixed seed.

    `generate_tokens(module, prompt, count, rng)` returns the tokens that follow a prompt.
    """
    if data.task.kind != "language-modelling":
        text_figure(figure, f"Only a language model generates text; this network was trained for {data.task.kind}.")
        return
    rng = np.random.default_rng(0)
    axes = figure.subplots()
    axes.set_axis_off()
    prompt_lines: list[str] = []
    if data.task.variable_length:
        lines = _words(module, data, rng, generate_tokens)
    else:
        prompt = data.test[0][0][:PROMPT_TOKENS]
        head = _text(prompt, data)
        generated = _text(generate_tokens(module, prompt, TEXT_LINES * TEXT_WIDTH, rng), data)
        prompt_lines, lines = wrap(head), wrap(head + generated)
    for row, line in enumerate(lines):
        style = {"family": "monospace", "fontsize": 11.5, "va": "top", "parse_math": False}
        start = len(prompt_lines[row]) if row < len(prompt_lines) else 0
        for text, colour in ((line[:start], HIGHLIGHT), (" " * start + line[start:], INK)):
            axes.text(0.0, 1 - row / TEXT_LINES, text, transform=axes.transAxes, color=colour, **style)


def draw_accuracy_by_lag(
    figure: Any,
    values: Mapping[str, Mapping[str, Sequence[float]]],
    metric: str = "test/accuracy",
    chance: float | None = 0.5,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Draw a metric against the lag: the seeds of each architecture, and a line through their medians.

    `values[label][metric]` has a value for each seed; labels are architecture and lag, such as "rnn-16" or
    "rnn-relu-16", others are skipped. `colours` are those of architectures, by name; a variant has its architecture's
    colour and a broken line.
    """
    curves: dict[str, dict[int, Sequence[float]]] = {}
    for label, by_metric in values.items():
        name, _, lag = label.rpartition("-")
        if name and lag.isdecimal() and metric in by_metric:
            curves.setdefault(name, {})[int(lag)] = by_metric[metric]
    if not curves:
        labels = ", ".join(values) or "no values"
        text_figure(figure, f"There is no {metric} of an architecture and a lag among {labels}.")
        return
    axes = figure.subplots()
    for position, (name, colour) in enumerate(assign_colours(curves, colours).items()):
        offset = 1.05 ** (position - (len(curves) - 1) / 2)  # so that no line hides another one's seeds
        _draw_curve(axes, curves[name], name, colour, offset)
    if chance is not None:
        axes.axhline(chance, color=MUTED, linestyle="--", linewidth=1, label="chance", zorder=0)
    lags = sorted({lag for curve in curves.values() for lag in curve})
    axes.set_xscale("log", base=2)
    axes.set_xticks(lags, [str(lag) for lag in lags])
    axes.minorticks_off()
    if max(max(seeds) for curve in curves.values() for seeds in curve.values()) <= 1:
        axes.set_ylim(top=1.04)  # no fraction is larger than 1
    axes.set(xlabel="lag in steps", ylabel=metric)
    _remove_frame(axes)
    axes.legend(frameon=False, fontsize=8, handlelength=4)  # long enough for broken lines to be recognized


def text_figure(figure: Any, sentence: str) -> None:
    """Write a sentence on a figure that does not apply."""
    figure.text(0.5, 0.5, "\n".join(wrap(sentence)), ha="center", va="center", fontsize=10, color=INK)


def wrap(text: str) -> list[str]:
    """Return the first lines of a text, those that are too long for a figure broken between words."""
    fold = TextWrapper(TEXT_WIDTH, expand_tabs=False, replace_whitespace=False, break_on_hyphens=False).wrap
    return [part for line in text.split("\n") for part in (fold(line) or [""])][:TEXT_LINES]


def order_by_phase(states: Array) -> Array:
    """Return an order of the units of states (T, hidden) in which those that rise and fall together are neighbours.

    Units are projected onto the first two principal components of their time courses; the angle there orders them.
    """
    centred = states - states.mean(axis=0)
    if len(states) < 2 or not centred.any():
        return np.arange(states.shape[1])
    _, strength, units = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    plane = (strength[:2, None] * units[:2]) if len(units) > 1 else np.stack([units[0], 0 * units[0]])
    angle = np.arctan2(plane[1], plane[0])
    return np.asarray(angle.argsort(kind="stable"))


def assign_colours(names: Iterable[str], colours: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a colour for each name: the given one of the architecture that it begins with, else the next free one."""
    given = colours or {}
    free = iter([colour for colour in SERIES if colour not in given.values()] * 10)
    return {name: given.get(name.split("-")[0]) or next(free, INK) for name in names}


def _draw_units(axes: Any, values: Array, colours: str, low: float, high: float) -> None:
    draw_heatmap(axes, values, colours, low, high, scale=True)
    axes.set_yticks([])
    axes.set_ylabel(f"{len(values)} units", fontsize=8)


def _drawn_layer(module: SequenceNetwork) -> str:
    deep, both = len(module.recurrent.layers) > 1, len(module.recurrent.layers[0]) > 1
    parts = ["first layer"] * deep + ["forward direction"] * both
    return f" ({', '.join(parts)})" if parts else ""


def _norms_by_lag(module: SequenceNetwork, examples: Sequence[Example], target_kind: str) -> list[Array]:
    """Return the norms (num_states, T) of the gradients of each example, the last step's first."""
    norms: list[Array] = []
    for steps in sorted({len(example.x) for example in examples}):  # those of one length at once
        x, target = (np.stack(a) for a in zip(*(e for e in examples if len(e.x) == steps), strict=True))
        y = module.predict(x)
        if module.readout is None:
            y, target = y[:, -1], target[:, -1]
        _, dy = LOSSES[target_kind](y.astype(np.float64), target)
        dy /= np.linalg.norm(dy, axis=1, keepdims=True) + EPSILON  # a confident network's gradient is small at lag 0
        norms += list(gradient_norms(module, x, dy)[:, :, ::-1].swapaxes(0, 1))
    return norms


def _gradient_axes(figure: Any) -> Any:
    axes = figure.subplots()
    axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="lag: steps that the gradient has flowed back", ylabel="gradient norm\n(of h at lag 0: 1)")
    _remove_frame(axes)
    return axes


def _draw_decay(axes: Any, norms: Sequence[Array], label: str, colour: str) -> None:
    """Draw median and quartiles of norms by lag, as far back as half of the examples go."""
    if not any(n.any() for n in norms):
        axes.plot([], [], color=colour, label=f"{label}: zero")
        return
    lags = int(np.median([len(n) for n in norms]))
    table = np.full((len(norms), lags), np.nan)
    for row, n in zip(table, norms, strict=True):
        row[: len(n)] = n[:lags]
    low, median, high = np.nanquantile(table, [0.25, 0.5, 0.75], axis=0)
    positive = np.flatnonzero(median > 0)
    between = positive[positive > 0] if positive[-1] > 1 else positive  # at lag 0 the head reads h only
    first, last = between[[0, -1]]
    factor = (median[last] / median[first]) ** (1 / max(last - first, 1))
    axes.fill_between(positive, low[positive], high[positive], color=colour, alpha=0.15, linewidth=0)
    marker = "." if lags < 40 else ""
    axes.plot(positive, median[positive], color=colour, marker=marker, label=f"{label}: × {factor:.3g} per step")


def _draw_curve(axes: Any, by_lag: Mapping[int, Sequence[float]], name: str, colour: str, offset: float) -> None:
    lags = sorted(by_lag)
    positions = np.array(lags) * offset
    for lag, position in zip(lags, positions, strict=True):
        axes.plot([position] * len(by_lag[lag]), by_lag[lag], ".", color=colour, alpha=0.5, markersize=7)
    style = "--" if "-" in name else "-"
    axes.plot(positions, [float(np.median(by_lag[lag])) for lag in lags], style, color=colour, marker="d", label=name)


def _remove_frame(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _text(tokens: Array, data: FigureData) -> str:
    return "".join(token_text(token, data) for token in tokens)


def _words(module: Any, data: FigureData, rng: np.random.Generator, generate_tokens: Generate) -> list[str]:
    """Return lines of short texts, each from the token that a test example begins with until it comes again."""
    width, start = TEXT_WIDTH // WORD_COLUMNS, data.test[0][0][:1]
    lines = []
    for _ in range(TEXT_LINES):
        line = ""
        for _ in range(WORD_COLUMNS):
            tokens = generate_tokens(module, start, data.task.shape[0], rng)
            end = np.flatnonzero(tokens == start[0])
            line += _text(tokens[: end[0]] if len(end) else tokens, data)[: width - 1].ljust(width)
        lines.append(line)
    return lines
