"""Figures of the capsule network show the values they name, and its claims compare matched candidates."""

from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.layer import Context
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.files import save_figure
from neuralzoo.registry import Task, build, create, get

RNG = np.random.default_rng(0)
FIGURES = {figure.name: figure for figure in get("capsnet").figures}
KINDS = {
    "image": Task(kind="classification", input="image", shape=(16, 15, 1), outputs=4),
    "colours": Task(kind="classification", input="image", shape=(16, 15, 3), outputs=4),
    "sequence": Task(kind="classification", input="sequence", shape=(20, 2), outputs=4),
    "classes": Task(kind="classification", input="image", shape=(16, 15, 1), outputs=4, target="classes"),
}


def examples(task, n=12):
    """Return a dataset of random examples with classes by name."""
    x, target = RNG.random((n, *task.shape)).astype(np.float32), np.arange(n) % 4
    if task.target == "classes":
        target = np.stack([target, (target + 1) % 4], axis=1)
    return SimpleNamespace(
        test=(x, target), train=(x, target), classes=("a", "b", "c", "d"), task=task, extra_test_sets={}
    )


def drawn(tmp_path, name, network, data):
    with save_figure(tmp_path / f"{name}.png") as figure:
        FIGURES[name].draw(figure, network, data)
    return figure


def network_for(task, **settings):
    return create("capsnet", task=task, primary_types=2, decoder=(12,), class_dim=6, **settings)


@pytest.mark.parametrize("settings", [{}, {"reconstruction": 0.0}, {"shared": True, "routing_iterations": 1}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_all_figures_are_drawn(tmp_path, kind, settings):
    network, data = network_for(KINDS[kind], **settings), examples(KINDS[kind])
    before = [array.copy() for array in data.test]
    for name in FIGURES:
        drawn(tmp_path, name, network, data)
        assert (tmp_path / f"{name}.png").stat().st_size > 3000
    for array, kept in zip(data.test, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_the_figure_of_capsule_dimensions_perturbs_one_dimension_at_a_time(tmp_path):
    task = KINDS["image"]
    network, data = network_for(task), examples(task)
    figure = drawn(tmp_path, "capsule_dimensions", network, data)
    assert len(figure.axes) == 2
    v = network.capsules(data.test[0][:4])
    longest_two = np.sort(np.linalg.norm(v, axis=2).max(axis=1).argsort()[-2:])
    for axes, example in zip(figure.axes, longest_two, strict=True):
        one = v[example : example + 1]
        which = np.linalg.norm(one, axis=2).argmax(axis=1)
        for row, step in enumerate((0.25, 0.125, 0, -0.125, -0.25)):
            perturbed = np.repeat(one, 6, axis=0)
            perturbed[np.arange(6), which[0], np.arange(6)] += np.float32(step)
            needed = network.decode(perturbed, np.repeat(which, 6))[..., 0]  # has no empty border
            sheet = np.array(axes.images[0].get_array()).reshape(5, 16, 6, 15)[row].swapaxes(0, 1)
            np.testing.assert_allclose(sheet, needed, atol=1e-5)


def test_the_figure_of_routing_shows_the_votes(tmp_path):
    task = KINDS["image"]
    network, data = network_for(task), examples(task)
    figure = drawn(tmp_path, "routing", network, data)
    v = np.linalg.norm(network.capsules(data.test[0][:4]), axis=2)
    one = data.test[0][v.max(axis=1).argmax()][None]
    winner = v.max(axis=0).argmax()
    strength = np.linalg.norm(network.primary_capsules(one, Context())[0][0], axis=1)
    maps = [np.array(axes.images[0].get_array()) for axes in figure.axes[1:4]]
    np.testing.assert_allclose(maps[0], strength.reshape(*network.primary_grid, 2).sum(axis=2) / 4, rtol=1e-5)
    for iteration, couplings in enumerate(network.couplings(one)[:, 0]):
        votes = (couplings * strength[:, None]).sum(axis=0)
        bars = [bar.get_height() for bar in figure.axes[5 + iteration].patches]
        np.testing.assert_allclose(bars, votes / strength.sum(), rtol=1e-5)
        assert sum(bars) == pytest.approx(1)
        assert maps[iteration].sum() == pytest.approx(votes[winner], rel=1e-5)


def test_pairs_are_separated_by_their_two_longest_capsules(tmp_path):
    task = KINDS["classes"]
    network, data = network_for(task), examples(task)
    figure = drawn(tmp_path, "reconstructions", network, data)
    rows = [[np.array(axes.images[0].get_array()) for axes in figure.axes[line * 10 :][:10]] for line in range(5)]
    v = network.capsules(data.test[0][:10])
    order = np.linalg.norm(v, axis=2).argsort(axis=1)
    first, second = network.decode(v, order[:, -1]), network.decode(v, order[:, -2])
    both = 1 - (1 - first) * (1 - second)
    for row, needed in zip([0, 1, 3, 4], (data.test[0][:10], both, first, second), strict=True):
        np.testing.assert_allclose(rows[row], needed[..., 0], atol=1e-5)
    assert rows[2][0].shape == (16, 15, 3)


def test_a_wrong_prediction_is_named_beside_the_true_class(tmp_path):
    task = KINDS["image"]
    network, data = network_for(task), examples(task)
    predicted = network.predict(data.test[0][:4]).argmax(axis=1)
    figure = drawn(tmp_path, "reconstructions", network, data)
    for axes, truth, k in zip(figure.axes, "abcd", predicted, strict=False):
        name = "abcd"[k]
        assert axes.get_title() == (truth if name == truth else f"{truth}\nnot {name}")


def test_the_figure_of_affine_accuracy_shows_every_seed_and_the_means(tmp_path):
    (declared,) = next(claim for claim in get("capsnet").claims if claim.name == "affine").figures
    values = {label: {"test/accuracy": (0.5, 0.7), "translated_accuracy": (0.9, 0.8)} for label in ("capsnet", "cnn")}
    with save_figure(tmp_path / "affine.png") as figure:
        declared.draw(figure, values, {})
    lines = figure.axes[0].lines
    drawn = [np.atleast_1d(line.get_xdata()).tolist() for line in lines]
    assert drawn[0::2] == [[0.5, 0.7]] * 2 + [[0.9, 0.8]] * 2
    np.testing.assert_allclose(np.concatenate(drawn[1::2]), [0.6, 0.6, 0.85, 0.85])


@pytest.mark.parametrize("claim", get("capsnet").claims, ids=lambda claim: claim.name)
def test_candidates_of_a_claim_can_do_its_task_and_are_matched(claim):
    sizes = []
    for candidate in claim.candidates:
        architecture, task = get(candidate.experiment.architecture), datasets.info(candidate.experiment.dataset).task
        assert not architecture.unsupported(task)
        network = build(architecture, candidate.experiment.model, task, seed=0)
        sizes += [] if candidate.control else [network.num_parameters]
    assert max(sizes) <= 1.02 * min(sizes)


def test_variants_of_a_claim_differ_in_one_setting_each():
    affine = next(claim for claim in get("capsnet").claims if claim.name == "affine")
    plain = {c.label: c.experiment.settings() for c in affine.candidates}
    for label, setting in (
        ("one-iteration", "routing_iterations"),
        ("no-reconstruction", "reconstruction"),
        ("shared", "shared"),
    ):
        model = plain[label].pop("model")
        assert set(model) - set(plain["capsnet"]["model"]) == {setting}
        assert plain[label] == {key: value for key, value in plain["capsnet"].items() if key != "model"}
