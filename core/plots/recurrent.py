"""Pictures of recurrent networks, drawn on a matplotlib figure that the caller hands over.

`data` is the whole data set: its task, its classes, and the arrays of its test split, inputs first and targets last.
Where a picture makes no sense for a task or a network, it is a sentence that says why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import TextWrapper
from typing import Any, NamedTuple

import numpy as np

from neuralzoo.core.blocks.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.recurrent.generation import write
from neuralzoo.core.blocks.recurrent.inspection import gradient_norms, states_and_gates, why_no_gradient_by_lag
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.loss import Loss
from neuralzoo.core.module import Array
from neuralzoo.core.plots.panels import (
    INK,
    MARK,
    SOFT,
    Example,
    draw_answer,
    draw_image,
    draw_input,
    input_height,
    longest,
    one_of,
    panels,
    title,
    token_text,
)

COLOURS = {"rnn": "#c2410c", "lstm": "#1d4ed8", "gru": "#15803d"}
"""An architecture has the same colour in all pictures; those that are not here get one of OTHERS."""
OTHERS = ("#7e22ce", "#0e7490", "#a16207", "#be185d", "#4d7c0f")
Writes = Callable[[Any, Array, int, np.random.Generator], Array]
LOSSES: dict[str, Loss] = {"class": CrossEntropy(), "marks": BinaryCrossEntropy(), "numbers": MeanSquaredError()}

TINY = 1e-300  # to divide by instead of 0
GRADIENTS_OF = 32  # test examples
LINES, WIDTH = 14, 60  # of a text
PROMPT = 20  # tokens
COLUMNS = 4  # of words


class Gate(NamedTuple):
    """What the picture says of a gate; a signed one goes from -1 to 1, the others from 0, shut, to 1, open."""

    title: str
    signed: bool = False


def draw_hidden_state(figure: Any, module: SequenceNetwork, data: Any) -> None:
    """Draw what the network reads, what it holds of it, and what it would answer, over the steps of one example."""
    example = longest(data)
    states, _ = states_and_gates(module, example.x)
    order = by_phase(states[0])
    top, *middle, bottom = panels(figure, [input_height(example.x, data), *(1.4 for _ in states), 1.0])
    draw_input(top, example.x, data)
    for axes, name, state in zip(middle, "hc", states, strict=False):
        limit = float(np.quantile(abs(state), 0.98)) or 1.0  # a few large numbers should not make the others pale
        _draw_units(axes, state.T[order], "RdBu_r", -limit, limit)
        sorting = "units of like rhythm side by side" if name == "h" else "in the same order"
        title(axes, f"{name}{_of_which(module)}, {sorting}")
    draw_answer(bottom, module, data, example)


def draw_gates(figure: Any, module: SequenceNetwork, data: Any, gates: Sequence[Gate], keeps: int) -> None:
    """Draw the gates over the steps of one example; the units whose gate number `keeps` is widest open are on top."""
    example = longest(data)
    _, values = states_and_gates(module, example.x)
    blocks = np.split(values, len(gates), axis=1)
    order = blocks[keeps].mean(axis=0).argsort()[::-1]
    top, *rest = panels(figure, [input_height(example.x, data), *(1.2 for _ in gates)])
    draw_input(top, example.x, data)
    for axes, gate, block in zip(rest, gates, blocks, strict=True):
        colours, low = ("RdBu_r", -1.0) if gate.signed else ("Greens", 0.0)
        _draw_units(axes, block.T[order], colours, low, 1.0)
        title(axes, gate.title + _of_which(module))


def draw_gradient_by_lag(figure: Any, module: SequenceNetwork, data: Any) -> None:
    """Draw how much of the last answer's gradient is left after each step that it flows back."""
    if reason := why_no_gradient_by_lag(module):
        say(figure, f"This network {reason}, so that no one lag belongs to a gradient.")
        return
    many = min(GRADIENTS_OF, len(data.test[0]))
    norms = _by_lag(module, [one_of(data, row) for row in range(many)], data.task.answer)
    axes = _gradient_axes(figure)
    for memory, name in zip(range(len(norms[0])), "hc", strict=False):
        shares = [n[memory] / n[0, 0] for n in norms if n[0, 0] > 0]
        _draw_decay(axes, shares, f"gradient of {name}", (INK, OTHERS[0])[memory])
    axes.legend(frameon=False, fontsize=8)


