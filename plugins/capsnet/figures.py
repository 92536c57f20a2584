"""Figures of the capsule network: capsule dimensions, routing, reconstructions, and accuracy under transformations."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.core.plots.images import draw_image, draw_image_grid
from neuralzoo.core.plots.palette import CONTRAST, HIGHLIGHT, NEUTRAL
from neuralzoo.plugins.capsnet.learner import longest
from neuralzoo.plugins.capsnet.network import CapsNet
from neuralzoo.registry import Figure
from neuralzoo.registry.dataset import Dataset

PERTURBATIONS = np.linspace(0.25, -0.25, 5)
EMPTY_PIXEL = 0.1  # a border in which no pixel is darker is cropped
COLUMNS = 10
NO_DECODER = "The network has no decoder (reconstruction=0), so there is no reconstruction to draw."


def draw_capsule_dimensions(figure: Any, module: CapsNet, data: Dataset) -> None:
    """Draw reconstructions from the longest capsule of two examples while one of its dimensions is perturbed."""
    if module.decoder is None:
        figure.text(0.5, 0.5, NO_DECODER, ha="center", va="center")
        return
    x, _, names = _one_of_each(data)
    v = module.capsules(x)
    classes = longest(np.linalg.norm(v, axis=2), 1)[:, 0]
    longest_two = np.sort(np.argsort(-np.linalg.norm(v, axis=2).max(axis=1), kind="stable")[:2])
    panels = figure.subplots(len(longest_two), 1, squeeze=False)[:, 0]
    for axes, example in zip(panels, longest_two, strict=True):
        perturbed = _perturbed(v[example], classes[example])
        y = module.decode(perturbed, np.full(len(perturbed), classes[example]))
        _draw_grid(axes, _cropped(y.reshape(len(PERTURBATIONS), -1, *x.shape[1:])))
        axes.set_title(f"capsule of {names[classes[example]]}: each of its {v.shape[2]} dimensions", fontsize=8)
        ends = ("", "") if x.ndim == 4 else (" (blue)", " (red)")
        axes.set_ylabel(f"plus\n{PERTURBATIONS[-1]:g}{ends[0]} ... {PERTURBATIONS[0]:g}{ends[1]}", fontsize=7)


def _perturbed(v: Array, which: int) -> Array:
    """Return the capsules of an example with one dimension of one capsule perturbed: step by step, one by one.

    Shapes: v is (J, D), the result (steps * D, J, D).
    """
    perturbed = np.repeat(v[None], len(PERTURBATIONS) * v.shape[1], axis=0)
    perturbed[:, which] += np.kron(PERTURBATIONS[:, None], np.eye(v.shape[1])).astype(v.dtype)
    return perturbed


def _cropped(images: Array) -> Array:
    """Return images without the border that is empty in all of them.

    Shapes: (..., H, W, C); sequences, (..., T, D), are returned as they are.
    """
    if images.ndim == 4:
        return images
    ink = images.max(axis=(0, 1, 4)) > EMPTY_PIXEL
    if not ink.any():
        return images
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return images[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def draw_routing(figure: Any, module: CapsNet, data: Dataset) -> None:
    """Draw the votes of one example by iteration: for its longest capsule by position, and for each class."""
    x, _, names = _one_of_each(data)
    v = np.linalg.norm(module.capsules(x), axis=2)
    example = int(v.max(axis=1).argmax())
    one, winner = x[example : example + 1], int(v[example].argmax())
    strength = np.linalg.norm(module.primary_capsules(one, Context())[0], axis=2)  # (1, I)
    votes = module.couplings(one)[:, 0] * strength[0, :, None]  # (iterations, I, classes)
    maps = votes[:, :, winner].reshape(len(votes), *module.primary_grid, module.primary_types).sum(axis=3)
    fractions = votes.sum(axis=1) / strength.sum()
    grid = figure.subplots(2, len(votes) + 1, squeeze=False, height_ratios=[3, 2])
    _draw_example(grid[0, 0], one[0])
    grid[0, 0].set_title(f"predicted: {names[winner]}", fontsize=8)
    grid[1, 0].set_axis_off()
    aspect = "equal" if module.primary_grid[0] > 1 else "auto"
    for iteration, (above, below) in enumerate(grid[:, 1:].T):
        image = above.imshow(maps[iteration], cmap="viridis", vmin=0, vmax=float(maps.max()), aspect=aspect)
        above.set(xticks=[], yticks=[])
        above.set_title(f"iteration {iteration + 1}: votes for {names[winner]}", fontsize=8)
        colours = [HIGHLIGHT if j == winner else NEUTRAL for j in range(fractions.shape[1])]
        below.bar(range(fractions.shape[1]), fractions[iteration], color=colours)
        below.set(ylim=(0, 1.1 * float(fractions.max())), xticks=range(fractions.shape[1]))
        below.set_xticklabels(names, fontsize=6, rotation=90 if max(map(len, names)) > 2 else 0)
        below.tick_params(axis="y", labelsize=6)
        below.spines[["top", "right"]].set_visible(False)
    grid[1, 1].set_ylabel("fraction of all votes", fontsize=7)
    bar = figure.colorbar(image, ax=grid[0, 1:].tolist(), shrink=0.8)
    bar.ax.tick_params(labelsize=6)


def draw_reconstructions(figure: Any, module: CapsNet, data: Dataset) -> None:
    """Draw examples above reconstructions from their longest capsules; two digits in two colours, and each alone."""
    if module.decoder is None:
        figure.text(0.5, 0.5, NO_DECODER, ha="center", va="center")
        return
    from matplotlib.colors import to_rgb

    x, target, names = _one_of_each(data)
    v = module.capsules(x)
    found = longest(np.linalg.norm(v, axis=2), target.shape[1])
    rows = {"example": x, "reconstruction": module.reconstruct(v, found, Context())[0]}
    if found.shape[1] == 2 and x.ndim == 4:
        first, second = (module.decode(v, found[:, i]).mean(axis=3)[..., None] for i in (0, 1))
        colours = [np.array(to_rgb(colour)) for colour in (HIGHLIGHT, CONTRAST)]
        rows["separated"] = 1 - (first * (1 - colours[0]) + second * (1 - colours[1])).clip(0, 1)
        rows |= {"longest": first, "second": second}
    figure.set_size_inches(7.2, 0.8 + 0.9 * len(rows))
    grid = figure.subplots(len(rows), len(x), squeeze=False)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            _draw_example(axes, image)
        line[0].set_ylabel(name, fontsize=7)
    for axes, own, classes in zip(grid[0], target, found, strict=True):
        truth, predicted = (" ".join(names[c] for c in sorted(k)) for k in (own, classes))
        right = truth == predicted
        title = truth if right else f"{truth}\nnot {predicted}"
        axes.set_title(title, fontsize=6, color="black" if right else HIGHLIGHT)


def draw_affine_accuracy(
    figure: Any, values: Mapping[str, Mapping[str, tuple[float, ...]]], modules: Mapping[str, Callable[[], Any]]
) -> None:
    """Draw the accuracy of each candidate on affine-transformed and on translated digits, a dot for each seed."""
    axes = figure.subplots()
    labels = list(values)
    kinds = (("test/accuracy", "affine", HIGHLIGHT), ("translated_accuracy", "translated", NEUTRAL))
    for metric, name, colour in kinds:
        for line, label in enumerate(labels):
            found = values[label][metric]
            axes.plot(found, [line] * len(found), "o", color=colour, markersize=4, alpha=0.6)
            axes.plot(np.mean(found), line, "|", color=colour, markersize=16, label=name if not line else None)
    axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel="accuracy")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def _one_of_each(data: Dataset) -> tuple[Array, Array, list[str]]:
    """Return test examples, one of each class if targets are single, their classes (N, k), and all class names."""
    x, target = data.test[0], data.test[-1]
    names = list(data.classes) or [str(j) for j in range(data.task.outputs)]
    if target.ndim > 1:
        return x[:COLUMNS], target[:COLUMNS], names
    rows = np.unique(target, return_index=True)[1][:COLUMNS]
    return x[rows], target[rows, None], names


def _draw_grid(axes: Any, examples: Array) -> None:
    """Draw images in rows and columns, or sequences as curves, those of a column over each other in different colours.

    Shapes: (rows, columns, H, W, C) or (rows, columns, T, D).
    """
    if examples.ndim == 5:
        draw_image_grid(axes, examples)
        return
    from matplotlib import colormaps

    offset = 1.2 * float(np.ptp(examples) or 1)
    steps = examples.shape[2]
    for column, sequences in enumerate(examples.swapaxes(0, 1)):
        for row, sequence in enumerate(sequences):
            colour = colormaps["coolwarm"](1 - row / (len(sequences) - 1))  # the first perturbation is the highest
            across = np.arange(steps) + 1.2 * steps * column
            axes.plot(across, sequence - offset * np.arange(sequence.shape[1]), linewidth=0.6, color=colour)
    axes.set(xticks=[], yticks=[])


def _draw_example(axes: Any, example: Array) -> None:
    """Draw an image as such, a sequence as its curves over the steps."""
    if example.ndim == 3:
        draw_image(axes, example)
        return
    axes.plot(example, linewidth=1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


FIGURES = (
    Figure(
        name="capsule_dimensions",
        caption="Reconstructions from a capsule while one of its dimensions is perturbed, one column for each.",
        draw=draw_capsule_dimensions,
    ),
    Figure(
        name="routing",
        caption="Votes for the predicted class of an example by position, and votes for each class, by iteration.",
        draw=draw_routing,
    ),
    Figure(
        name="reconstructions",
        caption="Test examples, and the reconstructions from their longest capsules.",
        draw=draw_reconstructions,
        by_epoch=True,
    ),
)
