from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.figures import page
from neuralzoo.plugins.cnn.figures import draw_exciting_patches, draw_feature_maps, draw_filters, exciting_patches
from neuralzoo.plugins.cnn.receptive_field import Field, receptive_fields
from neuralzoo.registry import create, get

SETTINGS = {
    "fashion-mnist-5k": ((28, 28, 1), {"channels": (5, 3), "hidden": ()}),
    "mnist1d": ((40, 1), {"channels": (5, 3, 2), "kernel": 5, "head": "max", "residual": 1}),
}


@pytest.fixture(params=SETTINGS)
def trained(request):
    """A dataset and a network that has not learned, which is drawn in the same way."""
    shape, settings = SETTINGS[request.param]
    return datasets.load(request.param), create("cnn", inputs=shape, outputs=10, **settings)


def test_every_picture_is_drawn_for_images_and_sequences(trained, tmp_path):
    data, network = trained
    for figure in get("cnn").figures:
        path = tmp_path / f"{figure.name}.png"
        with page(path) as sheet:
            figure.draw(sheet, network, data)
        assert path.stat().st_size > 1000


def test_filters_are_the_kernels(trained, tmp_path):
    data, network = trained
    kernels = np.moveaxis(network.stages[0].layers[0].weight.value, -1, 0)[..., 0]
    with page(tmp_path / "filters.png") as figure:
        draw_filters(figure, network, data)
    shown = [axes for axes in figure.axes if axes.images or axes.lines]
    drawn = [np.asarray(axes.images[0].get_array() if axes.images else axes.lines[1].get_ydata()) for axes in shown]
    assert len(drawn) == 5
    assert all(any(np.array_equal(picture, kernel) for kernel in kernels) for picture in drawn)


def test_feature_maps_are_those_of_the_first_test_example(trained, tmp_path):
    data, network = trained
    with page(tmp_path / "maps.png") as figure:
        draw_feature_maps(figure, network, data)
    last = network.feature_maps(data.test[0][:1])[-1][0]
    drawn = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    if last.ndim == 2:
        np.testing.assert_array_equal(drawn[-1], last.T)
    else:
        assert all(any(np.array_equal(last[..., unit], picture) for picture in drawn) for unit in range(3))


def test_what_excites_a_unit_is_drawn_with_all_channels(tmp_path):
    x = np.random.default_rng(0).random((20, 9, 3)).astype(np.float32)
    network = create("cnn", inputs=(9, 3), outputs=2, channels=(4,))
    with page(tmp_path / "patches.png") as figure:
        draw_exciting_patches(figure, network, SimpleNamespace(test=(x, None)))
    unit = int(figure.axes[0].get_title().split()[-1])
    patches = exciting_patches(x, network.feature_maps(x)[0][..., unit], receptive_fields(network)[0])
    drawn = np.array([line.get_ydata() for line in figure.axes[0].lines]).reshape(3, 8, -1)
    np.testing.assert_array_equal(drawn, np.moveaxis(patches, -1, 0))


def test_a_patch_is_all_that_a_unit_sees_when_it_is_most_active():
    network = create("cnn", inputs=(20, 20, 1), outputs=2, channels=(4,), norm="none").astype(np.float64)
    x = np.random.default_rng(0).random((10, 20, 20, 1))
    (maps,), (fields,) = network.feature_maps(x), receptive_fields(network)
    patches = exciting_patches(x, maps[..., 1], fields)
    assert patches.shape == (8, 4, 4, 1)
    inside = [patch for patch in patches if not np.isnan(patch).any()]
    assert inside
    for patch in inside:
        excited = network.stages[0].predict(np.pad(patch, ((1, 1), (1, 1), (0, 0)))[None].astype(np.float64))
        assert np.isclose(excited[0, 1, 1, 1], maps[..., 1].reshape(10, -1).max(axis=1), atol=1e-6).any()


def test_what_lies_outside_of_an_example_is_left_open():
    x = np.arange(5.0).reshape(1, 5, 1)
    activity = np.array([[9.0, 1, 1, 1, 1]])
    (patch,) = exciting_patches(x, activity, (Field(size=3, step=1, start=-1),))
    np.testing.assert_array_equal(patch.ravel(), [np.nan, 0, 1])
