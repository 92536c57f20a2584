"""The pictures of the transformer: what its heads look at, and what it writes."""

from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.panels import EACH_STEP, INK, longest, shown, token_text
from neuralzoo.core.plots.recurrent import draw_text
from neuralzoo.plugins.transformer.generation import write
from neuralzoo.plugins.transformer.network import Transformer
from neuralzoo.plugins.transformer.tracing import looks
from neuralzoo.registry import Figure

MOST_BLOCKS, MOST_HEADS = 4, 6  # that fit
MOST_LETTERS = 24  # that fit along the side of a map


def draw_looks(figure: Any, module: Transformer, data: Any) -> None:
    """Draw what every head of every block looks at in one test example: a map of an image, or a table of positions."""
    image = data.task.input == "image"
    x = data.test[0][0] if image else longest(data).x
    if data.task.vocabulary is not None and data.task.kind in EACH_STEP:
        x = x[:MOST_LETTERS]  # of a text: so many that letters are legible
    p = looks(module, x[None])[:MOST_BLOCKS, 0, :MOST_HEADS]  # (blocks, heads, T, T)
    blocks, heads = p.shape[:2]
    figure.set_size_inches(1.0 + 2.1 * (heads + image), 0.7 + 2.2 * blocks)
    panels = figure.subplots(blocks, heads + image, squeeze=False)
    for block, row in enumerate(panels):
        if image:
            _draw_picture(row[0], x)
        for head, axes in enumerate(row[image:]):
            if image:
                _draw_on_picture(axes, _by_square(p[block, head], module, x), x)
            else:
                _draw_table(axes, p[block, head])
            axes.set_title(f"block {block + 1}, head {head + 1}", fontsize=7, color=INK)
    if not image:
        _name_positions(panels, x, p.shape[-1], data)


def draw_writing(figure: Any, module: Transformer, data: Any) -> None:
    """Draw what a language model writes after the beginning of a test example, always from the same seed."""
    draw_text(figure, module, data, write)


def _by_square(p: Array, module: Transformer, image: Array) -> Array:
    """Return how much is taken from each square of an image: by the vector in front, else by all on average."""
    taken = p[0, 1:] if module.front is not None else p.mean(axis=0)
    patches = getattr(module.read, "patches")  # noqa: B009 - a reader of images has them
    return taken.reshape(image.shape[0] // patches.patch, image.shape[1] // patches.patch)


def _draw_picture(axes: Any, image: Array, alpha: float = 1.0) -> None:
    axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="Greys", alpha=alpha)
    axes.set_axis_off()


def _draw_on_picture(axes: Any, taken: Array, image: Array) -> None:
    height, width = image.shape[:2]
    _draw_picture(axes, image, alpha=0.4)  # so that its ink is not taken for a look
    look = {"cmap": "Oranges", "alpha": 0.65, "vmin": 0.0, "interpolation": "nearest"}
    axes.imshow(taken, extent=(-0.5, width - 0.5, height - 0.5, -0.5), **look)


def _draw_table(axes: Any, p: Array) -> None:
    axes.imshow(p, cmap="Oranges", vmin=0.0, vmax=max(float(np.quantile(p, 0.99)), 1e-6), interpolation="nearest")
    axes.tick_params(labelsize=6)


def _name_positions(panels: Any, x: Array, steps: int, data: Any) -> None:
    """Write the tokens along the tables where they fit, and say which side is which."""
    letters = data.task.vocabulary is not None and len(x) == steps <= MOST_LETTERS
    names = [shown(token_text(token, data)) for token in x] if letters else []
    for axes in panels.flat:
        if letters:
            axes.set_xticks(range(steps), names, fontsize=5, parse_math=False)
            axes.set_yticks(range(steps), names, fontsize=5, parse_math=False)
        else:
            axes.xaxis.get_major_locator().set_params(integer=True, nbins=4)
            axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    panels[-1, 0].set_xlabel("looked at", fontsize=7)
    panels[-1, 0].set_ylabel("position that looks", fontsize=7)


FIGURES = (
    Figure(
        name="attention",
        caption="What each head looks at in a test example: the darker the orange, the more it takes from there.",
        draw=draw_looks,
    ),
    Figure(
        name="text",
        caption="What the network writes, letter by letter as it expects them; what is orange was given to it.",
        draw=draw_writing,
        by_epoch=True,
        tasks=frozenset({"language-modelling"}),
    ),
)
