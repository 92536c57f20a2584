"""The gated recurrent unit: two gates, and one state that is kept or replaced.

    r = σ(x_t W_r + h_{t-1} U_r + b_r)          reset: how much of the past the candidate sees
    u = σ(x_t W_u + h_{t-1} U_u + b_u)          update: how much of the past stays
    n = tanh(x_t W_n + b_n + r (h_{t-1} U_n + b'))          the candidate, reset after the product
    n = tanh(x_t W_n + b_n + (r h_{t-1}) U_n)               the candidate, reset before the product
    h_t = n + u (h_{t-1} - n)

Reset before the product is the paper's form; after it is that of PyTorch and of fast kernels, with one product for all
three blocks. Back through a step, with dh = dL/dh_t, reset after the product, m = h_{t-1} U_n + b':

    dn = dh (1 - u)      du = dh (h_{t-1} - n)      dz_n = dn (1 - n²)      dr = dz_n m
    dz_r = dr r (1 - r)      dz_u = du u (1 - u)      dm = dz_n r
    dh_{t-1} = dh u + (dz_r, dz_u, dm) Uᵀ

A cell has 3 (inputs + hidden + 1) hidden numbers, three quarters of an LSTM's, and `hidden` more in b'.

Sources: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, https://arxiv.org/abs/1406.1078;
Chung, Gulcehre, Cho and Bengio (2014), https://arxiv.org/abs/1412.3555
"""

import numpy as np

from neuralzoo.core.blocks.activation import sigmoid
from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.packing import Packing
from neuralzoo.core.blocks.scan import Cell, PullStates, States, flush
from neuralzoo.core.blocks.sequence import SequenceNetwork, sequence_network
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array, Parameter
from neuralzoo.plugins.gru.config import GRUConfig
from neuralzoo.registry import Task


class GRUCell(Cell):
    """`hidden` gated units that reset after the product; the blocks of z are r, u, n, as in PyTorch.

    Shapes: beside those of a Cell, bias_state, which is b', is (hidden,).
    """

    gates = 3

    def __init__(
        self,
        inputs: int,
        hidden: int,
        rng: np.random.Generator,
        *,
        init: Initializer = glorot_uniform,
        state_init: Initializer = orthogonal,
    ) -> None:
        super().__init__(inputs, hidden, rng, init=init, state_init=state_init)
        self.bias_state = Parameter(np.zeros(hidden, np.float32))

    def unroll(self, z: Array, packing: Packing, start: States, ctx: Context) -> tuple[States, PullStates]:
        """Return h of all steps and its pullback; z holds r, u, n then."""
        (n, hidden), dtype = start[0].shape, z.dtype
        weight, two = self.weight_state.value, 2 * hidden
        bias_gates, bias_new, bias_state = (
            np.tile(b, (n, 1)) for b in (self.bias.value[:two], self.bias.value[two:], self.bias_state.value)
        )
        h = ctx.empty((n + packing.total, hidden), dtype)
        m = ctx.empty((packing.total, hidden), dtype)
        h[:n] = start[0]
        recurrent = np.empty((n, 3 * hidden), dtype)
        product = np.empty((n, hidden), dtype)
        for rows, before, after in packing.steps:
            h_before, z_t, m_t, some = h[before], z[rows], m[rows], rows.stop - rows.start
            uh = np.matmul(h_before, weight, out=recurrent[:some])
            gates, new = z_t[:, :two], z_t[:, two:]
            gates += uh[:, :two]
            gates += bias_gates[:some]
            sigmoid(gates, out=gates)
            np.add(uh[:, two:], bias_state[:some], out=m_t)
            new += bias_new[:some]
            new += np.multiply(gates[:, :hidden], m_t, out=product[:some])
            np.tanh(new, out=new)
            h_t = np.subtract(h_before, new, out=h[after])
            h_t *= gates[:, hidden:]
            h_t += new

        def pull(dh_all: Array, dend: States) -> tuple[Array, States]:
            (dh,) = dend
            dz_all, dm_all = ctx.empty(z.shape, dtype), ctx.empty(z.shape, dtype)
            weight_t = np.ascontiguousarray(weight.T)
            through = np.empty((n, hidden), dtype)
            slope = np.empty((n, two), dtype)
            for rows, before, _ in reversed(packing.steps):
                z_t, dz, dm, some = z[rows], dz_all[rows], dm_all[rows], rows.stop - rows.start
                r, u, new = z_t[:, :hidden], z_t[:, hidden:two], z_t[:, two:]
                dh_t = dh[:some]
                dh_t += dh_all[rows]
                keep = np.multiply(dh_t, u, out=through[:some])
                np.subtract(dh_t, keep, out=dz[:, two:])
                np.subtract(h[before], new, out=dz[:, hidden:two])
                dz[:, hidden:two] *= dh_t
                other = np.multiply(new, new, out=product[:some])
                np.subtract(1.0, other, out=other)
                dz[:, two:] *= other
                np.multiply(dz[:, two:], m[rows], out=dz[:, :hidden])
                s = np.subtract(1.0, z_t[:, :two], out=slope[:some])
                s *= z_t[:, :two]
                dz[:, :two] *= s
                dm[:, :two] = dz[:, :two]
                np.multiply(dz[:, two:], r, out=dm[:, two:])
                np.matmul(dm, weight_t, out=dh_t)
                dh_t += keep
                flush(dh_t)
            ctx.grads.add_product(self.weight_state, packing.before(h).T, dm_all)
            ctx.grads.add(self.bias_state, np.ones(len(dm_all), dtype) @ dm_all[:, two:])
            return dz_all, [dh]

        return [h], pull


