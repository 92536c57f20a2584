"""The recurrent layer: cells applied step after step, in one direction or two, layer upon layer."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.recurrent.cell import Cell, CellState
from neuralzoo.core.blocks.recurrent.packing import PackedSequences
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Array

RecurrentState = tuple[Array, ...]
"""The state of a recurrent network, such as (h,) or (h, c): arrays (cells, N, hidden)."""

LayerPullback = Callable[[Array, list[CellState]], tuple[Array, list[CellState]]]
"""From dL/dh of all steps and dL/d final states of a layer's cells to dL/dx and dL/d initial states."""


class StatePullback(Protocol):
    """Backward pass through all steps of a recurrence that returned (y, final_state).

        dx, dinitial = pull(dy, dfinal)

    `dfinal` is dL/d final state, None if the loss does not depend on it. Like every pullback it adds the gradients of
    the parameters to those of the context, and leaves its arguments alone.
    """

    def __call__(self, dy: Array, dfinal: RecurrentState | None, /) -> tuple[Array, RecurrentState]:
        """Return dL/dx and dL/d initial state."""
        ...


class Recurrent(Layer):
    """Recurrent layers, stacked, in one direction or two.

        h_t = cell(x_t, h_{t-1})          in the other direction h_t = cell(x_t, h_{t+1})

    Each layer reads the outputs of the one below at the same step, both directions side by side, through dropout.
    Given (x, lengths) instead of x, each sequence ends at its length; the padding is not read, and y is 0 there.

    `make_cell` is a function of (inputs, rng). Shapes: x is (N, T, inputs), y is (N, T, directions hidden), states are
    (layers directions, N, hidden), the directions of a layer side by side.
    Raises: ValueError when x or a state has another shape, or a length is not from 1 to T.
    Source: both directions: Schuster and Paliwal (1997), https://doi.org/10.1109/78.650093
    """

    def __init__(
        self,
        inputs: int,
        make_cell: Callable[[int, np.random.Generator], Cell],
        rng: np.random.Generator,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        self.inputs = self.outputs = inputs
        self.layers: list[list[Cell]] = []
        for _ in range(layers):
            self.layers.append([make_cell(self.outputs, rng) for _ in range(2 if bidirectional else 1)])
            self.outputs = sum(cell.hidden for cell in self.layers[-1])
        self.dropout = Dropout(dropout)

    @property
    def cells(self) -> list[Cell]:
        """All cells, in the order of the states."""
        return [cell for layer in self.layers for cell in layer]

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return h at every step and its pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        y, _, pull = self.run(x, ctx, lengths)
        return y, lambda dy: pull(dy, None)[0]

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, initial_state: RecurrentState | None = None
    ) -> tuple[Array, RecurrentState, StatePullback]:
        """Return h at every step, the final state, and their pullback; without `initial_state` it is 0."""
        if x.ndim != 3 or x.shape[2] != self.inputs or x.shape[1] == 0:
            raise ValueError(f"{self._name} got x of shape {x.shape}; it needs (N, T, {self.inputs}), T at least 1")
        packing = PackedSequences(x.shape[0], x.shape[1], lengths)
        rows = packing.pack(x, ctx.empty((packing.total, self.inputs), x.dtype))
        needs_dx = ctx.needs_grad(x)
        h, final_state, pull_rows = self.run_packed(rows, packing, ctx, initial_state, needs_dx=needs_dx)
        y = packing.unpack(h, ctx.empty((*x.shape[:2], self.outputs), h.dtype))
        if not ctx.recording:
            return y, final_state, unrecorded_pullback

        def pull(dy: Array, dfinal: RecurrentState | None) -> tuple[Array, RecurrentState]:
            dh = packing.pack(dy, ctx.empty(h.shape, dy.dtype))
            drows, dinitial = pull_rows(dh, dfinal)
            if not needs_dx:
                return zero_grad_like(x), dinitial
            return packing.unpack(drows, ctx.empty(x.shape, drows.dtype)), dinitial

        return y, final_state, pull

    def run_packed(
        self,
        rows: Array,
        packing: PackedSequences,
        ctx: Context,
        initial_state: RecurrentState | None = None,
        *,
        needs_dx: bool = True,
    ) -> tuple[Array, RecurrentState, StatePullback]:
        """Return h of packed inputs (total, inputs) at every step, packed, the final state, and their pullback."""
        ctx = ctx.of(self)
        initial = self._split_by_cell(initial_state, packing, np.result_type(rows, self.cells[0].bias.value))
        final: list[CellState] = []
        pulls: list[tuple[LayerPullback, Pullback]] = []
        for cells in self.layers:
            rows, pull_dropout = self.dropout(rows, ctx) if pulls else (rows, _identity)
            rows, last, pull_layer = _run_layer(
                cells, rows, packing, initial[len(final) :], ctx, needs_dx=needs_dx or bool(pulls)
            )
            final += last
            pulls.append((pull_layer, pull_dropout))
        if not ctx.recording:
            return rows, _stack(final, packing), unrecorded_pullback

        def pull(dh: Array, dfinal: RecurrentState | None) -> tuple[Array, RecurrentState]:
            dstates = self._split_by_cell(dfinal, packing, dh.dtype)
            for layer in reversed(range(len(pulls))):
                pull_layer, pull_dropout = pulls[layer]
                own = slice(layer * len(self.layers[0]), (layer + 1) * len(self.layers[0]))
                dh, dstates[own] = pull_layer(dh, dstates[own])
                dh = pull_dropout(dh)
            return dh, _stack(dstates, packing)

        return rows, _stack(final, packing), pull

    @property
    def _name(self) -> str:
        return f"a recurrence of {type(self.layers[0][0]).__name__}s"

    def _split_by_cell(
        self, state: RecurrentState | None, packing: PackedSequences, dtype: np.dtype[np.generic]
    ) -> list[CellState]:
        """Return the state of each cell in new arrays, in packed order; None stands for zeros."""
        cells = self.cells
        shape = (len(cells), packing.shape[0], cells[0].hidden)
        if state is None:
            return [[np.zeros(shape[1:], dtype) for _ in range(cell.num_states)] for cell in cells]
        if [array.shape for array in state] != [shape] * cells[0].num_states:
            raise ValueError(
                f"{self._name} got states of shape {', '.join(str(array.shape) for array in state)}; it needs "
                f"{cells[0].num_states} of {shape}"
            )
        return [[packing.sort_by_length(array[i]).astype(dtype) for array in state] for i in range(len(cells))]


