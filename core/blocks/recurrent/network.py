"""A whole network around a recurrence: tokens or numbers in, one answer or an answer for each step out."""

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.recurrent.layer import Cell, PullAll, Recurrent, State, no_pull
from neuralzoo.core.blocks.recurrent.packing import Packing
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient
from neuralzoo.core.module import Array

Readout = Literal["last", "mean"]
PullAnswer = Callable[[Array], tuple[Array | None, Array | None]]
"""From dL/dy to dL/dh of all steps and dL/d the last h, whichever y depends on."""


class SequenceConfig(Protocol):
    """What can be chosen about such a network; see `sequence_network`."""

    @property
    def layers(self) -> int:
        """Recurrent layers."""
        ...

    @property
    def bidirectional(self) -> bool:
        """Whether sequences are read backwards, too."""
        ...

    @property
    def dropout(self) -> float:
        """The share of outputs silenced between layers."""
        ...

    @property
    def embedding(self) -> int:
        """Numbers for a token."""
        ...

    @property
    def readout(self) -> Readout:
        """What one answer is read from."""
        ...


class SequenceTask(Protocol):
    """What the data leaves no choice about."""

    @property
    def kind(self) -> str:
        """What is asked for."""
        ...

    @property
    def answer(self) -> str:
        """What an answer is made of."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an example: (T, D), or (T,) for tokens."""
        ...

    @property
    def outputs(self) -> int:
        """The number of classes or numbers in an answer."""
        ...

    @property
    def vocabulary(self) -> int | None:
        """The number of tokens, None for numbers."""
        ...


