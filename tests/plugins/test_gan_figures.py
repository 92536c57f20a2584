from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.plugins.gan import architecture
from neuralzoo.plugins.gan.figures import COLUMNS, FIGURES, ROWS
from neuralzoo.registry import Task

Canvas = pytest.importorskip("matplotlib.figure", reason="figures need the extra 'experiments'").Figure
RNG = np.random.default_rng(0)
SQUARE = np.array([[2.0, 2.0], [2.0, -2.0], [-2.0, 2.0], [-2.0, -2.0]])


class FixedSamples:
    """A stand-in for a GAN whose samples are given examples, repeated."""

    def __init__(self, examples):
        self.examples = examples

    def sample(self, count, rng):
        return self.examples[np.arange(count) % len(self.examples)]


def drawn(module, x, labels):
    figure = Canvas(figsize=(7.2, 4.5), layout="constrained")
    FIGURES[0].draw(figure, module, SimpleNamespace(test=(x, labels)))
    figure.draw_without_rendering()
    return figure


def corners(count):
    labels = np.arange(count) % 4
    return SQUARE[labels] + 0.05 * RNG.normal(size=(count, 2)), labels


def test_points_are_drawn_over_real_ones_with_the_number_of_covered_modes():
    x, labels = corners(400)
    axes = drawn(FixedSamples(SQUARE[:3]), x, labels).axes[0]
    real, fake = (line.get_xydata() for line in axes.get_lines())
    np.testing.assert_allclose(real, x)
    assert {tuple(point) for point in fake} == {tuple(point) for point in SQUARE[:3]}
    assert [text.get_text() for text in axes.texts] == ["3 of 4 modes\n100% of samples in one"]
    assert axes.get_xlim()[1] - axes.get_xlim()[0] == pytest.approx(axes.get_ylim()[1] - axes.get_ylim()[0])


def test_points_without_classes_are_drawn_without_modes():
    x, _ = corners(40)
    assert not drawn(FixedSamples(SQUARE), x, x).axes[0].texts


def test_the_image_grid_shows_each_generated_image_row_by_row():
    images = RNG.random((ROWS * COLUMNS, 3, 5, 1))
    grid = drawn(FixedSamples(images), images, images).axes[0].get_images()[0].get_array()
    assert grid.shape == (3 * ROWS, 5 * COLUMNS)
    for index, image in enumerate(images[..., 0]):
        row, column = divmod(index, COLUMNS)
        np.testing.assert_allclose(grid[3 * row : 3 * row + 3, 5 * column : 5 * column + 5], image)


def test_curves_are_drawn_beside_real_ones():
    x = RNG.normal(size=(8, 7, 1))
    panels = drawn(FixedSamples(-x), x, x).axes
    assert len(panels) == 2 * ROWS
    for row in range(ROWS):
        real, fake = (axes.get_lines()[0].get_ydata() for axes in panels[2 * row : 2 * row + 2])
        np.testing.assert_allclose(real, x[row, :, 0])
        np.testing.assert_allclose(fake, -x[row, :, 0])


@pytest.mark.parametrize("task", [("tabular", (2,)), ("image", (8, 6, 1)), ("sequence", (5, 3)), ("tabular", (4,))])
def test_the_figure_of_samples_is_deterministic(task):
    gan = architecture()
    shape = task[1]
    config = gan.configure({"hidden": (8,), "latent": 3})
    whole = Task(kind="generation", input=task[0], shape=shape, outputs=int(np.prod(shape)))
    network = gan.build(config, whole, np.random.default_rng(1))
    x = RNG.random((12, *shape))
    for one, other in zip(drawn(network, x, x).axes, drawn(network, x, x).axes, strict=True):
        for ours, again in zip(one.get_lines() + one.get_images(), other.get_lines() + other.get_images(), strict=True):
            arrays = [np.asarray(a.get_array() if hasattr(a, "get_cmap") else a.get_xydata()) for a in (ours, again)]
            np.testing.assert_array_equal(*arrays)
