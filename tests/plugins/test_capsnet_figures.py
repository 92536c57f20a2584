"""The pictures of the capsule network show what they say, and its claims compare what they say."""

from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.layer import Context
from neuralzoo.experiments import datasets
from neuralzoo.experiments.running.figures import page
from neuralzoo.registry import Task, build, create, get

RNG = np.random.default_rng(0)
FIGURES = {figure.name: figure for figure in get("capsnet").figures}
KINDS = {
    "image": Task(kind="classification", input="image", shape=(16, 15, 1), outputs=4),
    "colours": Task(kind="classification", input="image", shape=(16, 15, 3), outputs=4),
    "sequence": Task(kind="classification", input="sequence", shape=(20, 2), outputs=4),
    "classes": Task(kind="classification", input="image", shape=(16, 15, 1), outputs=4, answer="classes"),
}


def examples(task, n=12):
    """Return a data set of random examples with classes by name."""
    x, target = RNG.random((n, *task.shape)).astype(np.float32), np.arange(n) % 4
    if task.answer == "classes":
        target = np.stack([target, (target + 1) % 4], axis=1)
    return SimpleNamespace(test=(x, target), train=(x, target), classes=("a", "b", "c", "d"), task=task, tests={})


def drawn(tmp_path, name, network, data):
    with page(tmp_path / f"{name}.png") as figure:
        FIGURES[name].draw(figure, network, data)
    return figure


def network_for(task, **settings):
    return create("capsnet", task=task, primary_kinds=2, decoder=(12,), size=6, **settings)


@pytest.mark.parametrize("settings", [{}, {"reconstruction": 0.0}, {"shared": True, "rounds": 1}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_all_pictures_are_drawn(tmp_path, kind, settings):
    network, data = network_for(KINDS[kind], **settings), examples(KINDS[kind])
    before = [array.copy() for array in data.test]
    for name in FIGURES:
        drawn(tmp_path, name, network, data)
        assert (tmp_path / f"{name}.png").stat().st_size > 3000
    for array, kept in zip(data.test, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_the_picture_of_the_numbers_moves_one_number_at_a_time(tmp_path):
    task = KINDS["image"]
    network, data = network_for(task), examples(task)
    figure = drawn(tmp_path, "capsule_numbers", network, data)
    assert len(figure.axes) == 2
    v = network.capsules(data.test[0][:4])
    sure = np.sort(np.linalg.norm(v, axis=2).max(axis=1).argsort()[-2:])
    for axes, example in zip(figure.axes, sure, strict=True):
        one = v[example : example + 1]
        which = np.linalg.norm(one, axis=2).argmax(axis=1)
        for row, step in enumerate((0.25, 0.125, 0, -0.125, -0.25)):
            moved = np.repeat(one, 6, axis=0)
            moved[np.arange(6), which[0], np.arange(6)] += np.float32(step)
            needed = network.decode(moved, np.repeat(which, 6))[..., 0]  # nothing of it is empty
            sheet = np.array(axes.images[0].get_array()).reshape(5, 16, 6, 15)[row].swapaxes(0, 1)
            np.testing.assert_allclose(sheet, needed, atol=1e-5)


def test_the_picture_of_routing_shows_what_is_sent(tmp_path):
    task = KINDS["image"]
    network, data = network_for(task), examples(task)
    figure = drawn(tmp_path, "routing", network, data)
    v = np.linalg.norm(network.capsules(data.test[0][:4]), axis=2)
    one = data.test[0][v.max(axis=1).argmax()][None]
    winner = v.max(axis=0).argmax()
    strength = np.linalg.norm(network.children(one, Context())[0][0], axis=1)
    maps = [np.array(axes.images[0].get_array()) for axes in figure.axes[1:4]]
    np.testing.assert_allclose(maps[0], strength.reshape(*network.places, 2).sum(axis=2) / 4, rtol=1e-5)
    for number, couplings in enumerate(network.couplings(one)[:, 0]):
        sent = (couplings * strength[:, None]).sum(axis=0)
        bars = [bar.get_height() for bar in figure.axes[5 + number].patches]
        np.testing.assert_allclose(bars, sent / strength.sum(), rtol=1e-5)
        assert sum(bars) == pytest.approx(1)
        assert maps[number].sum() == pytest.approx(sent[winner], rel=1e-5)


def test_pairs_are_taken_apart_by_their_two_longest_capsules(tmp_path):
    task = KINDS["classes"]
    network, data = network_for(task), examples(task)
    figure = drawn(tmp_path, "rebuilt", network, data)
    rows = [[np.array(axes.images[0].get_array()) for axes in figure.axes[line * 10 :][:10]] for line in range(5)]
    v = network.capsules(data.test[0][:10])
    order = np.linalg.norm(v, axis=2).argsort(axis=1)
    first, second = network.decode(v, order[:, -1]), network.decode(v, order[:, -2])
    both = 1 - (1 - first) * (1 - second)
    for row, needed in zip([0, 1, 3, 4], (data.test[0][:10], both, first, second), strict=True):
        np.testing.assert_allclose(rows[row], needed[..., 0], atol=1e-5)
    assert rows[2][0].shape == (16, 15, 3)


def test_a_wrong_answer_is_named_beside_the_truth(tmp_path):
    task = KINDS["image"]
    network, data = network_for(task), examples(task)
    answers = network.predict(data.test[0][:4]).argmax(axis=1)
    figure = drawn(tmp_path, "rebuilt", network, data)
    for axes, truth, answer in zip(figure.axes, "abcd", answers, strict=False):
        name = "abcd"[answer]
        assert axes.get_title() == (truth if name == truth else f"{truth}\nnot {name}")


def test_the_picture_of_the_parts_shows_every_seed_and_the_means(tmp_path):
    (declared,) = next(claim for claim in get("capsnet").claims if claim.name == "affine").figures
    values = {label: {"test/accuracy": (0.5, 0.7), "moved": (0.9, 0.8)} for label in ("capsnet", "cnn")}
    with page(tmp_path / "parts.png") as figure:
        declared.draw(figure, values, {})
    lines = figure.axes[0].lines
    drawn = [np.atleast_1d(line.get_xdata()).tolist() for line in lines]
    assert drawn[0::2] == [[0.5, 0.7]] * 2 + [[0.9, 0.8]] * 2
    np.testing.assert_allclose(np.concatenate(drawn[1::2]), [0.6, 0.6, 0.85, 0.85])


@pytest.mark.parametrize("claim", get("capsnet").claims, ids=lambda claim: claim.name)
def test_contestants_of_a_claim_can_do_its_task_and_are_matched(claim):
    sizes = []
    for contestant in claim.contestants:
        architecture, task = get(contestant.experiment.architecture), datasets.info(contestant.experiment.dataset).task
        assert not architecture.refusal(task)
        network = build(architecture, contestant.experiment.model, task, seed=0)
        sizes += [] if contestant.control else [network.size]
    assert max(sizes) <= 1.02 * min(sizes)


def test_variants_of_a_claim_differ_in_one_setting_each():
    affine = next(claim for claim in get("capsnet").claims if claim.name == "affine")
    plain = {c.label: c.experiment.settings() for c in affine.contestants}
    for label, setting in (("one-round", "rounds"), ("no-rebuilding", "reconstruction"), ("shared", "shared")):
        model = plain[label].pop("model")
        assert set(model) - set(plain["capsnet"]["model"]) == {setting}
        assert plain[label] == {key: value for key, value in plain["capsnet"].items() if key != "model"}
