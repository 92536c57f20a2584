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

from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.recurrent.layer import Cell, PullStates, States, flush
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork, sequence_network
from neuralzoo.core.blocks.recurrent.packing import Packing
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array, Parameter
from neuralzoo.plugins.gru.config import GRUConfig
from neuralzoo.registry import Task


class GRUCell(Cell):
    """`hidden` gated units that reset after the product; the blocks of z are r, u, n, as in PyTorch.

    Shapes: beside those of a Cell, bias_state, which is b', is (hidden,).
    """

    blocks = (2, 1)

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

    def unroll(self, z: list[Array], packing: Packing, start: States, ctx: Context) -> tuple[States, PullStates]:
        """Return h of all steps and its pullback."""
        z_gates, z_new = z
        (n, hidden), dtype = start[0].shape, z_new.dtype
        weights = self.split(self.weight_state.value)
        bias_state = np.tile(self.bias_state.value, (n, 1))
        h = ctx.empty((n + packing.total, hidden), dtype)
        m = ctx.empty(z_new.shape, dtype)
        h[:n] = start[0]
        product_gates, product = np.empty((n, 2 * hidden), dtype), np.empty((n, hidden), dtype)
        for rows, before, after in packing.steps:
            h_before, new, m_t = h[before], z_new[rows], m[rows]
            some = len(new)
            y = np.matmul(h_before, weights[0], out=product_gates[:some])
            r, u = _gate_by_gate(y, z_gates[rows])
            np.matmul(h_before, weights[1], out=m_t)
            m_t += bias_state[:some]
            new += np.multiply(r, m_t, out=product[:some])
            np.tanh(new, out=new)
            h_t = np.subtract(h_before, new, out=h[after])
            h_t *= u
            h_t += new

        def pull(dh_all: Array, dend: States) -> tuple[list[Array], States]:
            (dh,) = dend
            dz_gates, dz_new, dm_all = (ctx.empty(array.shape, dtype) for array in (z_gates, z_new, m))
            slope, dgate = np.empty((2, 2 * n * hidden), dtype)
            through = np.empty((n, hidden), dtype)
            weights_t = [np.ascontiguousarray(w.T) for w in weights]
            for rows, before, _ in reversed(packing.steps):
                new, m_t, dnew, dm = z_new[rows], m[rows], dz_new[rows], dm_all[rows]
                some = len(new)
                gates = z_gates[rows].reshape(2, some, hidden)
                dgates = dgate[: gates.size].reshape(gates.shape)
                (r, u), (dr, du), dh_t = gates, dgates, dh[:some]
                dh_t += dh_all[rows]
                keep = np.multiply(dh_t, u, out=through[:some])
                np.subtract(h[before], new, out=du)
                du *= dh_t
                np.subtract(dh_t, keep, out=dnew)
                dnew *= _tanh_slope(new, product[:some])
                np.multiply(dnew, m_t, out=dr)
                np.multiply(dnew, r, out=dm)
                dz = _through_sigmoid(dgates, gates, slope[: gates.size].reshape(gates.shape), dz_gates[rows])
                np.matmul(dz, weights_t[0], out=dh_t)
                dh_t += keep
                dh_t += np.matmul(dm, weights_t[1], out=product[:some])
                flush(dh_t)
            self.add_products(self.weight_state, packing.before(h), [dz_gates, dm_all], ctx)
            ctx.grads.add(self.bias_state, np.ones(len(dm_all), dtype) @ dm_all)
            return [dz_gates, dz_new], [dh]

        return [h], pull