def _stack(states: list[CellState], packing: PackedSequences) -> RecurrentState:
    """Return the states of all cells as arrays (cells, N, hidden), in the order of the sequences."""
    return tuple(np.stack([packing.unsort(array) for array in arrays]) for arrays in zip(*states, strict=True))


def _run_layer(
    cells: list[Cell],
    x: Array,
    packing: PackedSequences,
    initial: list[CellState],
    ctx: Context,
    *,
    needs_dx: bool,
) -> tuple[Array, list[CellState], LayerPullback]:
    """Run the one or two cells of a layer; return h, their final states, and the pullback."""
    n, hidden = packing.shape[0], cells[0].hidden
    one_way = len(cells) == 1
    xs = [x] if one_way else [x, packing.reverse(x, ctx.empty(x.shape, x.dtype))]
    runs = [
        cell.run(x, packing, state, ctx, needs_dx=needs_dx) for cell, x, state in zip(cells, xs, initial, strict=False)
    ]
    hs = [states[0][n:] for states, _ in runs]
    final = [[packing.last(array[n:]) for array in states] for states, _ in runs]
    if one_way:
        y = hs[0]
    else:
        y = ctx.empty((len(x), 2 * hidden), hs[0].dtype)
        y[:, :hidden] = hs[0]
        packing.reverse(hs[1], y[:, hidden:])

    def pull(dy: Array, dfinal: list[CellState]) -> tuple[Array, list[CellState]]:
        if one_way:
            dx, dinitial = runs[0][1](dy, dfinal[0])
            return dx, [dinitial]
        dx_forward, dinitial_forward = runs[0][1](dy[:, :hidden], dfinal[0])
        dh = packing.reverse(dy[:, hidden:], ctx.empty((len(dy), hidden), dy.dtype))
        dx_backward, dinitial_backward = runs[1][1](dh, dfinal[1])
        if not needs_dx:
            return dx_forward, [dinitial_forward, dinitial_backward]
        dx = packing.reverse(dx_backward, ctx.empty(dx_backward.shape, dx_backward.dtype))
        return np.add(dx, dx_forward, out=dx), [dinitial_forward, dinitial_backward]

    return y, final, pull


def _identity(dy: Array) -> Array:
    return dy
