"""Gated recurrent unit: two gates, and one state that is kept or replaced.

    r = σ(x_t W_r + h_{t-1} U_r + b_r)          reset: how much of the past enters the candidate
    u = σ(x_t W_u + h_{t-1} U_u + b_u)          update: how much of the past stays
    n = tanh(x_t W_n + b_n + r (h_{t-1} U_n + b'))          the candidate, reset after the product
    n = tanh(x_t W_n + b_n + (r h_{t-1}) U_n)               the candidate, reset before the product
    h_t = n + u (h_{t-1} - n)

Reset before the product is the paper's form; after it is that of PyTorch and cuDNN, with one product for all three
blocks (`reset_after` in Keras).

Backward through a step, with dh = dL/dh_t, reset after the product, m = h_{t-1} U_n + b':

    dn = dh (1 - u)      du = dh (h_{t-1} - n)      dz_n = dn (1 - n²)      dr = dz_n m
    dz_r = dr r (1 - r)      dz_u = du u (1 - u)      dm = dz_n r
    dh_{t-1} = dh u + (dz_r, dz_u, dm) Uᵀ

A cell has 3 (inputs + hidden + 1) hidden parameters, three quarters of an LSTM's, and `hidden` more in b'.

`gru_step` is one step, to read and to edit; `GRUCell.unroll` is the same for all steps at once, with its pullback.

Sources: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, https://arxiv.org/abs/1406.1078;
Chung, Gulcehre, Cho and Bengio (2014), https://arxiv.org/abs/1412.3555
"""

import numpy as np

from neuralzoo.core.blocks.activation import sigmoid
from neuralzoo.core.blocks.init import Initializer, glorot_uniform, orthogonal
from neuralzoo.core.blocks.recurrent.cell import Cell, CellState, UnrollPullback
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork, sequence_network
from neuralzoo.core.blocks.recurrent.packing import PackedSequences
from neuralzoo.core.blocks.reductions import flush_denormals
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array, Parameter
from neuralzoo.plugins.gru.config import GRUConfig
from neuralzoo.registry import Task


def gru_step(x: Array, h: Array, W: Array, U: Array, b: Array, b_hn: Array) -> Array:
    """One step of a gated recurrent unit, reset after the product: the next h.

    Shapes: x is (N, inputs), h is (N, hidden), W is (inputs, 3 hidden), U is (hidden, 3 hidden), b is (3 hidden,), b_hn
    is b' (hidden,); the blocks are r, u, n.
    """
    x_r, x_u, x_n = np.split(x @ W + b, 3, axis=1)  # (N, hidden) each
    h_r, h_u, h_n = np.split(h @ U, 3, axis=1)  # (N, hidden) each
    r = sigmoid(x_r + h_r)  # reset gate
    u = sigmoid(x_u + h_u)  # update gate
    n = np.tanh(x_n + r * (h_n + b_hn))  # candidate
    h = n + u * (h - n)
    return h


def gru_step_reset_before(x: Array, h: Array, W: Array, U: Array, b: Array) -> Array:
    """One step of a gated recurrent unit, reset before the product: the next h; shapes as in `gru_step`."""
    x_r, x_u, x_n = np.split(x @ W + b, 3, axis=1)  # (N, hidden) each
    U_r, U_u, U_n = np.split(U, 3, axis=1)  # (hidden, hidden) each
    r = sigmoid(x_r + h @ U_r)  # reset gate
    u = sigmoid(x_u + h @ U_u)  # update gate
    n = np.tanh(x_n + (r * h) @ U_n)  # candidate
    h = n + u * (h - n)
    return h


