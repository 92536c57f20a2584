"""Interleaved timing of two implementations, so that other load on the machine affects both alike."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

BLOCKS, REPETITIONS = 10, 5
WARM_UP_S = 0.05
MIN_BLOCK_S = 0.01  # repetitions of a block take at least this long together
LONG_BLOCK_S, MIN_REPETITIONS = 0.2, 3  # fewer repetitions when they take this long together
PAUSE_S = 0.1  # until the thread pool of the other implementation has stopped spinning


@dataclass(frozen=True)
class Timing:
    """Seconds of ours and of theirs: the median of each block; blocks of equal index were timed one after the other."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Our time divided by theirs, of each block, in ascending order."""
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the blocks' ratios."""
        return statistics.median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of the median ratio, of at least 95 %, by order statistics.

        With ten blocks it is from the second to the ninth ratio (98 %).
        """
        ratios = self.ratios
        return ratios[1], ratios[-2]


def time_interleaved(ours: Callable[[], object], theirs: Callable[[], object], blocks: int = BLOCKS) -> Timing:
    """Time two functions, interleaved block by block."""
    timed: tuple[list[float], list[float]] = ([], [])
    for _ in range(blocks):
        for function, seconds in zip((ours, theirs), timed, strict=True):
            time.sleep(PAUSE_S)
            seconds.append(_median_seconds(function))
    return Timing(tuple(timed[0]), tuple(timed[1]))


def _median_seconds(function: Callable[[], object]) -> float:
    """Return the median time of a block after a warm-up; slow functions are repeated less often, fast ones more."""
    warm_up_end = time.perf_counter() + WARM_UP_S
    while time.perf_counter() < warm_up_end:
        function()
    spent: list[float] = []
    while len(spent) < (REPETITIONS if sum(spent) < LONG_BLOCK_S else MIN_REPETITIONS) or sum(spent) < MIN_BLOCK_S:
        since = time.perf_counter()
        function()
        spent.append(time.perf_counter() - since)
    return statistics.median(spent)
