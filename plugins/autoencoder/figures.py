"""The pictures of the autoencoder."""

from typing import Any

import numpy as np

from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.autoencoder.baselines import in_parts, labels_of
from neuralzoo.plugins.autoencoder.network import Autoencoder
from neuralzoo.registry import Figure

COLUMNS = 10
LINES = 6
STEPS = 12
POINTS = 3000
NEUTRAL = "#7a8ba3"


def draw_reconstructions(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw examples above what the network makes of them; with noise between them where it is denoising."""
    ctx = Context(training=True, rng=np.random.default_rng(0))
    groups = []
    for x in _groups(data, LINES):
        noisy, _ = module.noise(x, ctx)
        lines = {"example": x} | ({"with noise": noisy} if noisy is not x else {}) | {"rebuilt": module.predict(noisy)}
        groups.append(lines)
    if data.test[0].ndim == 4:
        groups = groups[: LINES // len(groups[0])]
        for axes, lines in zip(figure.subplots(len(groups), squeeze=False).flat, groups, strict=True):
            _draw_sheet(axes, np.stack(list(lines.values())))
            height = data.test[0].shape[1]
            axes.set_yticks(
                [(row + 0.5) * height for row in range(len(lines))],
                list(lines),
                fontsize=8,
                rotation="vertical",
                va="center",
            )
            axes.tick_params(length=0)
        return
    grid = figure.subplots(len(groups[0]), len(groups[0]["example"]), squeeze=False, sharey=True)
    for line, (name, examples) in zip(grid, groups[0].items(), strict=True):
        for axes, example in zip(line, examples, strict=True):
            _draw_example(axes, example)
        line[0].set_ylabel(name, fontsize=8)


def draw_code_plane(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw where the codes of test examples lie; a larger code along its two axes of largest variance."""
    codes = in_parts(module.encode, data.test[0][:POINTS])
    centred = codes - codes.mean(axis=0)
    if module.code > 2:
        centred = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        names = ("first", "second")
        words = tuple(f"{name} principal axis of the {module.code} numbers" for name in names)
    else:
        centred, words = codes, ("first number", "second number")
    axes = figure.subplots()
    across, up = centred[:, 0], centred[:, 1] if centred.shape[1] > 1 else np.zeros(len(centred))
    labels = labels_of(data, "test")
    if labels is None:
        axes.plot(across, up, ".", markersize=3, color=NEUTRAL, alpha=0.6)
    else:
        classes = np.unique(labels)
        for which in classes:
            mine = labels[:POINTS] == which
            name = data.classes[which] if data.classes else str(which)
            axes.plot(across[mine], up[mine], ".", markersize=4, color=_colour(which), alpha=0.7, label=name)
        axes.legend(frameon=False, fontsize=7, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel=words[0], ylabel=words[1])
    if module.code == 1:
        axes.set(ylabel="", yticks=[])
    axes.spines[["top", "right"]].set_visible(False)


def draw_walk(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw what codes stand for: all over the plane of two numbers, else on the way from one example to another."""
    if module.code == 2:
        codes = in_parts(module.encode, data.test[0][:POINTS])
        across, up = np.quantile(codes, np.linspace(0.02, 0.98, STEPS), axis=0).T  # small steps where codes are many
        grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1)
    else:
        ends = module.encode(_groups(data, 1)[0])
        share = np.linspace(0, 1, STEPS)[:, None]
        starts, others = ends[0::2], np.roll(ends, -1, axis=0)[0::2]  # the last one without another goes to the first
        grid = starts[:, None] + share * (others - starts)[:, None]
    lines, steps, _ = grid.shape
    examples = module.decode(grid.reshape(lines * steps, -1).astype(np.float32))
    if examples.ndim == 4:
        _draw_sheet(figure.subplots(), examples.reshape(lines, steps, *examples.shape[1:]))
        return
    for axes, example in zip(figure.subplots(lines, steps, squeeze=False, sharey=True).flat, examples, strict=True):
        _draw_example(axes, example)


def draw_samples(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw what codes stand for that are drawn from the standard normal distribution."""
    if module.log_variance is None:
        words = "It is not variational: nobody knows how its codes are distributed, so that none can be drawn."
        figure.text(0.5, 0.5, words, ha="center", va="center")
        return
    examples = module.sample(LINES * COLUMNS, np.random.default_rng(0))
    if examples.ndim == 4:
        _draw_sheet(figure.subplots(), examples.reshape(LINES, COLUMNS, *examples.shape[1:]))
        return
    for axes, example in zip(figure.subplots(LINES, COLUMNS, sharey=True).flat, examples, strict=True):
        _draw_example(axes, example)


def _groups(data: Any, count: int) -> list[Array]:
    """Return so many groups of as many test examples each, one of each class where classes are known."""
    x: Array = data.test[0]
    labels = labels_of(data, "test")
    if labels is None:
        some = [x[start : start + COLUMNS] for start in range(0, min(len(x), count * COLUMNS), COLUMNS)]
        return [group for group in some if len(group) == len(some[0])]
    places = [np.flatnonzero(labels == which)[:count] for which in np.unique(labels)[:COLUMNS]]
    return [x[np.array(group)] for group in zip(*places, strict=False)]


def _draw_sheet(axes: Any, images: Array) -> None:
    """Draw images side by side and one line below the other.

    Shapes: images are (lines, columns, H, W, C).
    """
    lines, columns, height, width, channels = images.shape
    _draw_example(axes, images.swapaxes(1, 2).reshape(lines * height, columns * width, channels))


def _draw_example(axes: Any, example: Array) -> None:
    """Draw an image as such, a sequence as its curves over the steps, other numbers as bars."""
    if example.ndim == 3:
        shown = np.clip(example, 0, 1)
        axes.imshow(shown if shown.shape[-1] == 3 else shown.mean(axis=-1), cmap="gray_r", vmin=0, vmax=1)
    elif example.ndim == 2:
        axes.plot(example, linewidth=1)
    else:
        axes.bar(range(len(example)), example, color=NEUTRAL)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _colour(which: int) -> Any:
    from matplotlib import colormaps

    return colormaps["tab10"](int(which) % 10)


FIGURES = (
    Figure(
        name="reconstructions",
        caption="Test examples above what the network makes of them, through the code.",
        draw=draw_reconstructions,
        by_epoch=True,
    ),
    Figure(
        name="code_plane",
        caption="Where the codes of test examples lie; colours are classes, which the network was not told.",
        draw=draw_code_plane,
        by_epoch=True,
    ),
    Figure(
        name="walk",
        caption="What codes stand for, all over the plane of two numbers, or on the way from one example to another.",
        draw=draw_walk,
    ),
    Figure(
        name="samples",
        caption="New examples: what codes stand for that are drawn from the standard normal distribution.",
        draw=draw_samples,
        tasks=frozenset({"generation"}),
    ),
)
