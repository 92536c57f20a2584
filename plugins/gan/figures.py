"""The pictures of the generative adversarial network; samples are drawn from the same random numbers each time."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.plugins.gan.metrics.modes import SAMPLES, modes
from neuralzoo.plugins.gan.network import GAN
from neuralzoo.registry import Figure

REAL, MADE = "#7a8ba3", "#c2410c"
ROWS, COLUMNS = 6, 10


def draw_samples(figure: Any, module: GAN, data: Any) -> None:
    """Draw samples: pixels as a sheet of images, points in the plane over the real ones, other numbers as curves."""
    x: Array = data.test[0]
    if x.ndim == 4:
        made = module.sample(ROWS * COLUMNS, np.random.default_rng(0))
        _draw_sheet(figure.subplots(), made, ROWS)
    elif x.shape[1:] == (2,):
        _draw_points(figure, module, data)
    else:
        made = module.sample(ROWS, np.random.default_rng(0))
        for line, (real, own) in zip(figure.subplots(ROWS, 2), zip(x, made, strict=False), strict=False):
            for axes, example, colour in zip(line, (real, own), (REAL, MADE), strict=True):
                axes.plot(example, color=colour, linewidth=1)
                axes.set(xticks=[], yticks=[])
        figure.axes[0].set_title("real", fontsize=8)
        figure.axes[1].set_title("made", fontsize=8)


def _draw_points(figure: Any, module: GAN, data: Any) -> None:
    real, labels = data.test[0][:SAMPLES], data.test[-1]
    made = module.sample(SAMPLES, np.random.default_rng(0))
    axes = figure.subplots()
    axes.plot(real[:, 0], real[:, 1], ".", color=REAL, markersize=5, label="real", zorder=1)
    axes.plot(made[:, 0], made[:, 1], ".", color=MADE, markersize=2, alpha=0.5, label="made", zorder=2)
    middle, reach = real.mean(axis=0), 1.25 * float(np.abs(real - real.mean(axis=0)).max())
    axes.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach), aspect="equal")
    if labels.ndim == 1 and labels.dtype.kind in "iu":
        found = modes(data.test[0], labels, made)
        count = len(np.unique(labels))
        text = f"{found['modes_covered']:.0f} of {count} modes\n{found['in_modes']:.0%} of samples in one"
        axes.text(1.03, 0.5, text, transform=axes.transAxes, fontsize=8, va="center")
    axes.legend(frameon=False, fontsize=8, markerscale=2, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_sheet(axes: Any, images: Array, rows: int) -> None:
    """Draw images side by side in rows."""
    count, height, width, channels = images.shape
    columns = count // rows
    sheet = images.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    sheet = np.clip(sheet.reshape(rows * height, columns * width, channels), 0, 1)
    axes.imshow(sheet if channels == 3 else sheet.mean(axis=-1), cmap="gray_r", vmin=0, vmax=1)
    axes.set_axis_off()


FIGURES = (
    Figure(
        name="samples",
        caption="What the generator makes of the same random numbers; points lie over real ones.",
        draw=draw_samples,
        by_epoch=True,
    ),
)
