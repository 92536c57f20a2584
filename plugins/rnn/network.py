"""The simple recurrent network: a layer that reads, beside its input, what it said one step before.

    h_t = tanh(x_t W + h_{t-1} U + b)

Back through time, with dh = dL/dh_t from the output and from the steps after it:

    dz_t = dh (1 - h_t²)      dh_{t-1} = dz_t Uᵀ      dU = sum over t of h_{t-1}ᵀ dz_t

Each step back multiplies the gradient by U and by 1 - h² <= 1: over many steps it vanishes, or explodes (Bengio,
Simard and Frasconi 1994). With rectified units and U starting as the identity it lasts longer (Le, Jaitly and Hinton
2015).

Sources: Elman (1990), Finding structure in time, https://doi.org/10.1207/s15516709cog1402_1; Williams and Zipser
(1989), https://doi.org/10.1162/neco.1989.1.2.270; https://doi.org/10.1109/72.279181; https://arxiv.org/abs/1504.00941
"""

import math

import numpy as np

from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.recurrent.layer import Cell, PullStates, States, flush
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork, sequence_network
from neuralzoo.core.blocks.recurrent.packing import Packing
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array
from neuralzoo.plugins.rnn.config import RNNConfig
from neuralzoo.registry import Task


class RNNCell(Cell):
    """`hidden` units with tanh, or rectified ones, that read their own last outputs."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        rng: np.random.Generator,
        *,
        rectified: bool = False,
        init: Initializer = glorot_uniform,
        state_init: Initializer = orthogonal,
    ) -> None:
        super().__init__(inputs, hidden, rng, init=init, state_init=state_init)
        self.rectified = rectified

    def unroll(self, z: list[Array], packing: Packing, start: States, ctx: Context) -> tuple[States, PullStates]:
        """Return h of all steps and its pullback."""
        (z_all,) = z
        (n, hidden), dtype = start[0].shape, z_all.dtype
        weight = self.weight_state.value
        h = ctx.empty((n + packing.total, hidden), dtype)
        h[:n] = start[0]
        for rows, before, after in packing.steps:
            h_t = np.matmul(h[before], weight, out=h[after])
            h_t += z_all[rows]
            if self.rectified:
                np.clip(h_t, 0.0, math.inf, out=h_t)
            else:
                np.tanh(h_t, out=h_t)

        def pull(dh_all: Array, dend: States) -> tuple[list[Array], States]:
            (dh,) = dend
            dz_all = ctx.empty(z_all.shape, dtype)
            weight_t = np.ascontiguousarray(weight.T)
            for rows, _, after in reversed(packing.steps):
                h_t, dz = h[after], dz_all[rows]
                dh_t = dh[: len(h_t)]
                dh_t += dh_all[rows]
                if self.rectified:
                    np.greater(h_t, 0.0, out=dz, casting="unsafe")
                else:
                    np.subtract(1.0, np.multiply(h_t, h_t, out=dz), out=dz)
                dz *= dh_t
                np.matmul(dz, weight_t, out=dh_t)
                flush(dh_t)
            ctx.grads.add_product(self.weight_state, packing.before(h).T, dz_all)
            return [dz_all], [dh]

        return [h], pull


def build(config: RNNConfig, task: Task, rng: np.random.Generator) -> SequenceNetwork:
    """Build the network for a task."""
    start = {"orthogonal": orthogonal, "identity": identity, "glorot_uniform": glorot_uniform}[config.state_init]

    def make_cell(inputs: int, rng: np.random.Generator) -> RNNCell:
        return RNNCell(inputs, config.hidden, rng, rectified=config.activation == "relu", state_init=start)

    return sequence_network(make_cell, config, task, rng)


def identity(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return the identity: without input a rectified unit that starts so repeats itself."""
    return np.eye(shape[0], shape[1], dtype=np.float32)