def draw_gradients(
    figure: Any, modules: Mapping[str, SequenceNetwork], x: Array, target: Array, answer: str = "class"
) -> None:
    """Draw how much of the last answer's gradient is left in several networks, over all that each of them holds.

    Shapes: x is (N, T, inputs), or (N, T) tokens, without padding; target has N answers, or N times T.
    """
    axes = _gradient_axes(figure)
    examples = [Example(*pair) for pair in zip(x, target, strict=True)]
    for label, colour in colours_of(modules).items():
        norms = _by_lag(modules[label], examples, answer)
        shares = [np.sqrt((n**2).sum(axis=0)) / n[0, 0] for n in norms if n[0, 0] > 0]
        _draw_decay(axes, shares, label, colour)
    axes.legend(frameon=False, fontsize=8)


def draw_text(figure: Any, module: Any, data: Any, writes: Writes = write) -> None:
    """Draw what a language model writes after the beginning of a test example, always from the same seed.

    `writes(module, prompt, count, rng)` returns the tokens that go on after a prompt.
    """
    if data.task.kind != "language-modelling":
        say(figure, f"Only a language model writes; this network was trained for {data.task.kind}.")
        return
    rng = np.random.default_rng(0)
    axes = figure.subplots()
    axes.set_axis_off()
    given: list[str] = []
    if data.task.lengths:
        lines = _words(module, data, rng, writes)
    else:
        prompt = data.test[0][0][:PROMPT]
        head = _text(prompt, data)
        given, lines = wrap(head), wrap(head + _text(writes(module, prompt, LINES * WIDTH, rng), data))
    for place, line in enumerate(lines):
        look = {"family": "monospace", "fontsize": 11.5, "va": "top", "parse_math": False}
        start = len(given[place]) if place < len(given) else 0
        for text, colour in ((line[:start], MARK), (" " * start + line[start:], INK)):
            axes.text(0.0, 1 - place / LINES, text, transform=axes.transAxes, color=colour, **look)


def draw_accuracy_by_lag(
    figure: Any,
    values: Mapping[str, Mapping[str, Sequence[float]]],
    measure: str = "test/accuracy",
    chance: float | None = 0.5,
) -> None:
    """Draw a measure against the lag: the seeds of each architecture, and a line through their medians.

    `values[label][measure]` has a number for each seed; labels are architecture and lag, such as "rnn-16" or
    "rnn-relu-16", and those that are not are left out. A variant has its architecture's colour and a broken line.
    """
    curves: dict[str, dict[int, Sequence[float]]] = {}
    for label, by_measure in values.items():
        name, _, lag = label.rpartition("-")
        if name and lag.isdecimal() and measure in by_measure:
            curves.setdefault(name, {})[int(lag)] = by_measure[measure]
    if not curves:
        say(figure, f"There is no {measure} of an architecture and a lag among {', '.join(values) or 'no values'}.")
        return
    axes = figure.subplots()
    for place, (name, colour) in enumerate(colours_of(curves).items()):
        aside = 1.05 ** (place - (len(curves) - 1) / 2)  # so that no line hides another one's interval
        _draw_curve(axes, curves[name], name, colour, aside)
    if chance is not None:
        axes.axhline(chance, color=SOFT, linestyle="--", linewidth=1, label="chance", zorder=0)
    lags = sorted({lag for curve in curves.values() for lag in curve})
    axes.set_xscale("log", base=2)
    axes.set_xticks(lags, [str(lag) for lag in lags])
    axes.minorticks_off()
    if max(max(seeds) for curve in curves.values() for seeds in curve.values()) <= 1:
        axes.set_ylim(top=1.04)  # no share is larger than 1, though its interval may be
    axes.set(xlabel="lag in steps", ylabel=measure)
    _plain(axes)
    axes.legend(frameon=False, fontsize=8, handlelength=4)  # long enough to tell a broken line from a whole one


def say(figure: Any, sentence: str) -> None:
    """Write a sentence where there can be no picture."""
    figure.text(0.5, 0.5, "\n".join(wrap(sentence)), ha="center", va="center", fontsize=10, color=INK)


def wrap(text: str) -> list[str]:
    """Return the first lines of a text, those that are too long for a picture broken between words."""
    fold = TextWrapper(WIDTH, expand_tabs=False, replace_whitespace=False, break_on_hyphens=False).wrap
    return [part for line in text.split("\n") for part in (fold(line) or [""])][:LINES]


