"""Figures of the generative adversarial network; samples are drawn from the same latent noise each time."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.images import draw_image_grid
from neuralzoo.core.plots.palette import HIGHLIGHT as FAKE
from neuralzoo.core.plots.palette import NEUTRAL as REAL
from neuralzoo.plugins.gan.metrics.modes import SAMPLES, mode_metrics
from neuralzoo.plugins.gan.network import GAN
from neuralzoo.registry import Figure

ROWS, COLUMNS = 6, 10


def draw_samples(figure: Any, module: GAN, data: Any) -> None:
    """Draw samples: images in a grid, points in the plane over real ones, other examples as curves beside real ones."""
    x: Array = data.test[0]
    if x.ndim == 4:
        fake = module.sample(ROWS * COLUMNS, np.random.default_rng(0))
        draw_image_grid(figure.subplots(), fake.reshape(ROWS, COLUMNS, *fake.shape[1:]))
    elif x.shape[1:] == (2,):
        _draw_points(figure, module, data)
    else:
        fake = module.sample(ROWS, np.random.default_rng(0))
        for row, pair in zip(figure.subplots(ROWS, 2), zip(x, fake, strict=False), strict=False):
            for axes, example, colour in zip(row, pair, (REAL, FAKE), strict=True):
                axes.plot(example, color=colour, linewidth=1)
                axes.set(xticks=[], yticks=[])
        figure.axes[0].set_title("real", fontsize=8)
        figure.axes[1].set_title("generated", fontsize=8)


def _draw_points(figure: Any, module: GAN, data: Any) -> None:
    real, labels = data.test[0][:SAMPLES], data.test[-1]
    fake = module.sample(SAMPLES, np.random.default_rng(0))
    axes = figure.subplots()
    axes.plot(real[:, 0], real[:, 1], ".", color=REAL, markersize=5, label="real", zorder=1)
    axes.plot(fake[:, 0], fake[:, 1], ".", color=FAKE, markersize=2, alpha=0.5, label="generated", zorder=2)
    mean, half = real.mean(axis=0), 1.25 * float(np.abs(real - real.mean(axis=0)).max())
    axes.set(xlim=(mean[0] - half, mean[0] + half), ylim=(mean[1] - half, mean[1] + half), aspect="equal")
    if labels.ndim == 1 and labels.dtype.kind in "iu":
        metrics = mode_metrics(data.test[0], labels, fake)
        count = len(np.unique(labels))
        text = (
            f"{metrics['modes_covered']:.0f} of {count} modes\n{metrics['high_quality_fraction']:.0%} of samples in one"
        )
        axes.text(1.03, 0.5, text, transform=axes.transAxes, fontsize=8, va="center")
    axes.legend(frameon=False, fontsize=8, markerscale=2, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.spines[["top", "right"]].set_visible(False)


FIGURES = (
    Figure(
        name="samples",
        caption="Generated samples, from the same latent noise each time; points lie over real ones.",
        draw=draw_samples,
        by_epoch=True,
    ),
)
