"""Long short-term memory: a recurrent network with a memory cell behind gates.

    z_t = x_t W + h_{t-1} U + b          in four blocks z_i, z_f, z_g, z_o
    i = σ(z_i)      f = σ(z_f)      g = tanh(z_g)      o = σ(z_o)
    c_t = f c_{t-1} + i g          the memory: a sum without a non-linearity
    h_t = o tanh(c_t)              the output of the cell

Backward through a step, with dh = dL/dh_t and dc = dL/dc_t from the steps after it:

    do = dh tanh(c_t)      dc += dh o (1 - tanh²(c_t))
    di = dc g      df = dc c_{t-1}      dg = dc i
    dz = (di i(1-i), df f(1-f), dg (1-g²), do o(1-o))
    dh_{t-1} = dz Uᵀ      dc_{t-1} = dc f

Along the memory the gradient is multiplied by f alone: with f = 1 it neither vanishes nor explodes. The bias of f
is initialized to 1 so that the cell remembers before it has learnt to forget. A cell has 4 (inputs + hidden + 1) hidden
parameters.

`lstm_step` is one step, to read and to edit; `LSTMCell.unroll` is the same for all steps at once, with its pullback.

Sources: Hochreiter and Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735; the gate f: Gers, Schmidhuber
and Cummins (2000), https://doi.org/10.1162/089976600300015015; its bias: Jozefowicz, Zaremba and Sutskever (2015),
https://proceedings.mlr.press/v37/jozefowicz15.html
"""

import numpy as np

from neuralzoo.core.blocks.activation import sigmoid
from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.recurrent.cell import Cell, CellState, UnrollPullback
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork, sequence_network
from neuralzoo.core.blocks.recurrent.packing import PackedSequences
from neuralzoo.core.blocks.reductions import flush_denormals
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.lstm.config import LSTMConfig
from neuralzoo.registry import Task

# Of i, f, g, o: σ(z) = tanh(z / 2) / 2 + 1 / 2, so that one tanh serves the gates and the candidate g.
GATE_SCALE, GATE_OFFSET, TANH_GATE = (0.5, 0.5, 1.0, 0.5), (0.5, 0.5, 0.0, 0.5), (0.0, 0.0, 1.0, 0.0)


def lstm_step(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array]:
    """One step of a long short-term memory: the next h and c.

    Shapes: x is (N, inputs), h and c are (N, hidden), W is (inputs, 4 hidden), U is (hidden, 4 hidden), b is
    (4 hidden,); the blocks are i, f, g, o.
    """
    z = x @ W + h @ U + b  # (N, 4 hidden)
    z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)  # (N, hidden) each
    i = sigmoid(z_i)  # input gate
    f = sigmoid(z_f)  # forget gate
    g = np.tanh(z_g)  # candidate
    o = sigmoid(z_o)  # output gate
    c = f * c + i * g
    h = o * np.tanh(c)
    return h, c


class LSTMCell(Cell):
    """LSTM cell of `hidden` units: `lstm_step` for all steps at once; the blocks of z are i, f, g, o, as in PyTorch."""

    blocks = (4,)
    num_states = 2  # h and c

    def __init__(
        self,
        inputs: int,
        hidden: int,
        rng: np.random.Generator,
        *,
        forget_bias: float = 1.0,
        init: Initializer = glorot_uniform,
        state_init: Initializer = orthogonal,
    ) -> None:
        super().__init__(inputs, hidden, rng, init=init, state_init=state_init)
        self.bias.value[hidden : 2 * hidden] = forget_bias

    def unroll(
        self, z: list[Array], packing: PackedSequences, initial_state: CellState, ctx: Context
    ) -> tuple[CellState, UnrollPullback]:
        """Return h and c of all steps and their pullback; z is left with the gates of each step, gate by gate."""
        (z_all,) = z
        (n, hidden), dtype = initial_state[0].shape, z_all.dtype
        weight = self.weight_hh.value
        scale, offset = (np.array(by_gate, dtype)[:, None, None] for by_gate in (GATE_SCALE, GATE_OFFSET))
        scales = np.tile(np.repeat(scale, hidden), (n, 1))  # broadcasting one row would cost twice as much
        h, c = (ctx.empty((n + packing.total, hidden), dtype) for _ in range(2))
        tanh_c = ctx.empty((packing.total, hidden), dtype)
        h[:n], c[:n] = initial_state
        product, pre_activation = np.empty((n, hidden), dtype), np.empty((n, 4 * hidden), dtype)
        for rows, before, after in packing.steps:
            active = rows.stop - rows.start
            y = np.matmul(h[before], weight, out=pre_activation[:active])
            y += z_all[rows]
            y *= scales[:active]  # σ(z) = tanh(z / 2) / 2 + 1 / 2
            np.tanh(y, out=y)
            y *= scales[:active]
            gates = z_all[rows].reshape(4, active, hidden)
            i, f, g, o = np.add(y.reshape(active, 4, hidden).swapaxes(0, 1), offset, out=gates)
            memory = np.multiply(f, c[before], out=c[after])
            memory += np.multiply(i, g, out=product[:active])
            np.multiply(o, np.tanh(memory, out=tanh_c[rows]), out=h[after])

        def pull(dh_all: Array, dfinal: CellState) -> tuple[list[Array], CellState]:
            dh, dc = dfinal
            dz_all = ctx.empty(z_all.shape, dtype)
            slope, dgate = np.empty((2, 4 * n * hidden), dtype)
            weight_t = np.ascontiguousarray(weight.T)
            tanh_gate = np.array(TANH_GATE, dtype)[:, None, None]
            for rows, before, _ in reversed(packing.steps):
                active = rows.stop - rows.start
                shape = (4, active, hidden)
                gates, tanh = z_all[rows].reshape(shape), tanh_c[rows]
                dgates = dgate[: gates.size].reshape(shape)
                (i, f, g, o), (di, df, dg, do) = gates, dgates
                dh_t, dc_t = dh[:active], dc[:active]
                dh_t += dh_all[rows]
                np.multiply(dh_t, tanh, out=do)
                through = np.multiply(do, tanh, out=product[:active])
                np.subtract(dh_t, through, out=through)
                through *= o
                dc_t += through
                np.multiply(dc_t, g, out=di)
                np.multiply(dc_t, c[before], out=df)
                np.multiply(dc_t, i, out=dg)
                dc_t *= f
                s = np.add(gates, tanh_gate, out=slope[: gates.size].reshape(shape))
                dgates *= s  # σ' = σ (1 - σ), tanh' = (1 + tanh) (1 - tanh)
                np.subtract(1.0, gates, out=s)
                dz = dz_all[rows]
                np.multiply(dgates.swapaxes(0, 1), s.swapaxes(0, 1), out=dz.reshape(active, 4, hidden))
                np.matmul(dz, weight_t, out=dh_t)
                flush_denormals(dh_t)
                flush_denormals(dc_t)
            ctx.grads.add_product(self.weight_hh, packing.before(h).T, dz_all)
            return [dz_all], [dh, dc]

        return [h, c], pull


def build(config: LSTMConfig, task: Task, rng: np.random.Generator) -> SequenceNetwork:
    """Build the network for a task."""

    def make_cell(inputs: int, rng: np.random.Generator) -> LSTMCell:
        return LSTMCell(inputs, config.hidden, rng, forget_bias=config.forget_bias)

    return sequence_network(make_cell, config, task, rng)
