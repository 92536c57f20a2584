"""What every query may look at, and what it takes from there: scaled dot-product attention, whole or block by block.

    s_ij = q_i k_j / sqrt(d)          -inf where i may not see j
    p_i  = softmax of s_i             o_i = sum_j p_ij v_j

and backward, from do = dL/do, with c_i = do_i o_i:

    dv_j = sum_i p_ij do_i            ds_ij = p_ij (do_i v_j - c_i)
    dq_i = sum_j ds_ij k_j / sqrt(d)  dk_j = sum_i ds_ij q_i / sqrt(d)

Short sequences are done at once and their p is kept for the way back. Of long ones p is never there as a whole: blocks
of queries meet blocks of keys, the softmax is carried along, and the way back computes each block again from the
logarithm of its sum alone:

    m' = max(m, s)    l' = l exp(m - m') + sum exp(s - m')    a' = a exp(m - m') + exp(s - m') v    at the end o = a / l

Sources: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762; the running softmax:
Milakov and Gimelshein (2018), https://arxiv.org/abs/1805.02867; block by block: Dao et al. (2022), FlashAttention,
https://arxiv.org/abs/2205.14135
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from neuralzoo.core.blocks.reductions import row_max, row_sum
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

BLOCK = 128
"""Queries and keys that are looked at together in long sequences."""


@dataclass(frozen=True)
class Sight:
    """What queries may see: keys inside the lengths and, if causal, none that comes later than they do themselves.

    Shapes: lengths is (N,), from 1 up.
    """

    causal: bool = False
    lengths: Array | None = None
    dropout: float = 0.0
    block: int = BLOCK
    seed: int = field(default=0)


@dataclass(frozen=True)
class Cut:
    """Where a block of queries and a block of keys lie; query 0 stands at the place `offset` of the keys."""

    rows: slice
    columns: slice
    offset: int

    def hide(self, scores: Array, sight: Sight) -> Array:
        """Give what can't be seen the score -inf, in place.

        Shapes: scores (N, heads, rows, columns).
        """
        columns = np.arange(self.columns.start, self.columns.stop)
        hidden = scores.dtype.type(-np.inf)
        nothing = scores.dtype.type(0)
        if sight.causal and self.columns.stop > self.offset + self.rows.start + 1:
            rows = np.arange(self.rows.start, self.rows.stop) + self.offset
            scores += np.where(columns > rows[:, None], hidden, nothing)
        if sight.lengths is not None and self.columns.stop > sight.lengths.min():
            scores += np.where(columns >= sight.lengths[:, None], hidden, nothing)[:, None, None]
        return scores

    def kept(self, scores: Array, sight: Sight) -> Array:
        """Return what dropout multiplies the block's weights with, the same whenever it is asked."""
        rng = np.random.default_rng([sight.seed, self.rows.start, self.columns.start])
        share = 1 - sight.dropout
        return (rng.random(scores.shape, np.float32) < share).astype(scores.dtype) * (1 / share)


PullAttention = Callable[[Array, Array, Array, Array], None]
"""From dL/do, and the arrays that dL/dq, dL/dk and dL/dv are written into."""


def attend(q: Array, k: Array, v: Array, o: Array, sight: Sight, ctx: Context) -> PullAttention:
    """Write what each query takes from the values into o, and return the pullback.

    With fewer queries than keys and a causal sight, the queries are the last ones.

    Shapes: q, o (N, heads, Tq, d); k, v (N, heads, Tk, d); all may be views.
    """
    scaled = np.multiply(q, 1 / math.sqrt(q.shape[-1]), out=ctx.empty(q.shape, q.dtype))
    whole = q.shape[2] * k.shape[2] <= sight.block**2
    return (_at_once if whole else _block_by_block)(scaled, k, v, o, sight, ctx)


