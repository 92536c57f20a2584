"""The colour of an architecture."""

import hashlib

from neuralzoo.core.plots import palette

COLOUR_SALT = 1441  # the first with which no two of the eleven built-in architectures have one colour


def architecture_colour(name: str) -> str:
    """Return the colour of an architecture, the same in every chart."""
    return palette.RUNS[hashlib.sha256(f"{COLOUR_SALT}:{name}".encode()).digest()[0] % len(palette.RUNS)]
