"""Recurrence: one cell applied step after step, in one direction or two, level upon level."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.recurrent.packing import Packing
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient, no_pullback
from neuralzoo.core.module import Array, Module, Parameter

State = tuple[Array, ...]
"""What a recurrent network remembers, such as (h,) or (h, c): arrays (cells, N, hidden)."""

States = list[Array]
"""The same of one cell: arrays of one row for each sequence, in the order of the packing."""

PullStates = Callable[[Array, States], tuple[list[Array], States]]
"""From dL/dh of all steps and dL/d the last states, which it overwrites, to dL/dz and dL/d the first states."""

PullCell = Callable[[Array, States, bool], tuple[Array, States]]
"""The same, to dL/dx and dL/d the first states; the last argument says whether anybody asks for dL/dx."""

PullLevel = Callable[[Array, list[States], bool], tuple[Array, list[States]]]
"""The same for the cells of a level."""

PullPacked = Callable[[Array | None, State | None, bool], tuple[Array, State]]
"""From dL/dh of all steps and dL/d the last states, None if the loss does not depend on them, to dL/dx and dL/d the
first states; the last argument says whether anybody asks for dL/dx."""

PullAll = Callable[[Array, State | None], tuple[Array, State]]
"""The same with x and y as sequences (N, T, ...)."""

NEGLIGIBLE = 1e-23


def flush(gradient: Array) -> None:
    """Set what is smaller than about 1e-30 to 0, before a vanishing gradient gets where numbers lose leading bits.

    Processors take a hundred times longer to compute with such numbers, 1e-38 and less in float32.
    """
    gradient += NEGLIGIBLE  # rounds to multiples of about 1e-30
    gradient -= NEGLIGIBLE


class Cell(Module, ABC):
    """What a recurrent network does at one step: a function of the input and of the states before.

        z_t = x_t W + b          states_t = f(z_t, states_{t-1}; U)

    A cell says what f is, for all steps and back again, in `unroll`; the products with W are taken here, one for all
    steps. `memories` is how many states there are, `blocks` how many blocks of `hidden` columns z has: it comes in that
    many arrays, since NumPy is faster with arrays of their own than with parts of one; `gates` is the blocks' sum.

    Shapes: weight_input W is (inputs, gates hidden), weight_state U is (hidden, gates hidden), bias is (gates hidden,).
    """

    blocks: tuple[int, ...] = (1,)
    memories: int = 1

    def __init__(
        self,
        inputs: int,
        hidden: int,
        rng: np.random.Generator,
        *,
        init: Initializer = glorot_uniform,
        state_init: Initializer = orthogonal,
    ) -> None:
        self.hidden = hidden
        self.weight_input = Parameter(_blocks(init, (inputs, hidden), self.gates, rng))
        self.weight_state = Parameter(_blocks(state_init, (hidden, hidden), self.gates, rng))
        self.bias = Parameter(np.zeros(self.gates * hidden, np.float32))

    @property
    def gates(self) -> int:
        """How many blocks of `hidden` columns the weights have."""
        return sum(self.blocks)

    @abstractmethod
    def unroll(self, z: list[Array], packing: Packing, start: States, ctx: Context) -> tuple[States, PullStates]:
        """Return all states, packed and headed by those of the start, and their pullback; z may be overwritten.

        A cell with gates leaves their values in z, block by block.

        Shapes: each z is (total, blocks hidden); each of `start` is (N, hidden), in the order of the packing; each of
        the states is (N + total, hidden).
        """

    def run(self, x: Array, packing: Packing, start: States, ctx: Context) -> tuple[States, PullCell]:
        """Return all states for packed inputs (total, inputs), and the pullback to the inputs and the start."""
        x_and_one, z = self.project(x, ctx)
        states, pull_states = self.unroll(z, packing, start, ctx)

        def pull(dh: Array, dend: States, wants_dx: bool) -> tuple[Array, States]:
            dz, dstart = pull_states(dh, dend)
            products = np.concatenate([x_and_one.T @ part for part in dz], axis=1)
            ctx.grads.add(self.weight_input, products[:-1])
            ctx.grads.add(self.bias, products[-1])
            if not wants_dx:
                return no_gradient(x), dstart
            weights = self.split(self.weight_input.value)
            dx = np.matmul(dz[0], weights[0].T, out=ctx.empty(x.shape, dz[0].dtype))
            for part, weight in zip(dz[1:], weights[1:], strict=True):
                dx += part @ weight.T
            return dx, dstart

        return states, pull

    def project(self, x: Array, ctx: Context) -> tuple[Array, list[Array]]:
        """Return [x 1], and z = [x 1] [W b], which takes the bias in with the product."""
        weights = self.split(np.concatenate([self.weight_input.value, self.bias.value[None]]))
        x_and_one = ctx.empty((len(x), x.shape[1] + 1), np.result_type(x, weights[0]))
        x_and_one[:, :-1], x_and_one[:, -1] = x, 1
        return x_and_one, [np.matmul(x_and_one, w, out=ctx.empty((len(x), w.shape[1]), w.dtype)) for w in weights]

    def split(self, columns: Array) -> list[Array]:
        """Return the columns of all gates as arrays of their own, one for each part of z."""
        ends = np.cumsum(self.blocks)[:-1] * self.hidden
        return [np.ascontiguousarray(part) for part in np.split(columns, ends, axis=-1)]

    def add_products(self, parameter: Parameter, a: Array, parts: list[Array], ctx: Context) -> None:
        """Add a.T @ (parts side by side) to the gradient of a weight."""
        if len(parts) == 1:
            ctx.grads.add_product(parameter, a.T, parts[0])
        else:
            ctx.grads.add(parameter, np.concatenate([a.T @ part for part in parts], axis=1))


def _blocks(init: Initializer, shape: tuple[int, int], gates: int, rng: np.random.Generator) -> Array:
    """Return a start for each gate, side by side."""
    return np.concatenate([init(shape, rng) for _ in range(gates)], axis=1)


class Recurrent(Layer):
    """Run cells over sequences: level upon level, in one direction or two.

        h_t = cell(x_t, h_{t-1})          in the other direction h_t = cell(x_t, h_{t+1})

    Each level reads what the one below it gives at the same step, both directions side by side, through dropout.
    Given (x, lengths) instead of x, each sequence ends at its length; what lies beyond is not read, and y is 0 there.

    `make_cell` is a function of (inputs, rng). Shapes: x is (N, T, inputs), y is (N, T, directions hidden), states are
    (levels directions, N, hidden), the directions of a level side by side.
    Raises: ValueError when x or a state has another shape, or a length is not from 1 to T.
    Source: both directions: Schuster and Paliwal (1997), https://doi.org/10.1109/78.650093
    """

    def __init__(
        self,
        inputs: int,
        make_cell: Callable[[int, np.random.Generator], Cell],
        rng: np.random.Generator,
        *,
        levels: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        self.inputs = self.outputs = inputs
        self.levels: list[list[Cell]] = []
        for _ in range(levels):
            self.levels.append([make_cell(self.outputs, rng) for _ in range(2 if bidirectional else 1)])
            self.outputs = sum(cell.hidden for cell in self.levels[-1])
        self.dropout = Dropout(dropout)

    @property
    def cells(self) -> list[Cell]:
        """All cells, in the order of the states."""
        return [cell for level in self.levels for cell in level]

    def __call__(self, x: Array | tuple[Array, Array], ctx: Context) -> tuple[Array, Pullback]:
        """Return h at every step and its pullback."""
        x, lengths = x if isinstance(x, tuple) else (x, None)
        y, _, pull = self.run(x, ctx, lengths)
        return y, lambda dy: pull(dy, None)[0]

    def run(
        self, x: Array, ctx: Context, lengths: Array | None = None, start: State | None = None
    ) -> tuple[Array, State, PullAll]:
        """Return h at every step, the last states, and their pullback; without `start` the first states are 0.

        The pullback takes dL/dy and dL/d the last states, None if the loss does not depend on them; it returns dL/dx
        and dL/d the first states.
        """
        if x.ndim != 3 or x.shape[2] != self.inputs or x.shape[1] == 0:
            raise ValueError(f"{self._name} got x of shape {x.shape}; it needs (N, T, {self.inputs}), T at least 1")
        packing = Packing(x.shape[0], x.shape[1], lengths)
        rows = packing.pack(x, ctx.empty((packing.total, self.inputs), x.dtype))
        h, end, pull_rows = self.run_packed(rows, packing, ctx, start)
        y = packing.unpack(h, ctx.empty((*x.shape[:2], self.outputs), h.dtype))
        if not ctx.recording:
            return y, end, no_pull

        def pull(dy: Array, dend: State | None) -> tuple[Array, State]:
            dh = packing.pack(dy, ctx.empty(h.shape, dy.dtype))
            drows, dstart = pull_rows(dh, dend, not ctx.skips(x))
            if ctx.skips(x):
                return no_gradient(x), dstart
            return packing.unpack(drows, ctx.empty(x.shape, drows.dtype)), dstart

        return y, end, pull

    def run_packed(
        self, rows: Array, packing: Packing, ctx: Context, start: State | None = None
    ) -> tuple[Array, State, PullPacked]:
        """Return h of packed inputs (total, inputs) at every step, the last states, and their pullback."""
        starts = self._of_cells(start, packing, np.result_type(rows, self.cells[0].bias.value))
        ends: list[States] = []
        pulls: list[tuple[PullLevel, Pullback]] = []
        for cells in self.levels:
            rows, pull_dropout = self.dropout(rows, ctx) if pulls else (rows, _same)
            rows, last, pull_level = _run_level(cells, rows, packing, starts[len(ends) :], ctx)
            ends += last
            pulls.append((pull_level, pull_dropout))

        def pull(dh: Array | None, dend: State | None, wants_dx: bool) -> tuple[Array, State]:
            dh = np.zeros_like(rows) if dh is None else dh
            dstates = self._of_cells(dend, packing, dh.dtype)
            for level in reversed(range(len(pulls))):
                pull_level, pull_dropout = pulls[level]
                mine = slice(level * len(self.levels[0]), (level + 1) * len(self.levels[0]))
                dh, dstates[mine] = pull_level(dh, dstates[mine], wants_dx or level > 0)
                dh = pull_dropout(dh)
            return dh, self._together(dstates, packing)

        return rows, self._together(ends, packing), pull if ctx.recording else _no_packed_pull

    @property
    def _name(self) -> str:
        return f"a recurrence of {type(self.levels[0][0]).__name__}s"

    def _of_cells(self, state: State | None, packing: Packing, dtype: np.dtype[np.generic]) -> list[States]:
        """Return a fresh array for each memory of each cell, in the order of the packing; None stands for zeros."""
        cells = self.cells
        shape = (len(cells), packing.shape[0], cells[0].hidden)
        if state is None:
            return [[np.zeros(shape[1:], dtype) for _ in range(cell.memories)] for cell in cells]
        if [array.shape for array in state] != [shape] * cells[0].memories:
            raise ValueError(
                f"{self._name} got states of shape {', '.join(str(array.shape) for array in state)}; it needs "
                f"{cells[0].memories} of {shape}"
            )
        return [[packing.sort(array[i]).astype(dtype) for array in state] for i in range(len(cells))]

    def _together(self, states: list[States], packing: Packing) -> State:
        return tuple(np.stack([packing.unsort(array) for array in memory]) for memory in zip(*states, strict=True))


def _run_level(
    cells: list[Cell], x: Array, packing: Packing, starts: list[States], ctx: Context
) -> tuple[Array, list[States], PullLevel]:
    """Run the one or two cells of a level; return h, their last states, and the pullback."""
    n, hidden = packing.shape[0], cells[0].hidden
    one_way = len(cells) == 1
    xs = [x] if one_way else [x, packing.reverse(x, ctx.empty(x.shape, x.dtype))]
    runs = [cell.run(x, packing, start, ctx) for cell, x, start in zip(cells, xs, starts, strict=False)]
    hs = [states[0][n:] for states, _ in runs]
    ends = [[packing.last(array[n:]) for array in states] for states, _ in runs]
    if one_way:
        y = hs[0]
    else:
        y = ctx.empty((len(x), 2 * hidden), hs[0].dtype)
        y[:, :hidden] = hs[0]
        packing.reverse(hs[1], y[:, hidden:])

    def pull(dy: Array, dends: list[States], wants_dx: bool) -> tuple[Array, list[States]]:
        if one_way:
            dx, dstart = runs[0][1](dy, dends[0], wants_dx)
            return dx, [dstart]
        forth, dforth = runs[0][1](dy[:, :hidden], dends[0], wants_dx)
        dh = packing.reverse(dy[:, hidden:], ctx.empty((len(dy), hidden), dy.dtype))
        back, dback = runs[1][1](dh, dends[1], wants_dx)
        if not wants_dx:
            return forth, [dforth, dback]
        dx = packing.reverse(back, ctx.empty(back.shape, back.dtype))
        return np.add(dx, forth, out=dx), [dforth, dback]

    return y, ends, pull


def _same(dy: Array) -> Array:
    return dy


def no_pull(dy: Array, dend: State | None) -> tuple[Array, State]:
    """Raise a RuntimeError: stands in for the pullback of a pass that recorded nothing."""
    return no_pullback(dy), ()


def _no_packed_pull(dh: Array | None, dend: State | None, wants_dx: bool) -> tuple[Array, State]:
    return no_pullback(np.empty(0)), ()