def by_phase(states: Array) -> Array:
    """Return an order of the units of states (T, hidden) in which those that go up and down together are neighbours.

    Each unit's course is seen in the plane of the two courses that explain most of all units; the angle there orders.
    """
    centred = states - states.mean(axis=0)
    if len(states) < 2 or not centred.any():
        return np.arange(states.shape[1])
    _, strength, units = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    plane = (strength[:2, None] * units[:2]) if len(units) > 1 else np.stack([units[0], 0 * units[0]])
    angle = np.arctan2(plane[1], plane[0])
    return np.asarray(angle.argsort(kind="stable"))


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for each name, that of its architecture where the name begins with one."""
    others = iter(OTHERS * 10)
    return {name: COLOURS.get(name.split("-")[0]) or next(others, INK) for name in names}


def _draw_units(axes: Any, values: Array, colours: str, low: float, high: float) -> None:
    draw_image(axes, values, colours, low, high, scale=True)
    axes.set_yticks([])
    axes.set_ylabel(f"{len(values)} units", fontsize=8)


def _of_which(module: SequenceNetwork) -> str:
    deep, both = len(module.recurrent.levels) > 1, len(module.recurrent.levels[0]) > 1
    which = ["first level"] * deep + ["read forwards"] * both
    return f" ({', '.join(which)})" if which else ""


def _by_lag(module: SequenceNetwork, examples: Sequence[Example], answer: str) -> list[Array]:
    """Return the norms (memories, T) of the gradients of each example, the last step's first."""
    norms: list[Array] = []
    for steps in sorted({len(example.x) for example in examples}):  # those of one length at once
        x, target = (np.stack(a) for a in zip(*(e for e in examples if len(e.x) == steps), strict=True))
        y = module.predict(x)
        if module.readout is None:
            y, target = y[:, -1], target[:, -1]
        _, dy = LOSSES[answer](y.astype(np.float64), target)
        dy /= np.linalg.norm(dy, axis=1, keepdims=True) + TINY  # a sure network's gradient is small from the start
        norms += list(gradient_norms(module, x, dy)[:, :, ::-1].swapaxes(0, 1))
    return norms


def _gradient_axes(figure: Any) -> Any:
    axes = figure.subplots()
    axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="lag: steps that the gradient has come back", ylabel="length of the gradient\n(of h at lag 0: 1)")
    _plain(axes)
    return axes


def _draw_decay(axes: Any, norms: Sequence[Array], label: str, colour: str) -> None:
    """Draw median and quartiles of norms by lag, as far back as half of the examples go."""
    if not any(n.any() for n in norms):
        axes.plot([], [], color=colour, label=f"{label}: none at all")
        return
    lags = int(np.median([len(n) for n in norms]))
    table = np.full((len(norms), lags), np.nan)
    for row, n in zip(table, norms, strict=True):
        row[: len(n)] = n[:lags]
    low, middle, high = np.nanquantile(table, [0.25, 0.5, 0.75], axis=0)
    some = np.flatnonzero(middle > 0)
    between = some[some > 0] if some[-1] > 1 else some  # only h is read by the answer, at lag 0
    first, last = between[[0, -1]]
    share = (middle[last] / middle[first]) ** (1 / max(last - first, 1))
    axes.fill_between(some, low[some], high[some], color=colour, alpha=0.15, linewidth=0)
    axes.plot(some, middle[some], color=colour, marker="." if lags < 40 else "", label=f"{label}: × {share:.3g} a step")


def _draw_curve(axes: Any, by_lag: Mapping[int, Sequence[float]], name: str, colour: str, aside: float) -> None:
    lags = sorted(by_lag)
    places = np.array(lags) * aside
    for lag, place in zip(lags, places, strict=True):
        axes.plot([place] * len(by_lag[lag]), by_lag[lag], ".", color=colour, alpha=0.5, markersize=7)
    style = "--" if "-" in name else "-"
    axes.plot(places, [float(np.median(by_lag[lag])) for lag in lags], style, color=colour, marker="d", label=name)


def _plain(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _text(tokens: Array, data: Any) -> str:
    return "".join(token_text(token, data) for token in tokens)


def _words(module: Any, data: Any, rng: np.random.Generator, writes: Writes) -> list[str]:
    """Return lines of short texts, each from the token that a test example begins with until it comes again."""
    wide, start = WIDTH // COLUMNS, data.test[0][0][:1]
    lines = []
    for _ in range(LINES):
        line = ""
        for _ in range(COLUMNS):
            written = writes(module, start, data.task.shape[0], rng)
            end = np.flatnonzero(written == start[0])
            line += _text(written[: end[0]] if len(end) else written, data)[: wide - 1].ljust(wide)
        lines.append(line)
    return lines
