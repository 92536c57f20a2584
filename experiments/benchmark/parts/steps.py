"""Times of training steps and predictions against those of a peer, interleaved in one process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuralzoo.experiments.benchmark.peers import Peer
from neuralzoo.experiments.benchmark.timing import Timing, time_interleaved
from neuralzoo.experiments.benchmark.workload import Workload, workload

TOLERANCE = 1e-4
PREDICTIONS = (1, 256)


@dataclass(frozen=True)
class Row:
    """A comparison of times: medians in milliseconds, and the ratio of ours to the peer's with its interval."""

    architecture: str
    peer: str
    what: str
    ours_ms: float
    theirs_ms: float
    ratio: float
    low: float
    high: float


def compare(names: Sequence[str], peers: Sequence[Peer], log: Callable[[str], None]) -> Iterator[Row]:
    """Time every architecture against every peer, after a check that both compute the same loss.

    Raises: RuntimeError when their losses differ.
    """
    for name in names:
        for peer in peers:
            log(f"{name} against {peer.name}")
            timed = list(rows(workload(name), peer))
            if not timed:
                log(f"{name} has no counterpart in {peer.name}; skipped")
            yield from timed


def rows(work: Workload, peer: Peer) -> Iterator[Row]:
    """Time one architecture against one peer: predictions of 1 and of 256 examples, and a training step."""
    counterpart = peer.counterpart(work)
    if counterpart is None:
        return
    ours, theirs = work.our_loss(), counterpart.loss()
    if not abs(ours - theirs) <= TOLERANCE * abs(ours):
        raise RuntimeError(
            f"{work.name} has a loss of {ours:.6g}, in {peer.name} of {theirs:.6g}; a timing needs equal losses"
        )
    for examples in PREDICTIONS:
        timing = time_interleaved(work.our_prediction(examples), counterpart.prediction(examples))
        yield _row(work.name, peer.name, f"predict {examples}", timing)
    yield _row(work.name, peer.name, "step", time_interleaved(work.ours(), counterpart.step))


def _row(name: str, peer: str, what: str, timing: Timing) -> Row:
    ours, theirs = (1e3 * float(np.median(seconds)) for seconds in (timing.ours, timing.theirs))
    return Row(name, peer, what, ours, theirs, timing.ratio, *timing.interval)
