"""Images and grids of images on matplotlib axes that the caller provides."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import IMAGES


def draw_image(axes: Any, image: Array) -> None:
    """Draw an image of values from 0 to 1, clipped: in colour if it has three channels, else their mean, 1 is black.

    Shapes: image is (H, W, C).
    """
    shown = np.clip(image, 0, 1)
    axes.imshow(shown if shown.shape[-1] == 3 else shown.mean(axis=-1), cmap=IMAGES, vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_image_grid(axes: Any, images: Array) -> None:
    """Draw a grid of images as one, without gaps.

    Shapes: images are (rows, columns, H, W, C).
    """
    rows, columns, height, width, channels = images.shape
    draw_image(axes, images.swapaxes(1, 2).reshape(rows * height, columns * width, channels))