class EarlyResetGRUCell(Cell):
    """`hidden` gated units that reset before the product; the blocks of z are r, u, n."""

    gates = 3

    def unroll(self, z: Array, packing: Packing, start: States, ctx: Context) -> tuple[States, PullStates]:
        """Return h of all steps and its pullback; z holds r, u, n then."""
        (n, hidden), dtype = start[0].shape, z.dtype
        two = 2 * hidden
        weight_gates, weight_new = (np.ascontiguousarray(w) for w in np.split(self.weight_state.value, [two], axis=1))
        bias_gates, bias_new = (np.tile(b, (n, 1)) for b in np.split(self.bias.value, [two]))
        h = ctx.empty((n + packing.total, hidden), dtype)
        seen = ctx.empty((packing.total, hidden), dtype)  # r h
        h[:n] = start[0]
        recurrent = np.empty((n, two), dtype)
        product = np.empty((n, hidden), dtype)
        for rows, before, after in packing.steps:
            h_before, z_t, some = h[before], z[rows], rows.stop - rows.start
            gates, new = z_t[:, :two], z_t[:, two:]
            gates += np.matmul(h_before, weight_gates, out=recurrent[:some])
            gates += bias_gates[:some]
            sigmoid(gates, out=gates)
            np.multiply(gates[:, :hidden], h_before, out=seen[rows])
            new += np.matmul(seen[rows], weight_new, out=product[:some])
            new += bias_new[:some]
            np.tanh(new, out=new)
            h_t = np.subtract(h_before, new, out=h[after])
            h_t *= gates[:, hidden:]
            h_t += new

        def pull(dh_all: Array, dend: States) -> tuple[Array, States]:
            (dh,) = dend
            dz_all = ctx.empty(z.shape, dtype)
            slope, dseen = np.empty((n, two), dtype), np.empty((n, hidden), dtype)
            for rows, before, _ in reversed(packing.steps):
                z_t, dz, some = z[rows], dz_all[rows], rows.stop - rows.start
                r, u, new = z_t[:, :hidden], z_t[:, hidden:two], z_t[:, two:]
                dh_t = dh[:some]
                dh_t += dh_all[rows]
                np.subtract(h[before], new, out=dz[:, hidden:two])
                dz[:, hidden:two] *= dh_t
                other = np.multiply(new, new, out=product[:some])
                np.subtract(1.0, other, out=other)
                other *= dh_t
                dh_t *= u
                np.multiply(np.subtract(1.0, u, out=dz[:, two:]), other, out=dz[:, two:])
                ds = np.matmul(dz[:, two:], weight_new.T, out=dseen[:some])
                np.multiply(ds, h[before], out=dz[:, :hidden])
                ds *= r
                dh_t += ds
                s = np.subtract(1.0, z_t[:, :two], out=slope[:some])
                s *= z_t[:, :two]
                dz[:, :two] *= s
                dh_t += np.matmul(dz[:, :two], weight_gates.T, out=product[:some])
                flush(dh_t)
            dweight_gates = packing.before(h).T @ dz_all[:, :two]
            dweight_new = seen.T @ dz_all[:, two:]
            ctx.grads.add(self.weight_state, np.concatenate([dweight_gates, dweight_new], axis=1))
            return dz_all, [dh]

        return [h], pull


def build(config: GRUConfig, task: Task, rng: np.random.Generator) -> SequenceNetwork:
    """Build the network for a task."""
    kind = GRUCell if config.reset == "after" else EarlyResetGRUCell

    def make_cell(inputs: int, rng: np.random.Generator) -> GRUCell | EarlyResetGRUCell:
        return kind(inputs, config.hidden, rng)

    return sequence_network(make_cell, config, task, rng)
