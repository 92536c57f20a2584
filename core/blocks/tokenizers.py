"""Tokenizers: from text to tokens, whole numbers, and back."""

from collections.abc import Iterable
from typing import Self

import numpy as np

from neuralzoo.core.module import Array


class CharTokenizer:
    """Character tokenizer: the token of a character is its index in the alphabet.

    >>> tokenizer = CharTokenizer.of("banana")
    >>> tokenizer.encode("nab").tolist()
    [2, 0, 1]
    >>> tokenizer.decode(np.array([1, 0, 2]))
    'ban'

    Raises: ValueError when the alphabet has a character twice, or an entry that is not one character.
    """

    def __init__(self, alphabet: Iterable[str]) -> None:
        self.alphabet = tuple(alphabet)
        self.indices = {character: index for index, character in enumerate(self.alphabet)}
        if len(self.indices) < len(self.alphabet) or any(len(character) != 1 for character in self.alphabet):
            raise ValueError(f"CharTokenizer got an alphabet of {self.alphabet}; it needs each single character once")

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the tokenizer whose alphabet are the characters of a text, sorted."""
        return cls(sorted(set(text)))

    @property
    def vocab_size(self) -> int:
        """The number of tokens."""
        return len(self.alphabet)

    def encode(self, text: str) -> Array:
        """Return the tokens (n,) int64 of a text.

        Raises: ValueError when the text has a character that is not in the alphabet.
        """
        if unknown := sorted(set(text) - self.indices.keys()):
            raise ValueError(f"CharTokenizer got {unknown[0]!r}; it needs characters of {''.join(self.alphabet)!r}")
        return np.array([self.indices[character] for character in text], np.int64)

    def decode(self, tokens: Array) -> str:
        """Return the text of tokens.

        Raises: ValueError when a token is out of range.
        """
        tokens = np.asarray(tokens)
        if tokens.size and (tokens.min() < 0 or tokens.max() >= self.vocab_size):
            wrong = tokens[(tokens < 0) | (tokens >= self.vocab_size)][0]
            raise ValueError(f"CharTokenizer got token {wrong}; it needs tokens from 0 to {self.vocab_size - 1}")
        return "".join(self.alphabet[token] for token in tokens)
