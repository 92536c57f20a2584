import numpy as np
import pytest

from neuralzoo.experiments.datasets import DataError, load, text
from neuralzoo.experiments.datasets import toy_2d as points


def test_two_spirals_are_the_published_points():
    x, y = load("two-spirals").train
    assert x.shape == (194, 2)
    assert np.bincount(y).tolist() == [97, 97]
    np.testing.assert_allclose(x[0], [0, 6.5], atol=1e-6)
    np.testing.assert_allclose(x[8], [6.0, 0], atol=1e-6)  # a quarter turn: radius 6.5 * 96 / 104
    np.testing.assert_allclose(x[96], [0, 0.5], atol=1e-6)  # three whole turns
    np.testing.assert_array_equal(x[97:], -x[:97])


def test_the_test_points_of_the_spirals_lie_between_the_training_points():
    data = load("two-spirals")
    (x, y), (between, labels) = data.train, data.test
    distance = np.linalg.norm(between[:, None] - x, axis=-1)
    assert distance.min() > 0.01
    assert np.array_equal(y[distance.argmin(axis=1)], labels)


def test_a_straight_line_can_not_part_the_spirals():
    x, y = load("two-spirals").train
    weights = np.linalg.lstsq(np.column_stack([x, np.ones(194)]), 2.0 * y - 1, rcond=None)[0]
    assert np.mean((np.column_stack([x, np.ones(194)]) @ weights > 0) == y) < 0.6


@pytest.mark.parametrize(
    ("name", "middles", "deviation"),
    [("gaussian-ring", points.ring(), 0.02), ("gaussian-grid", points.grid(), 0.05)],
)
def test_points_lie_around_all_middles_alike(name, middles, deviation):
    x, mode = load(name, train=50_000).train
    nearest = np.linalg.norm(x[:, None] - middles, axis=-1).argmin(axis=1)
    assert np.array_equal(nearest, mode)
    np.testing.assert_allclose(np.bincount(mode) / 50_000, 1 / len(middles), rtol=0.1)
    np.testing.assert_allclose((x - middles[mode]).std(axis=0), deviation, rtol=0.02)


def test_the_ring_has_radius_two_and_the_grid_steps_of_two():
    np.testing.assert_allclose(np.linalg.norm(points.ring(), axis=1), 2)
    assert {tuple(middle) for middle in points.grid()} == {
        (float(a), float(b)) for a in (-4, -2, 0, 2, 4) for b in (-4, -2, 0, 2, 4)
    }


def test_vowels_are_those_of_other_speakers_and_two_formants_tell_most_of_them():
    data = load("peterson-barney")
    (x, y), (x_test, y_test) = data.train, data.test
    assert np.bincount(y).tolist() == [102] * 4
    assert np.bincount(y_test).tolist() == [50] * 4
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-5)
    groups = [x[y == k] for k in range(4)]
    inverses = [np.linalg.inv(np.cov(g.T)) for g in groups]
    score = [
        np.einsum("ni,ij,nj->n", x_test - g.mean(axis=0), p, x_test - g.mean(axis=0)) - np.linalg.slogdet(p)[1]
        for g, p in zip(groups, inverses, strict=True)
    ]
    assert np.mean(np.argmin(score, axis=0) == y_test) == pytest.approx(0.90, abs=0.02)


def test_three_plays_read_as_text_again():
    data = load("three-plays", context=100)
    assert text.decode(data.train[0][0], data.classes).startswith("OTHELLO, THE MOOR OF VENICE")
    assert "BRUTUS" in text.decode(data.test[0].ravel(), data.classes)
    assert data.task.shape == (100,)
    assert (data.task.vocabulary, len(set(data.classes))) == (68, 68)


@pytest.mark.parametrize("stride", [None, 1, 7])
def test_targets_are_the_next_characters(stride):
    x, y = load("three-plays", context=12, stride=stride).train
    assert np.array_equal(x[:, 1:], y[:, :-1])
    step = stride or 12
    tokens = load("three-plays", context=12, stride=1).train[0][:, 0]
    assert np.array_equal(x[:100, 0], tokens[: 100 * step : step])


def test_training_and_test_windows_are_apart():
    data = load("three-plays", context=64)
    assert not {row.tobytes() for row in data.train[0]} & {row.tobytes() for row in data.test[0]}
    assert data.train[0].size + data.test[0].size > 0.999 * 374_167


def test_tiny_shakespeare_is_the_known_text(public_data):
    data = load("tiny-shakespeare", context=64, stride=1)
    assert text.decode(data.train[0][0], data.classes).startswith("First Citizen:\nBefore we proceed any further")
    assert len(data.train[0]) == 1_003_854 - 64
    assert data.task.outputs == 65
    assert list(data.classes) == sorted(data.classes)


def test_names_begin_and_end_with_the_end_token(public_data):
    data = load("names")
    x, lengths, y = data.train
    assert text.decode(x[0, 1 : lengths[0]], data.classes) == "emma"
    assert text.decode(y[0, : lengths[0]], data.classes) == "emma."
    there = np.arange(16) < lengths[:, None]
    assert (y[there] >= 0).all()
    assert (y[~there] == text.NO_TARGET).all()
    assert not x[~there].any()
    assert not x[:, 0].any()
    assert (y[np.arange(len(y)), lengths - 1] == 0).all()
    assert np.array_equal(x[:, 1:][there[:, 1:]], y[:, :-1][there[:, 1:]])


def test_encoding_is_undone_by_decoding_and_refuses_what_it_does_not_know():
    characters = ("a", "b", "\n")
    assert text.decode(text.encode("ab\nba", characters), characters) == "ab\nba"
    with pytest.raises(DataError, match=r"the text has \['c'\]"):
        text.encode("abc", characters)
