"""The cell of a recurrent network: what is computed at each time step."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.recurrent.packing import PackedSequences
from neuralzoo.core.layer import Context, zero_grad_like
from neuralzoo.core.module import Array, Module, Parameter

CellState = list[Array]
"""The state of one cell, such as [h] or [h, c]: arrays of one row for each sequence, in packed order."""

UnrollPullback = Callable[[Array, CellState], tuple[list[Array], CellState]]
"""From dL/dh of all steps and dL/d final state, which it overwrites, to dL/dz and dL/d initial state."""

CellPullback = Callable[[Array, CellState], tuple[Array, CellState]]
"""The same, to dL/dx and dL/d initial state."""


class Cell(Module, ABC):
    """Recurrent cell: a function of the input and of the previous state.

        z_t = x_t W + b          state_t = f(z_t, state_{t-1}; U)

    A subclass defines f, for all steps and backward, in `unroll`; the products with W are computed here, one for all
    steps. `num_states` is the number of arrays in the state, `blocks` the number of blocks of `hidden` columns in each
    array of z: NumPy is faster with separate arrays than with parts of one; `gates` is the sum of the blocks.

    Shapes: weight_ih W is (inputs, gates hidden), weight_hh U is (hidden, gates hidden), bias is (gates hidden,).
    """

    blocks: tuple[int, ...] = (1,)
    num_states: int = 1

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
        self.weight_ih = Parameter(_initial_blocks(init, (inputs, hidden), self.gates, rng))
        self.weight_hh = Parameter(_initial_blocks(state_init, (hidden, hidden), self.gates, rng))
        self.bias = Parameter(np.zeros(self.gates * hidden, np.float32))

    @property
    def gates(self) -> int:
        """The number of blocks of `hidden` columns in the weights."""
        return sum(self.blocks)

    @abstractmethod
    def unroll(
        self, z: list[Array], packing: PackedSequences, initial_state: CellState, ctx: Context
    ) -> tuple[CellState, UnrollPullback]:
        """Return the states of all steps, packed and preceded by the initial ones, and the pullback.

        z may be overwritten; a cell with gates leaves their values in z, block by block.

        Shapes: each z is (total, blocks hidden); each of `initial_state` is (N, hidden), in packed order; each of the
        states is (N + total, hidden).
        """

    def run(
        self,
        x: Array,
        packing: PackedSequences,
        initial_state: CellState,
        ctx: Context,
        *,
        needs_dx: bool = True,
    ) -> tuple[CellState, CellPullback]:
        """Return the states of all steps for packed inputs (total, inputs), as `unroll`, and the pullback."""
        x_and_one, z = self.project(x, ctx)
        states, pull_states = self.unroll(z, packing, initial_state, ctx)

        def pull(dh: Array, dfinal: CellState) -> tuple[Array, CellState]:
            dz, dinitial = pull_states(dh, dfinal)
            products = np.concatenate([x_and_one.T @ part for part in dz], axis=1)
            ctx.grads.add(self.weight_ih, products[:-1])
            ctx.grads.add(self.bias, products[-1])
            if not needs_dx:
                return zero_grad_like(x), dinitial
            weights = self.split(self.weight_ih.value)
            dx = np.matmul(dz[0], weights[0].T, out=ctx.empty(x.shape, dz[0].dtype))
            for part, weight in zip(dz[1:], weights[1:], strict=True):
                dx += part @ weight.T
            return dx, dinitial

        return states, pull

    def project(self, x: Array, ctx: Context) -> tuple[Array, list[Array]]:
        """Return [x 1], and z = [x 1] [W b], which includes the bias in the product."""
        weights = self.split(np.concatenate([self.weight_ih.value, self.bias.value[None]]))
        x_and_one = ctx.empty((len(x), x.shape[1] + 1), np.result_type(x, weights[0]))
        x_and_one[:, :-1], x_and_one[:, -1] = x, 1
        return x_and_one, [np.matmul(x_and_one, w, out=ctx.empty((len(x), w.shape[1]), w.dtype)) for w in weights]

    def split(self, columns: Array) -> list[Array]:
        """Return the columns of all gates as separate arrays, one for each part of z."""
        ends = np.cumsum(self.blocks)[:-1] * self.hidden
        return [np.ascontiguousarray(part) for part in np.split(columns, ends, axis=-1)]

    def add_products(self, parameter: Parameter, a: Array, parts: list[Array], ctx: Context) -> None:
        """Add a.T @ (parts side by side) to the gradient of a weight."""
        if len(parts) == 1:
            ctx.grads.add_product(parameter, a.T, parts[0])
        else:
            ctx.grads.add(parameter, np.concatenate([a.T @ part for part in parts], axis=1))


def _initial_blocks(init: Initializer, shape: tuple[int, int], gates: int, rng: np.random.Generator) -> Array:
    """Return initial weights, drawn for each gate by itself, side by side."""
    return np.concatenate([init(shape, rng) for _ in range(gates)], axis=1)
