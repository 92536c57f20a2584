"""Two ways to compute the same, timed in turns, so that what the machine does meanwhile hits both alike."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

BLOCKS, REPETITIONS = 10, 5
WARM_S = 0.05  # so long runs warm up
SHORT_S = 0.01  # so long it is repeated at least
LONG_S, FEW = 0.2, 3  # so few repetitions are enough when they take so long together
PAUSE_S = 0.1  # threads of the one wait for work in busy loops for some time, in which they would hinder the other


@dataclass(frozen=True)
class Timing:
    """Seconds of ours and of theirs: a median for each block; blocks of equal place were timed one after the other."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Our time by theirs, block by block, in ascending order."""
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the blocks' ratios."""
        return statistics.median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """The ratios between which the median lies with 95 % confidence or more, by the order of the blocks.

        With ten blocks those are the second and the ninth (98 %).
        """
        ratios = self.ratios
        return ratios[1], ratios[-2]


def side_by_side(ours: Callable[[], object], theirs: Callable[[], object], blocks: int = BLOCKS) -> Timing:
    """Time two functions in turns, block by block."""
    timed: tuple[list[float], list[float]] = ([], [])
    for _ in range(blocks):
        for function, seconds in zip((ours, theirs), timed, strict=True):
            time.sleep(PAUSE_S)
            seconds.append(_median_seconds(function))
    return Timing(tuple(timed[0]), tuple(timed[1]))


def _median_seconds(function: Callable[[], object]) -> float:
    """Return the median of some runs after others that warm up; what takes long has fewer, what is short has more."""
    warm = time.perf_counter() + WARM_S
    while time.perf_counter() < warm:
        function()
    spent: list[float] = []
    while len(spent) < (REPETITIONS if sum(spent) < LONG_S else FEW) or sum(spent) < SHORT_S:
        since = time.perf_counter()
        function()
        spent.append(time.perf_counter() - since)
    return statistics.median(spent)
