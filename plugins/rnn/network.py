"""Simple recurrent network (Elman network): a layer that reads its own previous output beside its input.

    h_t = tanh(x_t W + h_{t-1} U + b)

Backward through time, with dh = dL/dh_t from the output and from the steps after it:

    dz_t = dh (1 - h_t²)      dh_{t-1} = dz_t Uᵀ      dU = sum over t of h_{t-1}ᵀ dz_t

Each step back multiplies the gradient by U and by 1 - h² <= 1: over many steps it vanishes, or explodes (Bengio,
Simard and Frasconi 1994). With ReLU and U initialized to the identity it lasts longer (Le, Jaitly and Hinton 2015).

`rnn_step` is one step, to read and to edit; `RNNCell.unroll` is the same for all steps at once, with its pullback.

Sources: Elman (1990), Finding structure in time, https://doi.org/10.1207/s15516709cog1402_1; Williams and Zipser
(1989), https://doi.org/10.1162/neco.1989.1.2.270; https://doi.org/10.1109/72.279181; https://arxiv.org/abs/1504.00941
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.recurrent.cell import Cell, CellState, UnrollPullback
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork, sequence_network
from neuralzoo.core.blocks.recurrent.packing import PackedSequences
from neuralzoo.core.blocks.reductions import flush_denormals
from neuralzoo.core.capacity import require_capacity
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.rnn.config import RNNConfig
from neuralzoo.registry import Task


def rnn_step(x: Array, h: Array, W: Array, U: Array, b: Array, activation: Callable[[Array], Array] = np.tanh) -> Array:
    """One step of a simple recurrent network: the next h.

    Shapes: x is (N, inputs), h is (N, hidden), W is (inputs, hidden), U is (hidden, hidden), b is (hidden,).
    """
    z = x @ W + h @ U + b  # (N, hidden)
    return activation(z)  # (N, hidden)


class RNNCell(Cell):
    """Simple recurrent cell of `hidden` units: `rnn_step` for all steps at once, with tanh or ReLU."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        rng: np.random.Generator,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        init: Initializer = glorot_uniform,
        state_init: Initializer = orthogonal,
    ) -> None:
        super().__init__(inputs, hidden, rng, init=init, state_init=state_init)
        self.activation = activation

    def unroll(
        self, z: list[Array], packing: PackedSequences, initial_state: CellState, ctx: Context
    ) -> tuple[CellState, UnrollPullback]:
        """Return h of all steps and its pullback."""
        (z_all,) = z
        (n, hidden), dtype = initial_state[0].shape, z_all.dtype
        weight = self.weight_hh.value
        h = ctx.empty((n + packing.total, hidden), dtype)
        h[:n] = initial_state[0]
        for rows, before, after in packing.steps:
            h_t = np.matmul(h[before], weight, out=h[after])
            h_t += z_all[rows]
            if self.activation == "relu":
                np.clip(h_t, 0.0, math.inf, out=h_t)
            else:
                np.tanh(h_t, out=h_t)

        def pull(dh_all: Array, dfinal: CellState) -> tuple[list[Array], CellState]:
            (dh,) = dfinal
            dz_all = ctx.empty(z_all.shape, dtype)
            weight_t = np.ascontiguousarray(weight.T)
            for rows, _, after in reversed(packing.steps):
                h_t, dz = h[after], dz_all[rows]
                dh_t = dh[: len(h_t)]
                dh_t += dh_all[rows]
                if self.activation == "relu":
                    np.greater(h_t, 0.0, out=dz, casting="unsafe")
                else:
                    np.subtract(1.0, np.multiply(h_t, h_t, out=dz), out=dz)
                dz *= dh_t
                np.matmul(dz, weight_t, out=dh_t)
                flush_denormals(dh_t)
            ctx.grads.add_product(self.weight_hh, packing.before(h).T, dz_all)
            return [dz_all], [dh]

        return [h], pull


def build(config: RNNConfig, task: Task, rng: np.random.Generator) -> SequenceNetwork:
    """Build the network for a task."""
    init = {"orthogonal": orthogonal, "identity": identity, "glorot_uniform": glorot_uniform}[config.state_init]

    def make_cell(inputs: int, rng: np.random.Generator) -> RNNCell:
        return RNNCell(inputs, config.hidden, rng, activation=config.activation, state_init=init)

    return sequence_network(make_cell, config, task, rng)


def identity(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return the identity: without input a ReLU unit with these initial weights repeats its output."""
    require_capacity(math.prod(shape))
    return np.eye(shape[0], shape[1], dtype=np.float32)
