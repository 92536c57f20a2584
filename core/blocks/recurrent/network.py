"""Sequence network: an embedding or features, recurrent layers, and a head for the sequence or for each step."""

from collections.abc import Callable

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.recurrent.cell import Cell
from neuralzoo.core.blocks.recurrent.config import Readout, RecurrentConfig
from neuralzoo.core.blocks.recurrent.layer import Recurrent, RecurrentState, StatePullback
from neuralzoo.core.blocks.recurrent.packing import PackedSequences
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Array
from neuralzoo.core.task import Task


class SequenceNetwork(Layer):
    """Recurrent network with one output for a sequence or an output for each step.

        e_t = E[x_t] for tokens, else x_t          h_1 ... h_T = recurrent(e_1 ... e_T)
        y_t = h_t V + b          or y = s V + b with the summary s: the last h of each direction, or the mean of all h

    Given (x, lengths) instead of x, the padding changes nothing; y_t is 0 there.

    Shapes: x is (N, T, inputs), or (N, T) tokens; y is (N, T, outputs), or (N, outputs) of a summary.
    Raises: ValueError when x has another shape or dtype, a value that is not finite or an unknown token, or a length
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
        """Return the outputs and their pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        y, _, pull = self.run(x, ctx, lengths)
        return y, lambda dy: pull(dy, None)[0]

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, initial_state: RecurrentState | None = None
    ) -> tuple[Array, RecurrentState, StatePullback]:
        """Return the outputs, the final state, and their pullback; see `Recurrent.run`."""
        self._check(x)
        packing = PackedSequences(x.shape[0], x.shape[1], lengths)
        rows = packing.pack(x, ctx.empty((packing.total, *x.shape[2:]), x.dtype))
        if self.embedding is not None:
            rows, pull_embedding = self.embedding(rows, ctx)
        elif not np.isfinite(rows).all():
            raise ValueError(f"{self.name} got x with NaN or infinite values; it needs finite ones")
        needs_dx = self.embedding is not None or ctx.needs_grad(x)
        h, final_state, pull_h = self.recurrent.run_packed(rows, packing, ctx, initial_state, needs_dx=needs_dx)
        y, pull_readout = self._read_out(h, final_state[0], packing, ctx)
        if not ctx.recording:
            return y, final_state, unrecorded_pullback

        def pull(dy: Array, dfinal: RecurrentState | None) -> tuple[Array, RecurrentState]:
            dh, dlast = pull_readout(dy)
            drows, dinitial = pull_h(dh, _sum(dlast, dfinal, final_state))
            if self.embedding is not None:
                pull_embedding(drows)
                return zero_grad_like(x), dinitial
            if not needs_dx:
                return zero_grad_like(x), dinitial
            return packing.unpack(drows, ctx.empty(x.shape, drows.dtype)), dinitial

        return y, final_state, pull

    def _read_out(
        self, h: Array, last: Array, packing: PackedSequences, ctx: Context
    ) -> tuple[Array, Callable[[Array], tuple[Array, Array | None]]]:
        """Return the outputs for packed h (total, F) and the last h (cells, N, hidden), and their pullback to both."""
        examples, steps = packing.shape
        if self.readout is None:
            kept, pull_dropout = self.dropout(h, ctx)
            rows, pull_head = self.head(kept, ctx)
            y = packing.unpack(rows, ctx.empty((examples, steps, rows.shape[1]), rows.dtype))
            return y, lambda dy: (pull_dropout(pull_head(packing.pack(dy, np.empty_like(rows)))), None)
        directions = len(self.recurrent.layers[-1])
        if self.readout == "last":
            summary = last[-directions:].swapaxes(0, 1).reshape(examples, self.recurrent.outputs)
        else:
            summary = packing.unpack(h, ctx.empty((examples, steps, h.shape[1]), h.dtype)).sum(axis=1)
            summary /= packing.lengths_column(h.dtype)
        kept, pull_dropout = self.dropout(summary, ctx)
        y, pull_head = self.head(kept, ctx)

        def pull(dy: Array) -> tuple[Array, Array | None]:
            dsummary = pull_dropout(pull_head(dy))
            if self.readout == "last":
                dlast = np.zeros_like(last)
                dlast[-directions:] = dsummary.reshape(examples, directions, last.shape[2]).swapaxes(0, 1)
                return np.zeros_like(h), dlast
            dstep = (dsummary / packing.lengths_column(dsummary.dtype))[:, None]
            return packing.pack(np.broadcast_to(dstep, (examples, steps, dstep.shape[2])), np.empty_like(h)), None

        return y, pull

    @property
    def name(self) -> str:
        """The name in error messages."""
        return f"a network of {type(self.recurrent.cells[0]).__name__}s"

    def _check(self, x: Array) -> None:
        if self.embedding is not None and (x.ndim != 2 or x.shape[1] == 0):
            raise ValueError(f"{self.name} got x of shape {x.shape}; it needs tokens (N, T), T at least 1")
        if self.embedding is None and (x.ndim != 3 or x.shape[1] == 0 or x.shape[2] != self.recurrent.inputs):
            raise ValueError(
                f"{self.name} got x of shape {x.shape}; it needs (N, T, {self.recurrent.inputs}), T at least 1"
            )


def _sum(dlast: Array | None, dfinal: RecurrentState | None, like: RecurrentState) -> RecurrentState | None:
    """Return dL/d final state: the part from the readout and the part from outside."""
    if dlast is None or dfinal is None:
        return dfinal if dlast is None else (dlast, *(np.zeros_like(state) for state in like[1:]))
    return (dlast + dfinal[0], *dfinal[1:])


def sequence_network(
    make_cell: Callable[[int, np.random.Generator], Cell],
    config: RecurrentConfig,
    task: Task,
    rng: np.random.Generator,
) -> SequenceNetwork:
    """Build the network for a config and a task; `make_cell` is a function of (inputs, rng).

    Raises: ValueError when a language model is to be bidirectional.
    """
    if config.bidirectional and task.kind == "language-modelling":
        raise ValueError(
            "a language model got bidirectional=True, with which it reads the tokens that it has to predict"
        )
    embedding = Embedding(task.vocab_size, config.embedding, rng) if task.vocab_size is not None else None
    recurrent = Recurrent(
        config.embedding if embedding is not None else task.shape[-1],
        make_cell,
        rng,
        layers=config.layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
    )
    each_step = task.kind in ("sequence-labelling", "language-modelling")
    readout = None if each_step else config.readout
    return SequenceNetwork(recurrent, task.outputs, rng, embedding=embedding, readout=readout, dropout=config.dropout)
