from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.files import save_figure
from neuralzoo.registry import Task, create, get

pytest.importorskip("matplotlib", reason="figures need the extra 'experiments'")
RNG = np.random.default_rng(0)


def fashion_mnist(kind="reconstruction"):
    return datasets.load("fashion-mnist-5k").with_task(kind)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("generation", {"code": 2}),
        ("generation", {"code": 5, "variational": True}),
        ("reconstruction", {"code": 5, "noise": 0.5}),
        ("reconstruction", {"code": 1}),
    ],
)
def test_all_figures_are_drawn(tmp_path, kind, settings):
    network = create("autoencoder", inputs=(28, 28, 1), hidden=(8,), **settings)
    for declared in get("autoencoder").figures:
        with save_figure(tmp_path / f"{declared.name}.png") as figure:
            declared.draw(figure, network, fashion_mnist(kind))
        assert (tmp_path / f"{declared.name}.png").stat().st_size > 5000


def test_the_figure_of_reconstructions_shows_the_predictions(tmp_path):
    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,)), fashion_mnist()
    with save_figure(tmp_path / "reconstructions.png") as figure:
        get("autoencoder").figures[0].draw(figure, network, data)
    assert len(figure.axes) == 3
    for nth, axes in enumerate(figure.axes):
        drawn = np.array(axes.images[0].get_array()).reshape(2, 28, 10, 28).swapaxes(1, 2)
        rows = [np.flatnonzero(data.original_labels["test"] == which)[nth] for which in range(10)]
        np.testing.assert_allclose(drawn[0], data.test[0][rows, ..., 0], atol=1e-6)
        np.testing.assert_allclose(drawn[1], network.predict(data.test[0][rows])[..., 0], atol=1e-6)


def test_a_two_dimensional_latent_space_is_coloured_by_class_and_decoded_on_a_grid_of_quantiles(tmp_path):
    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,), code=2), fashion_mnist()
    space, interpolation = (
        next(figure for figure in get("autoencoder").figures if figure.name == name)
        for name in ("latent_space", "latent_interpolation")
    )
    codes, labels = network.encode(data.test[0]), data.original_labels["test"]
    with save_figure(tmp_path / "latent_space.png") as figure:
        space.draw(figure, network, data)
    for which, line in enumerate(figure.axes[0].lines):
        np.testing.assert_allclose(np.transpose(line.get_data()), codes[labels == which])
        assert line.get_label() == data.classes[which]
    with save_figure(tmp_path / "latent_interpolation.png") as figure:
        interpolation.draw(figure, network, data)
    grid = np.array(figure.axes[0].images[0].get_array()).reshape(12, 28, 12, 28).swapaxes(1, 2)
    low, high = np.quantile(codes, [0.02, 0.98], axis=0)
    corners = np.array([[low[0], high[1]], [high[0], high[1]], [low[0], low[1]], [high[0], low[1]]], np.float32)
    shown = [grid[0, 0], grid[0, -1], grid[-1, 0], grid[-1, -1]]
    np.testing.assert_allclose(shown, network.decode(corners)[..., 0], atol=1e-5)


def test_a_single_image_is_interpolated_to_itself(tmp_path):
    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,)), fashion_mnist()
    interpolation = next(figure for figure in get("autoencoder").figures if figure.name == "latent_interpolation")
    for count, rows in ((1, 1), (3, 2), (10, 5)):
        few = replace(data, test=(data.test[0][:count],) * 2, original_labels={"test": np.arange(count)})
        with save_figure(tmp_path / "latent_interpolation.png") as figure:
            interpolation.draw(figure, network, few)
        grid = figure.axes[0].images[0].get_array()
        assert grid.shape == (28 * rows, 28 * 12)
        np.testing.assert_allclose(grid[:28, :28], network.predict(few.test[0][:1])[0, ..., 0], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "kind"), [((6,), "tabular"), ((5, 3), "sequence"), ((4, 4, 3), "image")], ids=lambda v: str(v)
)
def test_examples_that_are_not_grey_images_are_drawn_too(tmp_path, shape, kind):
    task = Task(kind="reconstruction", input=kind, shape=shape, outputs=int(np.prod(shape)))
    x = RNG.random((12, *shape)).astype(np.float32)
    data = SimpleNamespace(test=(x, x), train=(x, x), classes=(), original_labels={}, task=task)
    network = create("autoencoder", task=task, code=3)
    for declared in get("autoencoder").figures:
        if declared.fits(task):
            with save_figure(tmp_path / f"{declared.name}.png") as figure:
                declared.draw(figure, network, data)
            assert (tmp_path / f"{declared.name}.png").is_file()
            if kind != "image":  # what is to be compared has one scale
                assert len({axes.get_ylim() for axes in figure.axes}) == 1
