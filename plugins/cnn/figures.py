"""Figures of the convolutional network: filters, feature maps, maximally activating patches."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuralzoo.core.blocks.conv import Conv1D, Conv2D
from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import HIGHLIGHT, INK, MISSING, MUTED
from neuralzoo.plugins.cnn.network import CNN
from neuralzoo.plugins.cnn.receptive_field import ReceptiveField, receptive_fields
from neuralzoo.registry import Figure
from neuralzoo.registry.dataset import Dataset

MAX_FILTERS = 32
MAPS_PER_ROW = 8
MAX_STAGES = 4
UNITS_PER_STAGE, PATCHES_PER_UNIT = 4, 8
SEARCHED_EXAMPLES = 500  # for maximally activating patches


def draw_filters(figure: Any, module: CNN, data: Dataset) -> None:
    """Draw the kernels of largest norm of the first convolution: images, or lines over the steps of a sequence."""
    conv = next(layer for layer in module.stages[0].layers if isinstance(layer, Conv1D | Conv2D))
    kernels = np.moveaxis(conv.weight.value, -1, 0)  # (units, kernel..., channels)
    strongest = np.square(kernels).reshape(len(kernels), -1).sum(axis=1).argsort()[::-1][:MAX_FILTERS]
    rows = -(-len(strongest) // MAPS_PER_ROW)
    figure.set_size_inches(7.2, 0.4 + 0.9 * rows)
    grid = figure.subplots(rows, MAPS_PER_ROW, squeeze=False)
    for axes, unit in zip(grid.flat, strongest, strict=False):
        kernel = kernels[unit]
        limit = float(abs(kernel).max()) or 1.0
        if kernel.ndim == 2:
            axes.axhline(0, color=MUTED, linewidth=0.6)
            axes.plot(kernel, marker=".", color=HIGHLIGHT if kernel.shape[1] == 1 else None, linewidth=1)
            axes.set_ylim(-1.1 * limit, 1.1 * limit)
        elif kernel.shape[-1] == 3:
            axes.imshow(0.5 + kernel / (2 * limit))
        else:
            axes.imshow(kernel.mean(axis=-1), cmap="RdBu_r", vmin=-limit, vmax=limit)
    for axes in grid.flat:
        axes.set_axis_off()


def draw_feature_maps(figure: Any, module: CNN, data: Dataset) -> None:
    """Draw one test example and its feature maps in each stage, those of largest variance."""
    example = data.test[0][0]
    maps = [stage[0] for stage in module.feature_maps(data.test[0][:1])][:MAX_STAGES]
    titles = ["input", *(f"stage {n + 1}: {m.shape[-1]} maps of {_size(m)}" for n, m in enumerate(maps))]
    if example.ndim == 2:
        figure.set_size_inches(7.2, 1.3 * len(titles))
        column = figure.subplots(len(titles), 1, squeeze=False)[:, 0]
        column[0].plot(example, color=INK if example.shape[1] == 1 else None, linewidth=1)
        column[0].set_xlim(-0.5, len(example) - 0.5)
        for axes, stage in zip(column[1:], maps, strict=True):
            limit = float(abs(stage).max()) or 1.0
            axes.imshow(stage.T, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
            axes.locator_params(integer=True)
        for axes, title in zip(column, titles, strict=True):
            axes.set_title(title, fontsize=8, loc="left")
            axes.tick_params(labelsize=7)
        column[-1].set_xlabel("position; each row of an image is a feature map", fontsize=8)
        return
    figure.set_size_inches(7.2, 1.15 * len(titles))
    grid = figure.subplots(len(titles), MAPS_PER_ROW, squeeze=False)
    show(grid[0, 0], example)
    for row, stage in zip(grid[1:], maps, strict=True):
        limit = float(abs(stage).max()) or 1.0
        for axes, unit in zip(row, stage.std(axis=(0, 1)).argsort()[::-1], strict=False):
            axes.imshow(stage[..., unit], cmap="RdBu_r", vmin=-limit, vmax=limit)
    for row, title in zip(grid, titles, strict=True):
        row[0].set_title(title, fontsize=8, loc="left")
    for axes in grid.flat:
        axes.set_axis_off()


def draw_max_activating_patches(figure: Any, module: CNN, data: Dataset) -> None:
    """Draw the patches of test examples that maximally activate a few units of each stage."""
    x = data.test[0][:SEARCHED_EXAMPLES]
    stages = list(zip(module.feature_maps(x), receptive_fields(module), strict=True))[:MAX_STAGES]
    lines = x.ndim == 3
    figure.set_size_inches(7.2, (1.5 if lines else 3.3) * len(stages))
    grid = figure.subplots(len(stages), UNITS_PER_STAGE if lines else 1, squeeze=False)
    for number, (row, (maps, fields)) in enumerate(zip(grid, stages, strict=True)):
        units = maps.std(axis=tuple(range(maps.ndim - 1))).argsort()[::-1][:UNITS_PER_STAGE]
        patches_by_unit = [max_activating_patches(x, maps[..., unit], fields) for unit in units]
        if lines:
            for axes, patches, unit in zip(row, patches_by_unit, units, strict=False):
                for channel in range(x.shape[2]):
                    colour = HIGHLIGHT if x.shape[2] == 1 else f"C{channel % 10}"
                    axes.plot(patches[..., channel].T, color=colour, linewidth=0.8, alpha=0.5)
                axes.locator_params(axis="x", integer=True)
                axes.set_title(f"stage {number + 1}, unit {unit}", fontsize=8)
                axes.tick_params(labelsize=7)
        else:
            show(row[0], _mosaic(patches_by_unit))
            row[0].set_title(f"stage {number + 1}, units {', '.join(map(str, units))}", fontsize=8, loc="left")
    for axes in grid.flat:
        if not axes.lines:
            axes.set_axis_off()


def max_activating_patches(x: Array, activity: Array, fields: tuple[ReceptiveField, ...]) -> Array:
    """Return the receptive fields of a unit's maximal activations, one per example; the padding is NaN.

    Shapes: x is (N, H, W, C) or (N, T, D), activity (N, H', W') or (N, T'), patches (K, *sizes of the fields, C or D).
    """
    flat = activity.reshape(len(x), -1)
    best = flat.argmax(axis=1)
    patches = []
    for n in flat.max(axis=1).argsort()[::-1][:PATCHES_PER_UNIT]:
        unit = np.unravel_index(best[n], activity.shape[1:])
        patch = x[n].astype(np.float32)
        for axis, (field, at) in enumerate(zip(fields, unit, strict=True)):
            positions = np.array(field.positions(int(at)))
            inside = (positions >= 0) & (positions < x.shape[axis + 1])
            patch = np.take(patch, np.clip(positions, 0, x.shape[axis + 1] - 1), axis=axis)
            outside = [slice(None)] * axis + [~inside]
            patch[tuple(outside)] = np.nan
        patches.append(patch)
    return np.stack(patches)


def show(axes: Any, image: Array) -> None:
    """Draw an image (H, W, C), in colour if it has three channels; NaN is grey."""
    if image.shape[-1] == 3:
        axes.imshow(np.clip(np.nan_to_num(image, nan=0.7), 0, 1))
        return
    from matplotlib import colormaps

    axes.imshow(image.mean(axis=-1), cmap=colormaps["gray_r"].with_extremes(bad=MISSING))


def _mosaic(rows: Sequence[Array], gap: int = 1) -> Array:
    """Return rows of patches as one image with gaps between them."""
    padded = [np.pad(row, ((0, 0), (gap, gap), (gap, gap), (0, 0)), constant_values=np.nan) for row in rows]
    mosaic: Array = np.concatenate([np.concatenate(list(row), axis=1) for row in padded], axis=0)
    return mosaic


def _size(maps: Array) -> str:
    return " x ".join(map(str, maps.shape[:-1]))


FIGURES = (
    Figure(
        name="first_layer_filters",
        caption="First-layer kernels of largest norm: red is positive, blue negative; lines for sequences.",
        draw=draw_filters,
    ),
    Figure(
        name="feature_maps",
        caption="One test example and its feature maps in each stage: red is positive, blue negative.",
        draw=draw_feature_maps,
    ),
    Figure(
        name="max_activating_patches",
        caption="Maximally activating patches: the receptive fields of a unit's largest activations on test examples.",
        draw=draw_max_activating_patches,
    ),
)
