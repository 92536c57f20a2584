"""The pictures of the convolutional network."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuralzoo.core.blocks.conv import Conv1D, Conv2D
from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import HIGHLIGHT, INK, MISSING, MUTED
from neuralzoo.plugins.cnn.network import CNN
from neuralzoo.plugins.cnn.receptive_field import Field, receptive_fields
from neuralzoo.registry import Figure

MOST_FILTERS = 32
MOST_MAPS = 8
MOST_STAGES = 4
UNITS, PATCHES = 4, 8
EXAMPLES = 500  # searched for what excites a unit


def draw_filters(figure: Any, module: CNN, data: Any) -> None:
    """Draw the strongest kernels of the first convolution: pictures, or lines over the steps of a sequence."""
    conv = next(layer for layer in module.stages[0].layers if isinstance(layer, Conv1D | Conv2D))
    kernels = np.moveaxis(conv.weight.value, -1, 0)  # (units, kernel..., channels)
    strongest = np.square(kernels).reshape(len(kernels), -1).sum(axis=1).argsort()[::-1][:MOST_FILTERS]
    rows = -(-len(strongest) // MOST_MAPS)
    figure.set_size_inches(7.2, 0.4 + 0.9 * rows)
    grid = figure.subplots(rows, MOST_MAPS, squeeze=False)
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


def draw_feature_maps(figure: Any, module: CNN, data: Any) -> None:
    """Draw one test example and what each stage makes of it: the maps that vary most."""
    example = data.test[0][0]
    maps = [stage[0] for stage in module.feature_maps(data.test[0][:1])][:MOST_STAGES]
    titles = ["what is read", *(f"stage {n + 1}: {m.shape[-1]} maps of {_size(m)}" for n, m in enumerate(maps))]
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
        column[-1].set_xlabel("place; each row of a picture is a map", fontsize=8)
        return
    figure.set_size_inches(7.2, 1.15 * len(titles))
    grid = figure.subplots(len(titles), MOST_MAPS, squeeze=False)
    show(grid[0, 0], example)
    for row, stage in zip(grid[1:], maps, strict=True):
        limit = float(abs(stage).max()) or 1.0
        for axes, unit in zip(row, stage.std(axis=(0, 1)).argsort()[::-1], strict=False):
            axes.imshow(stage[..., unit], cmap="RdBu_r", vmin=-limit, vmax=limit)
    for row, title in zip(grid, titles, strict=True):
        row[0].set_title(title, fontsize=8, loc="left")
    for axes in grid.flat:
        axes.set_axis_off()


def draw_exciting_patches(figure: Any, module: CNN, data: Any) -> None:
    """Draw for a few units of each stage the patches of test examples that excite them most."""
    x = data.test[0][:EXAMPLES]
    stages = list(zip(module.feature_maps(x), receptive_fields(module), strict=True))[:MOST_STAGES]
    lines = x.ndim == 3
    figure.set_size_inches(7.2, (1.5 if lines else 3.3) * len(stages))
    grid = figure.subplots(len(stages), UNITS if lines else 1, squeeze=False)
    for number, (row, (maps, fields)) in enumerate(zip(grid, stages, strict=True)):
        places = tuple(range(maps.ndim - 1))
        units = maps.std(axis=places).argsort()[::-1][:UNITS]
        found = [exciting_patches(x, maps[..., unit], fields) for unit in units]
        if lines:
            for axes, patches, unit in zip(row, found, units, strict=False):
                for channel in range(x.shape[2]):
                    colour = HIGHLIGHT if x.shape[2] == 1 else f"C{channel % 10}"
                    axes.plot(patches[..., channel].T, color=colour, linewidth=0.8, alpha=0.5)
                axes.locator_params(axis="x", integer=True)
                axes.set_title(f"stage {number + 1}, unit {unit}", fontsize=8)
                axes.tick_params(labelsize=7)
        else:
            show(row[0], _mosaic(found))
            row[0].set_title(f"stage {number + 1}, units {', '.join(map(str, units))}", fontsize=8, loc="left")
    for axes in grid.flat:
        if not axes.lines:
            axes.set_axis_off()


def exciting_patches(x: Array, activity: Array, fields: tuple[Field, ...]) -> Array:
    """Return the parts of examples that a unit saw when it was most active, one of an example; outside is NaN.

    Shapes: x is (N, H, W, C) or (N, T, D), activity (N, H', W') or (N, T'), patches (K, *sizes of the fields, C or D).
    """
    flat = activity.reshape(len(x), -1)
    best = flat.argmax(axis=1)
    patches = []
    for n in flat.max(axis=1).argsort()[::-1][:PATCHES]:
        unit = np.unravel_index(best[n], activity.shape[1:])
        patch = x[n].astype(np.float32)
        for axis, (field, at) in enumerate(zip(fields, unit, strict=True)):
            places = np.array(field.places(int(at)))
            inside = (places >= 0) & (places < x.shape[axis + 1])
            patch = np.take(patch, np.clip(places, 0, x.shape[axis + 1] - 1), axis=axis)
            outside = [slice(None)] * axis + [~inside]
            patch[tuple(outside)] = np.nan
        patches.append(patch)
    return np.stack(patches)


def show(axes: Any, picture: Array) -> None:
    """Draw a picture (H, W, C), in colour if it has three channels; what is NaN is grey."""
    if picture.shape[-1] == 3:
        axes.imshow(np.clip(np.nan_to_num(picture, nan=0.7), 0, 1))
        return
    from matplotlib import colormaps

    axes.imshow(picture.mean(axis=-1), cmap=colormaps["gray_r"].with_extremes(bad=MISSING))


def _mosaic(rows: Sequence[Array], gap: int = 1) -> Array:
    """Return rows of patches as one picture with gaps between them."""
    padded = [np.pad(row, ((0, 0), (gap, gap), (gap, gap), (0, 0)), constant_values=np.nan) for row in rows]
    mosaic: Array = np.concatenate([np.concatenate(list(row), axis=1) for row in padded], axis=0)
    return mosaic


def _size(maps: Array) -> str:
    return " x ".join(map(str, maps.shape[:-1]))


FIGURES = (
    Figure(
        name="first_layer_filters",
        caption="The strongest kernels of the first convolution: red adds, blue takes away; lines over a sequence.",
        draw=draw_filters,
    ),
    Figure(
        name="feature_maps",
        caption="One test example and what the stages make of it: red is positive, blue negative.",
        draw=draw_feature_maps,
    ),
    Figure(
        name="exciting_patches",
        caption="What units look for: the parts of test examples, as large as they see, that excite them most.",
        draw=draw_exciting_patches,
    ),
)