def _at_once(q: Array, k: Array, v: Array, o: Array, sight: Sight, ctx: Context) -> PullAttention:
    scale, cut = 1 / math.sqrt(q.shape[-1]), Cut(slice(0, q.shape[2]), slice(0, k.shape[2]), k.shape[2] - q.shape[2])
    e = ctx.empty((*q.shape[:3], k.shape[2]), q.dtype)  # exp(s - max), which divided by its sum is p
    cut.hide(np.matmul(q, k.swapaxes(2, 3), out=e), sight)
    e -= row_max(e)
    np.exp(e, out=e)
    share = 1 / row_sum(e)
    kept = cut.kept(e, sight) if sight.dropout else None
    np.matmul(e if kept is None else e * kept, v, out=o)
    o *= share  # shorter rows than those of e

    def pull(do: Array, dq: Array, dk: Array, dv: Array) -> None:
        do = np.multiply(do, share, out=ctx.empty(do.shape, do.dtype))
        ds = np.matmul(do, v.swapaxes(2, 3), out=ctx.empty(e.shape, e.dtype))
        np.matmul((e if kept is None else e * kept).swapaxes(2, 3), do, out=dv)
        if kept is not None:
            ds *= kept
        do *= o
        ds -= row_sum(do)
        ds *= e
        np.matmul(ds, k, out=dq)
        dq *= scale
        np.matmul(ds.swapaxes(2, 3), q, out=dk)

    return pull


def _block_by_block(q: Array, k: Array, v: Array, o: Array, sight: Sight, ctx: Context) -> PullAttention:
    logs = ctx.empty((*q.shape[:3], 1), q.dtype)  # max + log(sum), all that the way back needs of the softmax
    for rows, cuts in _cuts(q.shape[2], k.shape[2], sight):
        taken = np.zeros_like(q[:, :, rows])
        high, total = np.full((*taken.shape[:3], 1), -np.inf, q.dtype), np.zeros((*taken.shape[:3], 1), q.dtype)
        for cut in cuts:
            s = cut.hide(q[:, :, rows] @ k[:, :, cut.columns].swapaxes(2, 3), sight)
            higher = np.maximum(row_max(s), high)
            s -= higher
            np.exp(s, out=s)
            shrink = np.exp(high - higher)
            high, total = higher, total * shrink + row_sum(s)
            if sight.dropout:
                s *= cut.kept(s, sight)
            taken *= shrink
            taken += s @ v[:, :, cut.columns]
        logs[:, :, rows] = high + np.log(total)
        np.divide(taken, total, out=o[:, :, rows])

    def pull(do: Array, dq: Array, dk: Array, dv: Array) -> None:
        for gradient in (dq, dk, dv):
            gradient.fill(0)
        for rows, cuts in _cuts(q.shape[2], k.shape[2], sight):
            q_rows, do_rows = q[:, :, rows], np.ascontiguousarray(do[:, :, rows])
            c = row_sum(do_rows * o[:, :, rows])
            for cut in cuts:
                columns = cut.columns
                p = cut.hide(q_rows @ k[:, :, columns].swapaxes(2, 3), sight)
                p -= logs[:, :, rows]
                np.exp(p, out=p)
                ds = do_rows @ v[:, :, columns].swapaxes(2, 3)
                kept = cut.kept(p, sight) if sight.dropout else None
                dv[:, :, columns] += (p if kept is None else p * kept).swapaxes(2, 3) @ do_rows
                if kept is not None:
                    ds *= kept
                ds -= c
                ds *= p
                dq[:, :, rows] += ds @ k[:, :, columns]
                dk[:, :, columns] += ds.swapaxes(2, 3) @ q_rows
        dq *= 1 / math.sqrt(q.shape[-1])

    return pull


def _cuts(queries: int, keys: int, sight: Sight) -> Iterator[tuple[slice, list[Cut]]]:
    """Yield blocks of queries with the blocks of keys that they can see some of; key 0 is in the first of them."""
    offset = keys - queries
    for start in range(0, queries, sight.block):
        rows = slice(start, min(start + sight.block, queries))
        last = min(offset + rows.stop, keys) if sight.causal else keys
        firsts = range(0, last, sight.block)
        yield rows, [Cut(rows, slice(first, min(first + sight.block, last)), offset) for first in firsts]
