"""Blocks of arrays that fit into the processor's cache."""

from collections.abc import Iterator

from neuralzoo.core.module import Array

BLOCK_ELEMENTS = 32768  # four arrays of it are 512 kB in float32


def blocks(x: Array) -> Iterator[slice]:
    """Yield slices of the first axis of at most BLOCK_ELEMENTS elements, or of one row."""
    step = max(1, BLOCK_ELEMENTS * len(x) // max(1, x.size))
    return (slice(first, first + step) for first in range(0, len(x), step))