class SequenceNetwork(Layer):
    """Read a sequence step by step, and answer at its end or at each step.

        e_t = E[x_t] for tokens, else x_t          h_1 ... h_T = recurrent(e_1 ... e_T)
        y_t = h_t V + b          or y = s V + b with the summary s: the last h of each direction, or the mean of all h

    Given (x, lengths) instead of x, what lies beyond the lengths changes nothing; y_t is 0 there.

    Shapes: x is (N, T, inputs), or (N, T) tokens; y is (N, T, outputs), or (N, outputs) of a summary.
    Raises: ValueError when x has another shape or dtype, a number that is not finite or an unknown token, or a length
    is not from 1 to T.
    """

    def __init__(
        self,
        recurrent: Recurrent,
        outputs: int,
        rng: np.random.Generator,
        *,
        embedding: Embedding | None = None,
        readout: Readout | None = None,
        dropout: float = 0.0,
    ) -> None:
        self.embedding = embedding
        self.recurrent = recurrent
        self.readout = readout
        self.dropout = Dropout(dropout)
        self.head = Dense(recurrent.outputs, outputs, rng)

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return the answers and their pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        y, _, pull = self.run(x, ctx, lengths)
        return y, lambda dy: pull(dy, None)[0]

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, start: State | None = None
    ) -> tuple[Array, State, PullAll]:
        """Return the answers, the last states, and their pullback; see `Recurrent.run`."""
        self._check(x)
        packing = Packing(x.shape[0], x.shape[1], lengths)
        rows = packing.pack(x, ctx.empty((packing.total, *x.shape[2:]), x.dtype))
        if self.embedding is not None:
            rows, pull_embedding = self.embedding(rows, ctx)
        elif not np.isfinite(rows).all():
            raise ValueError(f"{self.name} got x with NaN or infinite numbers; it needs finite ones")
        reads_data = self.embedding is None and ctx.skips(x)
        h, end, pull_h = self.recurrent.run_packed(rows, packing, ctx, start)
        y, pull_answer = self._answer(h, end[0], packing, ctx)
        if not ctx.recording:
            return y, end, no_pull

        def pull(dy: Array, dend: State | None) -> tuple[Array, State]:
            dh, dlast = pull_answer(dy)
            drows, dstart = pull_h(dh, _sum(dlast, dend, end), not reads_data)
            if self.embedding is not None:
                pull_embedding(drows)
                return no_gradient(x), dstart
            if reads_data:
                return no_gradient(x), dstart
            return packing.unpack(drows, ctx.empty(x.shape, drows.dtype)), dstart

        return y, end, pull

    def _answer(self, h: Array, last: Array, packing: Packing, ctx: Context) -> tuple[Array, PullAnswer]:
        """Return the answers for packed h (total, F) and the last ones (cells, N, hidden), and their pullback."""
        examples, steps = packing.shape
        if self.readout is None:
            kept, pull_dropout = self.dropout(h, ctx)
            rows, pull_head = self.head(kept, ctx)
            y = packing.unpack(rows, ctx.empty((examples, steps, rows.shape[1]), rows.dtype))
            return y, lambda dy: (pull_dropout(pull_head(packing.pack(dy, np.empty_like(rows)))), None)
        directions = len(self.recurrent.levels[-1])
        if self.readout == "last":
            summary = last[-directions:].swapaxes(0, 1).reshape(examples, self.recurrent.outputs)
        else:
            summary = packing.unpack(h, ctx.empty((examples, steps, h.shape[1]), h.dtype)).sum(axis=1)
            summary /= packing.lengths_of(h.dtype)
        kept, pull_dropout = self.dropout(summary, ctx)
        y, pull_head = self.head(kept, ctx)

        def pull(dy: Array) -> tuple[Array | None, Array | None]:
            dsummary = pull_dropout(pull_head(dy))
            if self.readout == "last":
                dlast = np.zeros_like(last)
                dlast[-directions:] = dsummary.reshape(examples, directions, last.shape[2]).swapaxes(0, 1)
                return None, dlast
            share = (dsummary / packing.lengths_of(dsummary.dtype))[:, None]
            return packing.pack(np.broadcast_to(share, (examples, steps, share.shape[2])), np.empty_like(h)), None

        return y, pull

    @property
    def name(self) -> str:
        """What error messages call it."""
        return f"a network of {type(self.recurrent.cells[0]).__name__}s"

    def _check(self, x: Array) -> None:
        if self.embedding is not None and (x.ndim != 2 or x.shape[1] == 0):
            raise ValueError(f"{self.name} got x of shape {x.shape}; it needs tokens (N, T), T at least 1")
        if self.embedding is None and (x.ndim != 3 or x.shape[1] == 0 or x.shape[2] != self.recurrent.inputs):
            raise ValueError(
                f"{self.name} got x of shape {x.shape}; it needs (N, T, {self.recurrent.inputs}), T at least 1"
            )
        if self.embedding is None and x.dtype.kind not in "fiub":
            raise ValueError(f"{self.name} got x of dtype {x.dtype}; it needs real numbers")


def _sum(dlast: Array | None, dend: State | None, like: State) -> State | None:
    """Return dL/d the last states: what comes from the answer and what comes from outside."""
    if dlast is None or dend is None:
        return dend if dlast is None else (dlast, *(np.zeros_like(state) for state in like[1:]))
    return (dlast + dend[0], *dend[1:])


def sequence_network(
    make_cell: Callable[[int, np.random.Generator], Cell],
    config: SequenceConfig,
    task: SequenceTask,
    rng: np.random.Generator,
) -> SequenceNetwork:
    """Build the network that a config and a task ask for; `make_cell` is a function of (inputs, rng).

    Raises: ValueError when a language model is to read in both directions.
    """
    if config.bidirectional and task.kind == "language-modelling":
        raise ValueError("a language model got bidirectional=True, with which it reads what it has to foretell")
    embedding = Embedding(task.vocabulary, config.embedding, rng) if task.vocabulary is not None else None
    recurrent = Recurrent(
        config.embedding if embedding is not None else task.shape[-1],
        make_cell,
        rng,
        levels=config.layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
    )
    each_step = task.kind in ("sequence-labelling", "language-modelling")
    readout = None if each_step else config.readout
    return SequenceNetwork(recurrent, task.outputs, rng, embedding=embedding, readout=readout, dropout=config.dropout)
