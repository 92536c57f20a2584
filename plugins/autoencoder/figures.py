"""Figures of the autoencoder."""

from typing import Any

import numpy as np

from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.core.plots.images import draw_image, draw_image_grid
from neuralzoo.core.plots.palette import NEUTRAL
from neuralzoo.plugins.autoencoder.metrics import class_labels
from neuralzoo.plugins.autoencoder.network import Autoencoder
from neuralzoo.registry import Figure

COLUMNS = 10
ROWS = 6
STEPS = 12  # of an interpolation
MAX_POINTS = 3000
BATCH_SIZE = 1000


def draw_reconstructions(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw test examples above their reconstructions, with the noisy inputs between them if denoising."""
    ctx = Context(training=True, rng=np.random.default_rng(0))
    groups = []
    for x in _example_groups(data, ROWS):
        noisy, _ = module.noise(x, ctx)
        inputs = {"example": x} | ({"with noise": noisy} if noisy is not x else {})
        groups.append(inputs | {"reconstruction": module.predict(noisy)})
    if data.test[0].ndim == 4:
        groups = groups[: ROWS // len(groups[0])]
        for axes, rows in zip(figure.subplots(len(groups), squeeze=False).flat, groups, strict=True):
            draw_image_grid(axes, np.stack(list(rows.values())))
            height = data.test[0].shape[1]
            axes.set_yticks(
                [(row + 0.5) * height for row in range(len(rows))],
                list(rows),
                fontsize=8,
                rotation="vertical",
                va="center",
            )
            axes.tick_params(length=0)
        return
    grid = figure.subplots(len(groups[0]), len(groups[0]["example"]), squeeze=False, sharey=True)
    for row, (name, examples) in zip(grid, groups[0].items(), strict=True):
        for axes, example in zip(row, examples, strict=True):
            _draw_example(axes, example)
        row[0].set_ylabel(name, fontsize=8)


def draw_latent_space(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw the codes of test examples as points, on their first two principal axes if they have more dimensions."""
    codes = predict_in_batches(module.encode, data.test[0][:MAX_POINTS], BATCH_SIZE)
    points = codes - codes.mean(axis=0)
    if module.code > 2:
        points = points @ np.linalg.svd(points, full_matrices=False)[2][:2].T
        axis_labels = tuple(
            f"{nth} principal axis of the {module.code}-dimensional code" for nth in ("first", "second")
        )
    else:
        points, axis_labels = codes, ("first dimension of the code", "second dimension of the code")
    axes = figure.subplots()
    first, second = points[:, 0], points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
    labels = class_labels(data, "test")
    if labels is None:
        axes.plot(first, second, ".", markersize=3, color=NEUTRAL, alpha=0.6)
    else:
        classes = np.unique(labels)
        for which in classes:
            members = labels[:MAX_POINTS] == which
            name = data.classes[which] if data.classes else str(which)
            axes.plot(first[members], second[members], ".", markersize=4, color=_colour(which), alpha=0.7, label=name)
        axes.legend(frameon=False, fontsize=7, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1])
    if module.code == 1:
        axes.set(ylabel="", yticks=[])
    axes.spines[["top", "right"]].set_visible(False)


def draw_latent_interpolation(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw decoded codes: a grid over a two-dimensional latent space, else interpolations between pairs of examples."""
    if module.code == 2:
        codes = predict_in_batches(module.encode, data.test[0][:MAX_POINTS], BATCH_SIZE)
        first, second = np.quantile(codes, np.linspace(0.02, 0.98, STEPS), axis=0).T
        grid = np.stack(np.meshgrid(first, second[::-1]), axis=-1)
    else:
        codes = module.encode(_example_groups(data, 1)[0])
        fraction = np.linspace(0, 1, STEPS)[:, None]
        starts, ends = codes[0::2], np.roll(codes, -1, axis=0)[0::2]  # of an odd number the last one ends at the first
        grid = starts[:, None] + fraction * (ends - starts)[:, None]
    rows, steps, _ = grid.shape
    examples = module.decode(grid.reshape(rows * steps, -1).astype(np.float32))
    if examples.ndim == 4:
        draw_image_grid(figure.subplots(), examples.reshape(rows, steps, *examples.shape[1:]))
        return
    for axes, example in zip(figure.subplots(rows, steps, squeeze=False, sharey=True).flat, examples, strict=True):
        _draw_example(axes, example)


def draw_samples(figure: Any, module: Autoencoder, data: Any) -> None:
    """Draw new examples, decoded from codes drawn from the standard normal distribution."""
    if module.log_variance is None:
        text = "Not variational: the distribution of its codes is unknown, so that none can be sampled."
        figure.text(0.5, 0.5, text, ha="center", va="center")
        return
    examples = module.sample(ROWS * COLUMNS, np.random.default_rng(0))
    if examples.ndim == 4:
        draw_image_grid(figure.subplots(), examples.reshape(ROWS, COLUMNS, *examples.shape[1:]))
        return
    for axes, example in zip(figure.subplots(ROWS, COLUMNS, sharey=True).flat, examples, strict=True):
        _draw_example(axes, example)


def _example_groups(data: Any, count: int) -> list[Array]:
    """Return up to `count` groups of equally many test examples, one of each class where classes are known."""
    x: Array = data.test[0]
    labels = class_labels(data, "test")
    if labels is None:
        groups = [x[start : start + COLUMNS] for start in range(0, min(len(x), count * COLUMNS), COLUMNS)]
        return [group for group in groups if len(group) == len(groups[0])]
    members = [np.flatnonzero(labels == which)[:count] for which in np.unique(labels)[:COLUMNS]]
    return [x[np.array(group)] for group in zip(*members, strict=False)]


def _draw_example(axes: Any, example: Array) -> None:
    """Draw an image, the curves of a sequence over its steps, or the bars of tabular features."""
    if example.ndim == 3:
        draw_image(axes, example)
        return
    if example.ndim == 2:
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
        caption="Test examples above their reconstructions.",
        draw=draw_reconstructions,
        by_epoch=True,
    ),
    Figure(
        name="latent_space",
        caption="The codes of test examples; colours are classes, which training does not use.",
        draw=draw_latent_space,
        by_epoch=True,
    ),
    Figure(
        name="latent_interpolation",
        caption="Decoded codes, on a grid over two dimensions, or interpolated between pairs of test examples.",
        draw=draw_latent_interpolation,
    ),
    Figure(
        name="samples",
        caption="New examples, decoded from codes drawn from the standard normal distribution.",
        draw=draw_samples,
        tasks=frozenset({"generation"}),
    ),
)
