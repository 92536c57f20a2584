import doctest

import numpy as np
import pytest

from neuralzoo.core.blocks import tokenizers
from neuralzoo.core.blocks.tokenizers import CharTokenizer


@pytest.mark.parametrize("text", ["To be, or not to be", "naïve 日本 🙂\n", ""])
def test_decoding_inverts_encoding(text):
    tokenizer = CharTokenizer.of(text + "x")
    tokens = tokenizer.encode(text)
    assert tokens.dtype == np.int64
    assert tokenizer.decode(tokens) == text
    assert tokens.size == 0 or tokens.max() < tokenizer.vocab_size


def test_tokens_are_indices_in_the_sorted_alphabet():
    tokenizer = CharTokenizer.of("banana")
    np.testing.assert_array_equal(tokenizer.encode("nab"), [2, 0, 1])
    assert tokenizer.vocab_size == 3


def test_the_example_in_the_docstring_is_right():
    assert doctest.testmod(tokenizers) == (0, 3)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: CharTokenizer("aa"), r"CharTokenizer got an alphabet of \('a', 'a'\); it needs each single character"),
        (lambda: CharTokenizer(["ab"]), r"it needs each single character once"),
        (lambda: CharTokenizer("ab").encode("abc"), r"CharTokenizer got 'c'; it needs characters of 'ab'"),
        (lambda: CharTokenizer("ab").decode(np.array([2])), r"CharTokenizer got token 2; it needs tokens from 0 to 1"),
    ],
)
def test_unknown_characters_and_tokens_raise_an_error_that_names_them(use, words):
    with pytest.raises(ValueError, match=words):
        use()
