import numpy as np
import pytest

from neuralzoo.experiments.datasets import DataError, load, text


def test_three_plays_decode_to_their_text():
    data = load("shakespeare-3plays", context=100)
    assert text.decode(data.train[0][0], data.classes).startswith("OTHELLO, THE MOOR OF VENICE")
    assert "BRUTUS" in text.decode(data.test[0].ravel(), data.classes)
    assert data.task.shape == (100,)
    assert (data.task.vocab_size, len(set(data.classes))) == (68, 68)


@pytest.mark.parametrize("stride", [None, 1, 7])
def test_targets_are_the_next_characters(stride):
    x, y = load("shakespeare-3plays", context=12, stride=stride).train
    assert np.array_equal(x[:, 1:], y[:, :-1])
    step = stride or 12
    tokens = load("shakespeare-3plays", context=12, stride=1).train[0][:, 0]
    assert np.array_equal(x[:100, 0], tokens[: 100 * step : step])


def test_training_and_test_windows_are_disjoint():
    data = load("shakespeare-3plays", context=64)
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
    inside = np.arange(16) < lengths[:, None]
    assert (y[inside] >= 0).all()
    assert (y[~inside] == text.IGNORE_INDEX).all()
    assert not x[~inside].any()
    assert not x[:, 0].any()
    assert (y[np.arange(len(y)), lengths - 1] == 0).all()
    assert np.array_equal(x[:, 1:][inside[:, 1:]], y[:, :-1][inside[:, 1:]])


def test_decoding_inverts_encoding_and_unknown_characters_are_refused():
    characters = ("a", "b", "\n")
    assert text.decode(text.encode("ab\nba", characters), characters) == "ab\nba"
    with pytest.raises(DataError, match=r"the text has \['c'\]"):
        text.encode("abc", characters)
