"""Training steps and predictions of ours beside those of a peer, alternating in one process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuralzoo.experiments.benchmark.peers import Peer
from neuralzoo.experiments.benchmark.timing import Timing, side_by_side
from neuralzoo.experiments.benchmark.workload import Workload, workload

TOLERANCE = 1e-4
PREDICTIONS = (1, 256)


@dataclass(frozen=True)
class Row:
    """One comparison of times: medians in milliseconds, and the ratio of ours by the peer's with its interval."""

    architecture: str
    peer: str
    what: str
    ours_ms: float
    theirs_ms: float
    ratio: float
    low: float
    high: float


def compare(names: Sequence[str], peers: Sequence[Peer], tell: Callable[[str], None]) -> Iterator[Row]:
    """Time every architecture beside every peer that has it, after a check that both compute the same loss.

    Raises: RuntimeError when they do not.
    """
    for name in names:
        for peer in peers:
            tell(f"{name} beside {peer.name}")
            timed = list(rows(workload(name), peer))
            if not timed:
                tell(f"{name} has no counterpart written for {peer.name} yet and is left out")
            yield from timed


def rows(work: Workload, peer: Peer) -> Iterator[Row]:
    """Time one architecture beside one peer: a training step, and predictions of one and of many examples."""
    rival = peer.rival(work)
    if rival is None:
        return
    ours, theirs = work.our_loss(), rival.loss()
    if not abs(ours - theirs) <= TOLERANCE * abs(ours):
        raise RuntimeError(
            f"{work.name} has a loss of {ours:.6g}, in {peer.name} of {theirs:.6g}; a comparison of times needs equal "
            "losses"
        )
    for examples in PREDICTIONS:
        timing = side_by_side(work.our_prediction(examples), rival.prediction(examples))
        yield _row(work.name, peer.name, f"predict {examples}", timing)
    yield _row(work.name, peer.name, "step", side_by_side(work.ours(), rival.step))


def _row(name: str, peer: str, what: str, timing: Timing) -> Row:
    ours, theirs = (1e3 * float(np.median(seconds)) for seconds in (timing.ours, timing.theirs))
    return Row(name, peer, what, ours, theirs, timing.ratio, *timing.interval)
