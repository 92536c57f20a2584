"""Tokenisers: from text to whole numbers and back."""

from collections.abc import Iterable
from typing import Self

import numpy as np

from neuralzoo.core.module import Array


class Characters:
    """A token for each character of an alphabet: its place there.

    Raises: ValueError when the alphabet has a character twice, or what is not one character.
    """

    def __init__(self, alphabet: Iterable[str]) -> None:
        self.alphabet = tuple(alphabet)
        self.places = {character: place for place, character in enumerate(self.alphabet)}
        if len(self.places) < len(self.alphabet) or any(len(character) != 1 for character in self.alphabet):
            raise ValueError(f"Characters got an alphabet of {self.alphabet}; it needs each single character once")

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the tokeniser whose alphabet are the characters of a text, in order."""
        return cls(sorted(set(text)))

    @property
    def vocabulary(self) -> int:
        """The number of tokens."""
        return len(self.alphabet)

    def encode(self, text: str) -> Array:
        """Return the tokens (n,) int64 of a text.

        Raises: ValueError when the text has a character that the alphabet lacks.
        """
        if unknown := sorted(set(text) - self.places.keys()):
            raise ValueError(f"Characters got {unknown[0]!r}; it needs characters of {''.join(self.alphabet)!r}")
        return np.array([self.places[character] for character in text], np.int64)

    def decode(self, tokens: Array) -> str:
        """Return the text of tokens.

        Raises: ValueError when a token is out of range.
        """
        _check_range("Characters", tokens, self.vocabulary)
        return "".join(self.alphabet[token] for token in tokens)


class Bytes:
    """A token for each byte of a text in UTF-8: every text has tokens, none is unknown."""

    vocabulary = 256

    def encode(self, text: str) -> Array:
        """Return the tokens (n,) int64 of a text."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int64)

    def decode(self, tokens: Array) -> str:
        """Return the text of tokens; what is no UTF-8, as a network may write it, becomes a replacement character.

        Raises: ValueError when a token is out of range.
        """
        _check_range("Bytes", tokens, self.vocabulary)
        return np.asarray(tokens).astype(np.uint8).tobytes().decode(errors="replace")


def _check_range(name: str, tokens: Array, vocabulary: int) -> None:
    tokens = np.asarray(tokens)
    if tokens.size and (tokens.min() < 0 or tokens.max() >= vocabulary):
        wrong = tokens[(tokens < 0) | (tokens >= vocabulary)][0]
        raise ValueError(f"{name} got token {wrong}; it needs tokens from 0 to {vocabulary - 1}")
