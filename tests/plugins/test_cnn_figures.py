from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.files import save_figure
from neuralzoo.plugins.cnn.figures import (
    draw_feature_maps,
    draw_filters,
    draw_max_activating_patches,
    max_activating_patches,
)
from neuralzoo.plugins.cnn.receptive_field import ReceptiveField, receptive_fields
from neuralzoo.registry import Task, create, get

SETTINGS = {
    "fashion-mnist-5k": {"channels": (5, 3), "hidden": ()},
    "mnist1d": {"channels": (5, 3, 2), "kernel": 5, "head": "max", "residual": 1},
}


@pytest.fixture(params=SETTINGS)
def data_and_network(request):
    """A dataset and an untrained network, which is drawn like a trained one."""
    settings = SETTINGS[request.param]
    return datasets.load(request.param), create("cnn", task=datasets.info(request.param).task, **settings)


def test_every_figure_is_drawn_for_images_and_sequences(data_and_network, tmp_path):
    data, network = data_and_network
    for figure in get("cnn").figures:
        path = tmp_path / f"{figure.name}.png"
        with save_figure(path) as sheet:
            figure.draw(sheet, network, data)
        assert path.stat().st_size > 1000


def test_the_filters_drawn_are_the_kernels(data_and_network, tmp_path):
    data, network = data_and_network
    kernels = np.moveaxis(network.stages[0].layers[0].weight.value, -1, 0)[..., 0]
    with save_figure(tmp_path / "filters.png") as figure:
        draw_filters(figure, network, data)
    shown = [axes for axes in figure.axes if axes.images or axes.lines]
    drawn = [np.asarray(axes.images[0].get_array() if axes.images else axes.lines[1].get_ydata()) for axes in shown]
    assert len(drawn) == 5
    assert all(any(np.array_equal(image, kernel) for kernel in kernels) for image in drawn)


def test_the_feature_maps_drawn_are_those_of_the_first_test_example(data_and_network, tmp_path):
    data, network = data_and_network
    with save_figure(tmp_path / "maps.png") as figure:
        draw_feature_maps(figure, network, data)
    last = network.feature_maps(data.test[0][:1])[-1][0]
    drawn = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    if last.ndim == 2:
        np.testing.assert_array_equal(drawn[-1], last.T)
    else:
        assert all(any(np.array_equal(last[..., unit], image) for image in drawn) for unit in range(3))


def test_max_activating_patches_are_drawn_with_all_channels(tmp_path):
    x = np.random.default_rng(0).random((20, 9, 3)).astype(np.float32)
    sequences = Task(kind="classification", input="sequence", shape=(9, 3), outputs=2)
    network = create("cnn", task=sequences, channels=(4,))
    with save_figure(tmp_path / "patches.png") as figure:
        draw_max_activating_patches(figure, network, SimpleNamespace(test=(x, None)))
    unit = int(figure.axes[0].get_title().split()[-1])
    patches = max_activating_patches(x, network.feature_maps(x)[0][..., unit], receptive_fields(network)[0])
    drawn = np.array([line.get_ydata() for line in figure.axes[0].lines]).reshape(3, 8, -1)
    np.testing.assert_array_equal(drawn, np.moveaxis(patches, -1, 0))


def test_a_patch_is_the_receptive_field_of_the_largest_activation():
    network = create("cnn", inputs=(20, 20, 1), outputs=2, channels=(4,), norm="none").astype(np.float64)
    x = np.random.default_rng(0).random((10, 20, 20, 1))
    (maps,), (fields,) = network.feature_maps(x), receptive_fields(network)
    patches = max_activating_patches(x, maps[..., 1], fields)
    assert patches.shape == (8, 4, 4, 1)
    inside = [patch for patch in patches if not np.isnan(patch).any()]
    assert inside
    for patch in inside:
        activation = network.stages[0].predict(np.pad(patch, ((1, 1), (1, 1), (0, 0)))[None].astype(np.float64))
        assert np.isclose(activation[0, 1, 1, 1], maps[..., 1].reshape(10, -1).max(axis=1), atol=1e-6).any()


def test_the_padding_of_a_patch_is_nan():
    x = np.arange(5.0).reshape(1, 5, 1)
    activity = np.array([[9.0, 1, 1, 1, 1]])
    (patch,) = max_activating_patches(x, activity, (ReceptiveField(size=3, stride=1, start=-1),))
    np.testing.assert_array_equal(patch.ravel(), [np.nan, 0, 1])