class EarlyResetGRUCell(Cell):
    """`hidden` gated units that reset before the product; the blocks of z are r, u, n."""

    blocks = (2, 1)

    def unroll(self, z: list[Array], packing: Packing, start: States, ctx: Context) -> tuple[States, PullStates]:
        """Return h of all steps and its pullback."""
        z_gates, z_new = z
        (n, hidden), dtype = start[0].shape, z_new.dtype
        weights = self.split(self.weight_state.value)
        h = ctx.empty((n + packing.total, hidden), dtype)
        seen = ctx.empty(z_new.shape, dtype)  # r h
        h[:n] = start[0]
        product_gates, product = np.empty((n, 2 * hidden), dtype), np.empty((n, hidden), dtype)
        for rows, before, after in packing.steps:
            h_before, new = h[before], z_new[rows]
            some = len(new)
            y = np.matmul(h_before, weights[0], out=product_gates[:some])
            r, u = _gate_by_gate(y, z_gates[rows])
            np.multiply(r, h_before, out=seen[rows])
            new += np.matmul(seen[rows], weights[1], out=product[:some])
            np.tanh(new, out=new)
            h_t = np.subtract(h_before, new, out=h[after])
            h_t *= u
            h_t += new

        def pull(dh_all: Array, dend: States) -> tuple[list[Array], States]:
            (dh,) = dend
            dz_gates, dz_new = (ctx.empty(array.shape, dtype) for array in z)
            slope, dgate = np.empty((2, 2 * n * hidden), dtype)
            dseen = np.empty((n, hidden), dtype)
            weights_t = [np.ascontiguousarray(w.T) for w in weights]
            for rows, before, _ in reversed(packing.steps):
                new, dnew = z_new[rows], dz_new[rows]
                some = len(new)
                gates = z_gates[rows].reshape(2, some, hidden)
                dgates = dgate[: gates.size].reshape(gates.shape)
                (r, u), (dr, du), dh_t = gates, dgates, dh[:some]
                dh_t += dh_all[rows]
                np.subtract(h[before], new, out=du)
                du *= dh_t
                np.subtract(1.0, u, out=dnew)
                dnew *= dh_t
                dnew *= _tanh_slope(new, product[:some])
                dh_t *= u
                ds = np.matmul(dnew, weights_t[1], out=dseen[:some])
                np.multiply(ds, h[before], out=dr)
                dz = _through_sigmoid(dgates, gates, slope[: gates.size].reshape(gates.shape), dz_gates[rows])
                ds *= r
                dh_t += ds
                dh_t += np.matmul(dz, weights_t[0], out=product[:some])
                flush(dh_t)
            dgates, dnew = packing.before(h).T @ dz_gates, seen.T @ dz_new
            ctx.grads.add(self.weight_state, np.concatenate([dgates, dnew], axis=1))
            return [dz_gates, dz_new], [dh]

        return [h], pull


def _gate_by_gate(y: Array, z: Array) -> Array:
    """Return both gates (2, rows, hidden) for a step's products and inputs; they take the place of z, y is scratch."""
    y += z
    y *= 0.5  # σ(z) = tanh(z / 2) / 2 + 1 / 2
    np.tanh(y, out=y)
    y *= 0.5
    gates = z.reshape(2, len(y), -1)
    return np.add(y.reshape(len(y), 2, -1).swapaxes(0, 1), 0.5, out=gates)


def _through_sigmoid(dgates: Array, gates: Array, slope: Array, out: Array) -> Array:
    """Return dL/dz of both gates side by side (rows, 2 hidden), for dL/d gates (2, rows, hidden) that it overwrites."""
    dgates *= gates
    np.subtract(1.0, gates, out=slope)
    np.multiply(dgates.swapaxes(0, 1), slope.swapaxes(0, 1), out=out.reshape(len(out), 2, -1))
    return out


def _tanh_slope(y: Array, out: Array) -> Array:
    np.multiply(y, y, out=out)
    return np.subtract(1.0, out, out=out)


def build(config: GRUConfig, task: Task, rng: np.random.Generator) -> SequenceNetwork:
    """Build the network for a task."""
    kind = GRUCell if config.reset == "after" else EarlyResetGRUCell

    def make_cell(inputs: int, rng: np.random.Generator) -> GRUCell | EarlyResetGRUCell:
        return kind(inputs, config.hidden, rng)

    return sequence_network(make_cell, config, task, rng)