class GRUCell(Cell):
    """GRU cell of `hidden` units: `gru_step` for all steps at once; the blocks of z are r, u, n, as in PyTorch.

    Shapes: beside those of a Cell, bias_hh, which is b', is (hidden,).
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
        self.bias_hh = Parameter(np.zeros(hidden, np.float32))

    def unroll(
        self, z: list[Array], packing: PackedSequences, initial_state: CellState, ctx: Context
    ) -> tuple[CellState, UnrollPullback]:
        """Return h of all steps and its pullback."""
        z_gates, z_new = z
        (n, hidden), dtype = initial_state[0].shape, z_new.dtype
        weights = self.split(self.weight_hh.value)
        bias_hh = np.tile(self.bias_hh.value, (n, 1))
        h = ctx.empty((n + packing.total, hidden), dtype)
        m = ctx.empty(z_new.shape, dtype)
        h[:n] = initial_state[0]
        product_gates, product = np.empty((n, 2 * hidden), dtype), np.empty((n, hidden), dtype)
        for rows, before, after in packing.steps:
            h_before, new, m_t = h[before], z_new[rows], m[rows]
            active = len(new)
            y = np.matmul(h_before, weights[0], out=product_gates[:active])
            r, u = _gate_by_gate(y, z_gates[rows])
            np.matmul(h_before, weights[1], out=m_t)
            m_t += bias_hh[:active]
            new += np.multiply(r, m_t, out=product[:active])
            np.tanh(new, out=new)
            h_t = np.subtract(h_before, new, out=h[after])
            h_t *= u
            h_t += new

        def pull(dh_all: Array, dfinal: CellState) -> tuple[list[Array], CellState]:
            (dh,) = dfinal
            dz_gates, dz_new, dm_all = (ctx.empty(array.shape, dtype) for array in (z_gates, z_new, m))
            slope, dgate = np.empty((2, 2 * n * hidden), dtype)
            through = np.empty((n, hidden), dtype)
            weights_t = [np.ascontiguousarray(w.T) for w in weights]
            for rows, before, _ in reversed(packing.steps):
                new, m_t, dnew, dm = z_new[rows], m[rows], dz_new[rows], dm_all[rows]
                active = len(new)
                gates = z_gates[rows].reshape(2, active, hidden)
                dgates = dgate[: gates.size].reshape(gates.shape)
                (r, u), (dr, du), dh_t = gates, dgates, dh[:active]
                dh_t += dh_all[rows]
                keep = np.multiply(dh_t, u, out=through[:active])
                np.subtract(h[before], new, out=du)
                du *= dh_t
                np.subtract(dh_t, keep, out=dnew)
                dnew *= _tanh_slope(new, product[:active])
                np.multiply(dnew, m_t, out=dr)
                np.multiply(dnew, r, out=dm)
                dz = _through_sigmoid(dgates, gates, slope[: gates.size].reshape(gates.shape), dz_gates[rows])
                np.matmul(dz, weights_t[0], out=dh_t)
                dh_t += keep
                dh_t += np.matmul(dm, weights_t[1], out=product[:active])
                flush_denormals(dh_t)
            self.add_products(self.weight_hh, packing.before(h), [dz_gates, dm_all], ctx)
            ctx.grads.add(self.bias_hh, np.ones(len(dm_all), dtype) @ dm_all)
            return [dz_gates, dz_new], [dh]

        return [h], pull


class ResetBeforeGRUCell(Cell):
    """GRU cell of `hidden` units: `gru_step_reset_before` for all steps at once; the blocks of z are r, u, n."""

    blocks = (2, 1)

    def unroll(
        self, z: list[Array], packing: PackedSequences, initial_state: CellState, ctx: Context
    ) -> tuple[CellState, UnrollPullback]:
        """Return h of all steps and its pullback."""
        z_gates, z_new = z
        (n, hidden), dtype = initial_state[0].shape, z_new.dtype
        weights = self.split(self.weight_hh.value)
        h = ctx.empty((n + packing.total, hidden), dtype)
        reset_h = ctx.empty(z_new.shape, dtype)  # r h
        h[:n] = initial_state[0]
        product_gates, product = np.empty((n, 2 * hidden), dtype), np.empty((n, hidden), dtype)
        for rows, before, after in packing.steps:
            h_before, new = h[before], z_new[rows]
            active = len(new)
            y = np.matmul(h_before, weights[0], out=product_gates[:active])
            r, u = _gate_by_gate(y, z_gates[rows])
            np.multiply(r, h_before, out=reset_h[rows])
            new += np.matmul(reset_h[rows], weights[1], out=product[:active])
            np.tanh(new, out=new)
            h_t = np.subtract(h_before, new, out=h[after])
            h_t *= u
            h_t += new

        def pull(dh_all: Array, dfinal: CellState) -> tuple[list[Array], CellState]:
            (dh,) = dfinal
            dz_gates, dz_new = (ctx.empty(array.shape, dtype) for array in z)
            slope, dgate = np.empty((2, 2 * n * hidden), dtype)
            dreset_h = np.empty((n, hidden), dtype)
            weights_t = [np.ascontiguousarray(w.T) for w in weights]
            for rows, before, _ in reversed(packing.steps):
                new, dnew = z_new[rows], dz_new[rows]
                active = len(new)
                gates = z_gates[rows].reshape(2, active, hidden)
                dgates = dgate[: gates.size].reshape(gates.shape)
                (r, u), (dr, du), dh_t = gates, dgates, dh[:active]
                dh_t += dh_all[rows]
                np.subtract(h[before], new, out=du)
                du *= dh_t
                np.subtract(1.0, u, out=dnew)
                dnew *= dh_t
                dnew *= _tanh_slope(new, product[:active])
                dh_t *= u
                ds = np.matmul(dnew, weights_t[1], out=dreset_h[:active])
                np.multiply(ds, h[before], out=dr)
                dz = _through_sigmoid(dgates, gates, slope[: gates.size].reshape(gates.shape), dz_gates[rows])
                ds *= r
                dh_t += ds
                dh_t += np.matmul(dz, weights_t[0], out=product[:active])
                flush_denormals(dh_t)
            dgates, dnew = packing.before(h).T @ dz_gates, reset_h.T @ dz_new
            ctx.grads.add(self.weight_hh, np.concatenate([dgates, dnew], axis=1))
            return [dz_gates, dz_new], [dh]

        return [h], pull


def _gate_by_gate(y: Array, z: Array) -> Array:
    """Return both gates (2, rows, hidden) for a step's products and inputs; z is overwritten by them, y is scratch."""
    y += z
    y *= 0.5  # σ(z) = tanh(z / 2) / 2 + 1 / 2
    np.tanh(y, out=y)
    y *= 0.5
    gates = z.reshape(2, len(y), -1)
    return np.add(y.reshape(len(y), 2, -1).swapaxes(0, 1), 0.5, out=gates)


def _through_sigmoid(dgates: Array, gates: Array, slope: Array, out: Array) -> Array:
    """Return dL/dz of both gates side by side (rows, 2 hidden); dL/d gates (2, rows, hidden) is overwritten."""
    dgates *= gates
    np.subtract(1.0, gates, out=slope)
    np.multiply(dgates.swapaxes(0, 1), slope.swapaxes(0, 1), out=out.reshape(len(out), 2, -1))
    return out


def _tanh_slope(y: Array, out: Array) -> Array:
    np.multiply(y, y, out=out)
    return np.subtract(1.0, out, out=out)


def build(config: GRUConfig, task: Task, rng: np.random.Generator) -> SequenceNetwork:
    """Build the network for a task."""
    cell = GRUCell if config.reset_after else ResetBeforeGRUCell

    def make_cell(inputs: int, rng: np.random.Generator) -> GRUCell | ResetBeforeGRUCell:
        return cell(inputs, config.hidden, rng)

    return sequence_network(make_cell, config, task, rng)
