import numpy as np
import pytest

from neuralzoo.core.plots.images import draw_image, draw_image_grid

pytest.importorskip("matplotlib", reason="figures need the extra 'experiments'")


@pytest.fixture
def axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


def drawn(axes):
    (image,) = axes.images
    return np.asarray(image.get_array()), image.get_clim()


def test_an_image_of_one_channel_is_drawn_from_0_to_1_whatever_its_values(axes):
    draw_image(axes, np.array([[[0.25], [-1.0]], [[2.0], [0.5]]]))
    values, limits = drawn(axes)
    np.testing.assert_array_equal(values, [[0.25, 0], [1, 0.5]])
    assert limits == (0, 1)


def test_an_image_of_three_channels_is_drawn_in_colour(axes):
    x = np.random.default_rng(0).random((4, 5, 3))
    draw_image(axes, x)
    np.testing.assert_array_equal(drawn(axes)[0], x)


def test_a_grid_has_each_image_at_its_row_and_column(axes):
    x = np.random.default_rng(0).random((2, 3, 4, 5, 1))
    draw_image_grid(axes, x)
    values, _ = drawn(axes)
    assert values.shape == (8, 15)
    for row in range(2):
        for column in range(3):
            np.testing.assert_array_equal(
                values[4 * row : 4 * row + 4, 5 * column : 5 * column + 5], x[row, column, ..., 0]
            )
