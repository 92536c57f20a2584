"""Sequences of different lengths in packed memory.

They lie step after step, at each step those that have it, the longest first. The ones still going are then always the
first rows: nothing needs a mask, and padding is never read.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from neuralzoo.core.module import Array


class Step(NamedTuple):
    """The rows of one step: in the packed inputs, and in the states, which begin with those before the first step."""

    rows: slice
    before: slice
    after: slice


class Packing:
    """Where each step of each sequence lies in packed memory.

    Shapes: lengths is (N,) whole numbers from 1 to `steps`; None stands for `steps` everywhere.
    Raises: ValueError when a length is out of range or there is not one for each sequence.
    """

    def __init__(self, examples: int, steps: int, lengths: Array | None = None) -> None:
        if lengths is not None:
            lengths = np.asarray(lengths)  # people who predict hand over lists, too
            check_lengths(lengths, examples, steps)
            lengths = lengths.astype(np.intp)  # 255 + 1 is 0 in eight bits
        self.shape = (examples, steps)
        self.even = lengths is None or bool((lengths == steps).all())
        if self.even or lengths is None:
            counts = np.full(steps, examples)
        else:
            self.order = np.argsort(-lengths, kind="stable")
            self.lengths = lengths[self.order]
            counts = examples - np.searchsorted(self.lengths[::-1], np.arange(1, self.lengths[0] + 1))
            self.present = np.arange(len(counts))[:, None] < self.lengths  # (T, N)
            self.starts = np.cumsum(counts) - counts
        self.total = int(counts.sum())
        self.steps: list[Step] = []
        now, before = 0, 0
        for count in counts.tolist():
            after = examples + now
            self.steps.append(Step(slice(now, now + count), slice(before, before + count), slice(after, after + count)))
            now, before = now + count, after

    def pack(self, x: Array, out: Array) -> Array:
        """Write sequences (N, T, ...) into `out` (total, ...) and return it."""
        if self.even:
            np.copyto(out.reshape(x.shape[1], x.shape[0], *x.shape[2:]), x.swapaxes(0, 1))
        else:
            np.take(self._rows_of(x), self._places, axis=0, out=out)
        return out

    def unpack(self, rows: Array, out: Array) -> Array:
        """Write packed rows (total, D) into sequences `out` (N, T, D), zero in the padding, and return it."""
        if self.even:
            np.copyto(out, rows.reshape(self.shape[1], self.shape[0], rows.shape[1]).swapaxes(0, 1))
        else:
            out.fill(0)
            self._rows_of(out)[self._places] = rows
        return out

    @cached_property
    def _places(self) -> Array:
        """Where each packed row is among the rows of (N, T, ...)."""
        step, rank = np.nonzero(self.present)
        places: Array = self.order[rank] * self.shape[1] + step
        return places

    @cached_property
    def _mirror(self) -> Array:
        """The packed row of the same sequence, as far from its end as each row is from its start."""
        step, rank = np.nonzero(self.present)
        mirror: Array = self.starts[self.lengths[rank] - 1 - step] + rank
        return mirror

    @cached_property
    def _last(self) -> Array:
        """The packed row of each sequence's last step."""
        last: Array = self.starts[self.lengths - 1] + np.arange(len(self.lengths))
        return last

    @cached_property
    def _before(self) -> Array:
        """The row before each packed row, among the states that begin with those before the first step."""
        step, rank = np.nonzero(self.present)
        before: Array = np.where(step == 0, rank, self.shape[0] + self.starts[step - 1] + rank)
        return before

    def reverse(self, rows: Array, out: Array) -> Array:
        """Write packed rows with each sequence from its end to its start into `out` and return it."""
        if self.even:
            steps = (self.shape[1], self.shape[0], rows.shape[1])
            np.copyto(out.reshape(steps), rows.reshape(steps)[::-1])
        else:
            np.take(rows, self._mirror, axis=0, out=out)
        return out

    def before(self, states: Array) -> Array:
        """Return the states before each packed row; `states` begin with those before the first step."""
        return states[: self.total] if self.even else states[self._before]

    def last(self, rows: Array) -> Array:
        """Return each sequence's last row, in the order of the packing."""
        return rows[-self.shape[0] :] if self.even else rows[self._last]

    def lengths_of(self, dtype: np.dtype[np.generic]) -> Array:
        """Return the length of each sequence as a column (N, 1)."""
        lengths = np.full(self.shape[0], self.shape[1]) if self.even else self.unsort(self.lengths)
        return lengths.astype(dtype)[:, None]

    def sort(self, state: Array) -> Array:
        """Return one row for each sequence in the order of the packing."""
        return state if self.even else state[self.order]

    def unsort(self, state: Array) -> Array:
        """Return rows in the order of the packing in that of the sequences."""
        if self.even:
            return state
        out = np.empty_like(state)
        out[self.order] = state
        return out

    @staticmethod
    def _rows_of(x: Array) -> Array:
        return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def check_lengths(lengths: Array, examples: int, steps: int) -> None:
    """Make sure that there is a length for each sequence.

    Raises: ValueError when a length is out of range or there is not one for each sequence.
    """
    if lengths.shape != (examples,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"a batch got lengths of shape {lengths.shape} and dtype {lengths.dtype}; it needs one whole number "
            f"for each of {examples} sequences"
        )
    if examples and (lengths.min() < 1 or lengths.max() > steps):
        wrong = int(np.flatnonzero((lengths < 1) | (lengths > steps))[0])
        raise ValueError(
            f"a batch got length {lengths[wrong]} for sequence {wrong} of {examples}; it needs 1 to {steps}"
        )
