"""Parts of arrays that fit into the processor's cache."""

from collections.abc import Iterator

from neuralzoo.core.module import Array

BLOCK = 32768  # numbers; four arrays of it are 512 kB in float32


def blocks(x: Array) -> Iterator[slice]:
    """Yield parts of the first axis, so many at once that they fit into the processor's cache."""
    step = max(1, BLOCK * len(x) // max(1, x.size))
    return (slice(first, first + step) for first in range(0, len(x), step))
