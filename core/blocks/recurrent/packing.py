"""Packed sequences: sequences of different lengths without padding, as PyTorch's PackedSequence.

They lie step after step, at each step those that are long enough, the longest first. The active ones are then always
the first rows: nothing needs a mask, and padding is never read.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from neuralzoo.core.module import Array


class Step(NamedTuple):
    """The rows of one step: in the packed inputs, and in the states, which are preceded by the initial ones."""

    rows: slice
    before: slice
    after: slice


class PackedSequences:
    """Layout of packed sequences: where each step of each sequence lies.

    Shapes: lengths is (N,) integers from 1 to `steps`; None stands for `steps` everywhere.
    Raises: ValueError when a length is out of range or there is not one for each sequence.
    """

    def __init__(self, examples: int, steps: int, lengths: Array | None = None) -> None:
        if lengths is not None:
            lengths = np.asarray(lengths)  # `predict` takes lists, too
            check_lengths(lengths, examples, steps)
            lengths = lengths.astype(np.intp)  # 255 + 1 is 0 in eight bits
        self.shape = (examples, steps)
        self.uniform_length = lengths is None or bool((lengths == steps).all())
        if self.uniform_length or lengths is None:
            counts = np.full(steps, examples)
        else:
            self.order = np.argsort(-lengths, kind="stable")
            self.lengths = lengths[self.order]
            counts = examples - np.searchsorted(self.lengths[::-1], np.arange(1, self.lengths[0] + 1))
            self.mask = np.arange(len(counts))[:, None] < self.lengths  # (T, N)
            self.first_rows = np.cumsum(counts) - counts
        self.total = int(counts.sum())
        self.steps: list[Step] = []
        now, before = 0, 0
        for count in counts.tolist():
            after = examples + now
            self.steps.append(Step(slice(now, now + count), slice(before, before + count), slice(after, after + count)))
            now, before = now + count, after

    def pack(self, x: Array, out: Array) -> Array:
        """Write sequences (N, T, ...) into `out` (total, ...) and return it."""
        if self.uniform_length:
            np.copyto(out.reshape(x.shape[1], x.shape[0], *x.shape[2:]), x.swapaxes(0, 1))
        else:
            np.take(self._flat(x), self._flat_index, axis=0, out=out)
        return out

    def unpack(self, rows: Array, out: Array) -> Array:
        """Write packed rows (total, D) into sequences `out` (N, T, D), zero in the padding, and return it."""
        if self.uniform_length:
            np.copyto(out, rows.reshape(self.shape[1], self.shape[0], rows.shape[1]).swapaxes(0, 1))
        else:
            out.fill(0)
            self._flat(out)[self._flat_index] = rows
        return out

    @cached_property
    def _flat_index(self) -> Array:
        """The index of each packed row among the rows of (N, T, ...)."""
        step, rank = np.nonzero(self.mask)
        index: Array = self.order[rank] * self.shape[1] + step
        return index

    @cached_property
    def _reversed_rows(self) -> Array:
        """The packed row of the same sequence, as far from its end as each row is from its start."""
        step, rank = np.nonzero(self.mask)
        rows: Array = self.first_rows[self.lengths[rank] - 1 - step] + rank
        return rows

    @cached_property
    def _last_rows(self) -> Array:
        """The packed row of each sequence's last step."""
        rows: Array = self.first_rows[self.lengths - 1] + np.arange(len(self.lengths))
        return rows

    @cached_property
    def _rows_before(self) -> Array:
        """The row of the previous state of each packed row, among the states preceded by the initial ones."""
        step, rank = np.nonzero(self.mask)
        rows: Array = np.where(step == 0, rank, self.shape[0] + self.first_rows[step - 1] + rank)
        return rows

    def reverse(self, rows: Array, out: Array) -> Array:
        """Write packed rows with each sequence from its end to its start into `out` and return it."""
        if self.uniform_length:
            steps = (self.shape[1], self.shape[0], rows.shape[1])
            np.copyto(out.reshape(steps), rows.reshape(steps)[::-1])
        else:
            np.take(rows, self._reversed_rows, axis=0, out=out)
        return out

    def before(self, states: Array) -> Array:
        """Return the previous state of each packed row; `states` are preceded by the initial ones."""
        return states[: self.total] if self.uniform_length else states[self._rows_before]

    def last(self, rows: Array) -> Array:
        """Return each sequence's last row, in packed order."""
        return rows[-self.shape[0] :] if self.uniform_length else rows[self._last_rows]

    def lengths_column(self, dtype: np.dtype[np.generic]) -> Array:
        """Return the length of each sequence as a column (N, 1)."""
        lengths = np.full(self.shape[0], self.shape[1]) if self.uniform_length else self.unsort(self.lengths)
        return lengths.astype(dtype)[:, None]

    def sort_by_length(self, rows: Array) -> Array:
        """Return one row for each sequence in packed order: the longest first."""
        return rows if self.uniform_length else rows[self.order]

    def unsort(self, rows: Array) -> Array:
        """Return rows in packed order in the order of the sequences."""
        if self.uniform_length:
            return rows
        out = np.empty_like(rows)
        out[self.order] = rows
        return out

    @staticmethod
    def _flat(x: Array) -> Array:
        return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def check_lengths(lengths: Array, examples: int, steps: int) -> None:
    """Check that there is a length for each sequence.

    Raises: ValueError when a length is out of range or there is not one for each sequence.
    """
    if lengths.shape != (examples,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"a batch got lengths of shape {lengths.shape} and dtype {lengths.dtype}; it needs one integer for each of "
            f"{examples} sequences"
        )
    if examples and (lengths.min() < 1 or lengths.max() > steps):
        wrong = int(np.flatnonzero((lengths < 1) | (lengths > steps))[0])
        raise ValueError(
            f"a batch got length {lengths[wrong]} for sequence {wrong} of {examples}; it needs 1 to {steps}"
        )
