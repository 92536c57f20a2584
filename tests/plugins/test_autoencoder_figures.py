"""What rivals and pictures make of codes and reconstructions."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.figures import page
from neuralzoo.plugins.autoencoder import baselines as rivals
from neuralzoo.registry import Task, create, get

pytest.importorskip("matplotlib", reason="pictures need the extra 'experiments'")
RNG = np.random.default_rng(0)


def clothes(kind="reconstruction"):
    return datasets.load("fashion-mnist-5k").asked_for(kind)


def test_labels_are_found_whatever_is_asked_for_and_numbers_are_none():
    known = datasets.load("fashion-mnist-5k")
    for kind in ("reconstruction", "generation"):
        for split in ("train", "test"):
            np.testing.assert_array_equal(rivals.labels_of(clothes(kind), split), getattr(known, split)[1])
    numbers = datasets.load("sunspots").asked_for("reconstruction")
    assert rivals.labels_of(numbers, "test") is None
    with pytest.raises(ValueError, match="sunspots has no classes"):
        rivals.neighbour_accuracy(create("autoencoder", inputs=numbers.task.shape, code=1), numbers)


def test_principal_components_rebuild_what_lies_in_their_space():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    plane = 0.5 + 0.1 * np.random.default_rng(0).normal(size=(50, 2)) @ np.linalg.qr(RNG.normal(size=(6, 2)))[0].T
    x = plane.reshape(50, 2, 3, 1)
    assert rivals.squared_errors(rivals.rebuilt(rivals.principal_components(x, 2), x), x).max() < 1e-20
    assert rivals.squared_errors(rivals.rebuilt(rivals.principal_components(x, 1), x), x).mean() > 1e-3


def test_the_first_few_principal_components_are_those_of_a_smaller_decomposition():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    x = np.random.default_rng(0).random((40, 2, 3, 1))
    few, all_of_them = (rivals.principal_components(x, count) for count in (2, 6))
    np.testing.assert_allclose(rivals.rebuilt(all_of_them, x, 2), rivals.rebuilt(few, x), atol=1e-12)
    np.testing.assert_allclose(rivals.rebuilt(all_of_them, x), x, atol=1e-12)


def test_the_rival_in_denoising_has_the_number_of_components_that_is_best_for_noisy_examples():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    rng = np.random.default_rng(0)
    plane = np.clip(0.5 + rng.normal(size=(300, 5)) @ np.linalg.qr(rng.normal(size=(36, 5)))[0].T, 0, 1)
    x = plane.reshape(300, 6, 6, 1).astype(np.float32)
    data = datasets.DataSet.of(datasets.info("fashion-mnist-5k"), (x[:200], x[:200]), (x[200:], x[200:]))

    class Clipping:
        def predict(self, x):
            return np.clip(x, 0, 1)

    noisy = rivals.noisy_tests(data)
    ratios = {}
    for count in (2, 4, 8, 16, 30):
        rival = rivals.principal_components(data.train[0], count)
        ratios[count] = rivals.psnr(rivals.rebuilt(rival, noisy), x[200:])
    assert max(ratios, key=lambda count: ratios[count].mean()) == 4
    lost = rivals.gained_over_pca(Clipping(), data)
    assert lost == rivals.lower_end(rivals.psnr(np.clip(noisy, 0, 1), x[200:]) - ratios[4])
    assert rivals.gained_over_noise(Clipping(), data) == 0


def test_the_lower_end_of_an_interval_is_two_standard_errors_below_the_mean():
    values = np.random.default_rng(1).normal(3, 2, 1000)
    assert rivals.lower_end(values) == pytest.approx(values.mean() - 1.96 * values.std() / 1000**0.5, abs=0.02)
    assert rivals.lower_end(np.full(10, 0.5)) == 0.5


def test_a_neighbour_counts_if_it_is_of_the_same_class():
    pytest.importorskip("sklearn", reason="rivals need the extra 'experiments'")
    codes, labels = np.array([[0.0], [1.0], [2.0]]), np.array([4, 5, 6])
    hits = rivals.neighbour_hits(codes, labels, np.array([[0.1], [0.9], [1.9]]), np.array([4, 4, 6]))
    np.testing.assert_array_equal(hits, [1, 0, 1])


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("generation", {"code": 2}),
        ("generation", {"code": 5, "variational": True}),
        ("reconstruction", {"code": 5, "noise": 0.5}),
        ("reconstruction", {"code": 1}),
    ],
)
def test_all_pictures_are_drawn(tmp_path, kind, settings):
    network = create("autoencoder", inputs=(28, 28, 1), hidden=(8,), **settings)
    for declared in get("autoencoder").figures:
        with page(tmp_path / f"{declared.name}.png") as figure:
            declared.draw(figure, network, clothes(kind))
        assert (tmp_path / f"{declared.name}.png").stat().st_size > 5000


def test_the_pictures_of_reconstructions_are_the_predictions(tmp_path):
    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,)), clothes()
    with page(tmp_path / "rebuilt.png") as figure:
        get("autoencoder").figures[0].draw(figure, network, data)
    assert len(figure.axes) == 3
    for nth, axes in enumerate(figure.axes):
        drawn = np.array(axes.images[0].get_array()).reshape(2, 28, 10, 28).swapaxes(1, 2)
        places = [np.flatnonzero(data.labels["test"] == which)[nth] for which in range(10)]
        np.testing.assert_allclose(drawn[0], data.test[0][places, ..., 0], atol=1e-6)
        np.testing.assert_allclose(drawn[1], network.predict(data.test[0][places])[..., 0], atol=1e-6)


def test_a_plane_of_codes_is_coloured_by_class_and_walked_where_codes_are(tmp_path):
    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,), code=2), clothes()
    plane, walk = (figure for figure in get("autoencoder").figures if figure.name in ("code_plane", "walk"))
    codes, labels = network.encode(data.test[0]), data.labels["test"]
    with page(tmp_path / "plane.png") as figure:
        plane.draw(figure, network, data)
    for which, line in enumerate(figure.axes[0].lines):
        np.testing.assert_allclose(np.transpose(line.get_data()), codes[labels == which])
        assert line.get_label() == data.classes[which]
    with page(tmp_path / "walk.png") as figure:
        walk.draw(figure, network, data)
    sheet = np.array(figure.axes[0].images[0].get_array()).reshape(12, 28, 12, 28).swapaxes(1, 2)
    low, high = np.quantile(codes, [0.02, 0.98], axis=0)
    corners = np.array([[low[0], high[1]], [high[0], high[1]], [low[0], low[1]], [high[0], low[1]]], np.float32)
    shown = [sheet[0, 0], sheet[0, -1], sheet[-1, 0], sheet[-1, -1]]
    np.testing.assert_allclose(shown, network.decode(corners)[..., 0], atol=1e-5)


def test_a_single_picture_is_walked_to_itself(tmp_path):
    network, data = create("autoencoder", inputs=(28, 28, 1), hidden=(8,)), clothes()
    walk = next(figure for figure in get("autoencoder").figures if figure.name == "walk")
    for count, lines in ((1, 1), (3, 2), (10, 5)):
        some = replace(data, test=(data.test[0][:count],) * 2, labels={"test": np.arange(count)})
        with page(tmp_path / "walk.png") as figure:
            walk.draw(figure, network, some)
        sheet = figure.axes[0].images[0].get_array()
        assert sheet.shape == (28 * lines, 28 * 12)
        np.testing.assert_allclose(sheet[:28, :28], network.predict(some.test[0][:1])[0, ..., 0], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "kind"), [((6,), "tabular"), ((5, 3), "sequence"), ((4, 4, 3), "image")], ids=lambda v: str(v)
)
def test_examples_that_are_no_grey_pictures_are_drawn_too(tmp_path, shape, kind):
    task = Task(kind="reconstruction", input=kind, shape=shape, outputs=int(np.prod(shape)))
    x = RNG.random((12, *shape)).astype(np.float32)
    data = SimpleNamespace(test=(x, x), train=(x, x), classes=(), labels={}, task=task)
    network = create("autoencoder", task=task, code=3)
    for declared in get("autoencoder").figures:
        if declared.fits(task):
            with page(tmp_path / f"{declared.name}.png") as figure:
                declared.draw(figure, network, data)
            assert (tmp_path / f"{declared.name}.png").is_file()
            if kind != "image":  # what is to be compared has one scale
                assert len({axes.get_ylim() for axes in figure.axes}) == 1
