import re

import numpy as np
import pytest

from neuralzoo.experiments.datasets import load, reber

REBER = r"(?:(?:TS*X|PT*VP)(?:XT*VP)*(?:S|XT*VV)|PT*VV)"
EMBEDDED_REBER = re.compile(rf"B([TP])B{REBER}E\1E")


def test_reber_strings_are_made_by_the_grammar_and_return_their_second_symbol():
    data = load("embedded-reber")
    x, lengths, y = data.train
    words = set()
    for one_hot, length, following in zip(x, lengths, y, strict=True):
        word = "".join(reber.SYMBOLS[i] for i in one_hot[:length].argmax(axis=1)) + "E"
        assert EMBEDDED_REBER.fullmatch(word)
        words.add(word[2:-2])
        assert word[-2] == word[1]
        assert np.array_equal(one_hot[1:length], following[: length - 1])
        assert following[length - 1, reber.SYMBOLS.index("E")] == 1
    assert {"BPVVE", "BTXSE", "BTSXSE", "BPTVVE", "BPVPSE", "BTXXVVE"} < words
    assert x[:, 1, 1].mean() == pytest.approx(0.5, abs=0.1)


def test_allowed_symbols_include_the_next_one_and_are_one_or_two():
    data = load("embedded-reber")
    (_, lengths, y), (_, _, allowed) = data.test, data.extra_test_sets["allowed_next"]
    inside = np.arange(reber.STEPS) < lengths[:, None]
    assert (allowed[inside] >= y[inside]).all()
    assert set(allowed[inside].sum(axis=1)) == {1, 2}
    assert not allowed[~inside].any()
    rows = np.arange(len(y))
    assert np.array_equal(allowed[rows, lengths - 2], y[rows, lengths - 2])  # the last but one symbol is certain
