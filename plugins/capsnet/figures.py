"""The pictures of the capsule network: what its numbers stand for, who sends to whom, what it takes apart."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.capsnet.learner import longest
from neuralzoo.plugins.capsnet.network import CapsNet
from neuralzoo.registry import Figure

STEPS = np.linspace(0.25, -0.25, 5)
RIM = 0.1  # pixels that are nowhere darker than this are empty
COLUMNS = 10
NEUTRAL = "#7a8ba3"
FIRST, SECOND = np.array([0.76, 0.25, 0.05]), np.array([0.06, 0.46, 0.43])  # colours of two digits
NO_DECODER = "It has no decoder, for its reconstruction is 0: nobody sees what a capsule stands for."


def draw_numbers(figure: Any, module: CapsNet, data: Any) -> None:
    """Draw what the longest capsule of two examples stands for when one of its numbers is moved, column by column."""
    if module.decoder is None:
        figure.text(0.5, 0.5, NO_DECODER, ha="center", va="center")
        return
    x, _, names = _one_of_each(data)
    v = module.capsules(x)
    classes = longest(np.linalg.norm(v, axis=2), 1)[:, 0]
    sure = np.sort(np.argsort(-np.linalg.norm(v, axis=2).max(axis=1), kind="stable")[:2])
    panels = figure.subplots(len(sure), 1, squeeze=False)[:, 0]
    for axes, example in zip(panels, sure, strict=True):
        moved = _moved(v[example], classes[example])
        shown = module.decode(moved, np.full(len(moved), classes[example])).reshape(len(STEPS), -1, *x.shape[1:])
        _draw_sheet(axes, _cropped(shown))
        axes.set_title(f"the capsule of {names[classes[example]]}: each of its {v.shape[2]} numbers", fontsize=8)
        ends = ("", "") if x.ndim == 4 else (" (blue)", " (red)")
        axes.set_ylabel(f"moved by\n{STEPS[-1]:g}{ends[0]} ... {STEPS[0]:g}{ends[1]}", fontsize=7)


def _moved(v: Array, which: int) -> Array:
    """Return the capsules of an example with one number of one capsule moved: step by step, number by number.

    Shapes: v is (J, D), the result (steps * D, J, D).
    """
    moved = np.repeat(v[None], len(STEPS) * v.shape[1], axis=0)
    moved[:, which] += np.kron(STEPS[:, None], np.eye(v.shape[1])).astype(v.dtype)
    return moved


def _cropped(shown: Array) -> Array:
    """Return images without the rim that is empty in all of them.

    Shapes: (..., H, W, C); sequences, (..., T, D), stay what they are.
    """
    if shown.ndim == 4:
        return shown
    ink = shown.max(axis=(0, 1, 4)) > RIM
    if not ink.any():
        return shown
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return shown[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def draw_routing(figure: Any, module: CapsNet, data: Any) -> None:
    """Draw for one example, by round, from where its longest capsule gets its votes, and what each class gets."""
    x, _, names = _one_of_each(data)
    v = np.linalg.norm(module.capsules(x), axis=2)
    example = int(v.max(axis=1).argmax())
    one, winner = x[example : example + 1], int(v[example].argmax())
    strength = np.linalg.norm(module.children(one, Context())[0], axis=2)  # (1, I)
    sent = module.couplings(one)[:, 0] * strength[0, :, None]  # (rounds, I, classes)
    places = sent[:, :, winner].reshape(len(sent), *module.places, module.kinds).sum(axis=3)
    shares = sent.sum(axis=1) / strength.sum()
    grid = figure.subplots(2, len(sent) + 1, squeeze=False, height_ratios=[3, 2])
    _draw_example(grid[0, 0], one[0])
    grid[0, 0].set_title(f"taken for {names[winner]}", fontsize=8)
    grid[1, 0].set_axis_off()
    aspect = "equal" if module.places[0] > 1 else "auto"
    for number, (above, below) in enumerate(grid[:, 1:].T):
        picture = above.imshow(places[number], cmap="viridis", vmin=0, vmax=float(places.max()), aspect=aspect)
        above.set(xticks=[], yticks=[])
        above.set_title(f"round {number + 1}: sent to {names[winner]}", fontsize=8)
        colours = ["#c2410c" if j == winner else NEUTRAL for j in range(shares.shape[1])]
        below.bar(range(shares.shape[1]), shares[number], color=colours)
        below.set(ylim=(0, 1.1 * float(shares.max())), xticks=range(shares.shape[1]))
        below.set_xticklabels(names, fontsize=6, rotation=90 if max(map(len, names)) > 2 else 0)
        below.tick_params(axis="y", labelsize=6)
        below.spines[["top", "right"]].set_visible(False)
    grid[1, 1].set_ylabel("share of all that is sent", fontsize=7)
    bar = figure.colorbar(picture, ax=grid[0, 1:].tolist(), shrink=0.8)
    bar.ax.tick_params(labelsize=6)


def draw_rebuilt(figure: Any, module: CapsNet, data: Any) -> None:
    """Draw examples above what their longest capsules stand for; two digits in two colours, and each alone."""
    if module.decoder is None:
        figure.text(0.5, 0.5, NO_DECODER, ha="center", va="center")
        return
    x, target, names = _one_of_each(data)
    v = module.capsules(x)
    found = longest(np.linalg.norm(v, axis=2), target.shape[1])
    rows = {"example": x, "rebuilt": module.rebuild(v, found, Context())[0]}
    if found.shape[1] == 2 and x.ndim == 4:
        first, second = (module.decode(v, found[:, i]).mean(axis=3)[..., None] for i in (0, 1))
        rows["taken apart"] = 1 - (first * (1 - FIRST) + second * (1 - SECOND)).clip(0, 1)
        rows |= {"longest": first, "second": second}
    figure.set_size_inches(7.2, 0.8 + 0.9 * len(rows))
    grid = figure.subplots(len(rows), len(x), squeeze=False)
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            _draw_example(axes, picture)
        line[0].set_ylabel(name, fontsize=7)
    for axes, own, classes in zip(grid[0], target, found, strict=True):
        truth, answer = (" ".join(names[c] for c in sorted(many)) for many in (own, classes))
        right = truth == answer
        axes.set_title(truth if right else f"{truth}\nnot {answer}", fontsize=6, color="black" if right else "#c2410c")


def draw_parts(
    figure: Any, values: Mapping[str, Mapping[str, tuple[float, ...]]], modules: Mapping[str, Callable[[], Any]]
) -> None:
    """Draw what each contestant tells of bent digits and of moved ones, a dot for each seed."""
    axes = figure.subplots()
    labels = list(values)
    for measure, name, colour in (("test/accuracy", "bent", "#c2410c"), ("moved", "moved", NEUTRAL)):
        for line, label in enumerate(labels):
            found = values[label][measure]
            axes.plot(found, [line] * len(found), "o", color=colour, markersize=4, alpha=0.6)
            axes.plot(np.mean(found), line, "|", color=colour, markersize=16, label=name if not line else None)
    axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel="share of digits that are told")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def _one_of_each(data: Any) -> tuple[Array, Array, list[str]]:
    """Return test examples, one of each class if there is one class each, their classes (N, k), and all names."""
    x, target = data.test[0], data.test[-1]
    names = list(data.classes) or [str(j) for j in range(data.task.outputs)]
    if target.ndim > 1:
        return x[:COLUMNS], target[:COLUMNS], names
    rows = np.unique(target, return_index=True)[1][:COLUMNS]
    return x[rows], target[rows, None], names


def _draw_sheet(axes: Any, shown: Array) -> None:
    """Draw images in rows and columns, or sequences as curves, those of a column over each other in different colours.

    Shapes: (rows, columns, H, W, C) or (rows, columns, T, D).
    """
    if shown.ndim == 5:
        lines, columns, height, width, channels = shown.shape
        sheet = shown.swapaxes(1, 2).reshape(lines * height, columns * width, channels)
        _draw_example(axes, sheet)
        return
    from matplotlib import colormaps

    apart = 1.2 * float(np.ptp(shown) or 1)
    steps = shown.shape[2]
    for place, sequences in enumerate(shown.swapaxes(0, 1)):
        for line, sequence in enumerate(sequences):
            colour = colormaps["coolwarm"](1 - line / (len(sequences) - 1))  # the first step is the highest
            across = np.arange(steps) + 1.2 * steps * place
            axes.plot(across, sequence - apart * np.arange(sequence.shape[1]), linewidth=0.6, color=colour)
    axes.set(xticks=[], yticks=[])


def _draw_example(axes: Any, example: Array) -> None:
    """Draw an image as such, a sequence as its curves over the steps."""
    if example.ndim == 3:
        shown = np.clip(example, 0, 1)
        axes.imshow(shown if shown.shape[-1] == 3 else shown.mean(axis=-1), cmap="gray_r", vmin=0, vmax=1)
    else:
        axes.plot(example, linewidth=1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


FIGURES = (
    Figure(
        name="capsule_numbers",
        caption="What a capsule stands for when one of its numbers is moved, one column for each number.",
        draw=draw_numbers,
    ),
    Figure(
        name="routing",
        caption="Where the class that an example is taken for gets its votes from, and what each class gets, by round.",
        draw=draw_routing,
    ),
    Figure(
        name="rebuilt",
        caption="Test examples, and what their longest capsules stand for.",
        draw=draw_rebuilt,
        by_epoch=True,
    ),
)
