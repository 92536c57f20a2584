"""Scaled dot-product attention: a readable reference, and the same computed in full or tile by tile.

    s_ij = q_i k_j / sqrt(d)          -inf where the mask excludes key j from query i
    p_i  = softmax of s_i             o_i = sum_j p_ij v_j

and backward, from do = dL/do, with c_i = do_i o_i:

    dv_j = sum_i p_ij do_i            ds_ij = p_ij (do_i v_j - c_i)
    dq_i = sum_j ds_ij k_j / sqrt(d)  dk_j = sum_i ds_ij q_i / sqrt(d)

For short sequences p is computed in full and kept for the backward pass. For long ones it is computed in tiles, blocks
of queries against blocks of keys, with a running softmax; the backward pass computes each tile again from the
log-sum-exp of its rows:

    m' = max(m, s)    l' = l exp(m - m') + sum exp(s - m')    a' = a exp(m - m') + exp(s - m') v    at the end o = a / l

Sources: Vaswani et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762; the running softmax:
Milakov and Gimelshein (2018), https://arxiv.org/abs/1805.02867; tiles: Dao et al. (2022), FlashAttention,
https://arxiv.org/abs/2205.14135
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from neuralzoo.core.blocks.reductions import max_last_axis, sum_last_axis
from neuralzoo.core.layer import Context
from neuralzoo.core.module import Array

BLOCK_SIZE = 128
"""Queries, and keys, in one tile; up to its square of pairs, attention is computed in full."""


def scaled_dot_product_attention(q: Array, k: Array, v: Array, excluded: Array | None = None) -> tuple[Array, Array]:
    """Return softmax(q kᵀ / sqrt(d)) v and the attention weights: the reference that `attend` computes faster.

    Shapes: q, o (..., Tq, d); k, v (..., Tk, d); excluded pairs and the weights (..., Tq, Tk).
    """
    s = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])  # (..., Tq, Tk)
    if excluded is not None:
        s = np.where(excluded, s.dtype.type(-np.inf), s)
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p @ v, p  # (..., Tq, d), (..., Tq, Tk)


def excluded_pairs(queries: int, keys: int, *, causal: bool = False, lengths: Array | None = None) -> Array:
    """Return which keys are excluded: padding and, if causal, those after the query; the queries are the last ones.

    Shapes: lengths is (N,); the result (1 or N, 1, queries, keys), true where a pair is excluded.
    """
    i, j = np.arange(keys - queries, keys)[:, None], np.arange(keys)
    excluded = (j > i if causal else np.zeros((queries, keys), bool))[None, None]
    return excluded if lengths is None else excluded | (j >= np.asarray(lengths)[:, None, None, None])


@dataclass(frozen=True)
class AttentionMask:
    """Which keys a query attends to: those within the lengths and, if causal, none after it; and the dropout of p.

    Shapes: lengths is (N,), from 1 up.
    """

    causal: bool = False
    lengths: Array | None = None
    dropout: float = 0.0
    block_size: int = BLOCK_SIZE
    seed: int = 0


@dataclass(frozen=True)
class Tile:
    """A block of queries against a block of keys; query 0 is at position `offset` of the keys."""

    rows: slice
    columns: slice
    offset: int

    def apply(self, mask: AttentionMask, scores: Array) -> Array:
        """Set the scores of excluded pairs to -inf, in place.

        Shapes: scores (N, heads, rows, columns).
        """
        columns = np.arange(self.columns.start, self.columns.stop)
        hidden = scores.dtype.type(-np.inf)
        nothing = scores.dtype.type(0)
        if mask.causal and self.columns.stop > self.offset + self.rows.start + 1:
            rows = np.arange(self.rows.start, self.rows.stop) + self.offset
            scores += np.where(columns > rows[:, None], hidden, nothing)
        if mask.lengths is not None and self.columns.stop > mask.lengths.min():
            scores += np.where(columns >= mask.lengths[:, None], hidden, nothing)[:, None, None]
        return scores

    def dropout_mask(self, scores: Array, mask: AttentionMask) -> Array:
        """Return what dropout multiplies the tile's weights with: 0 or 1 / (1 - rate), equal in every call."""
        rng = np.random.default_rng([mask.seed, self.rows.start, self.columns.start])
        keep_rate = 1 - mask.dropout
        return (rng.random(scores.shape, np.float32) < keep_rate).astype(scores.dtype) * (1 / keep_rate)


AttentionPullback = Callable[[Array, Array, Array, Array], None]
"""From dL/do, and the arrays that dL/dq, dL/dk and dL/dv are written into."""


def attend(q: Array, k: Array, v: Array, o: Array, mask: AttentionMask, ctx: Context) -> AttentionPullback:
    """Write scaled dot-product attention into o, and return the pullback.

    With fewer queries than keys and a causal mask, the queries are the last ones.

    Shapes: q, o (N, heads, Tq, d); k, v (N, heads, Tk, d); all may be views.
    """
    scaled = np.multiply(q, 1 / math.sqrt(q.shape[-1]), out=ctx.empty(q.shape, q.dtype))
    full = q.shape[2] * k.shape[2] <= mask.block_size**2
    return (_attend_full if full else _attend_tiled)(scaled, k, v, o, mask, ctx)


def _attend_full(q: Array, k: Array, v: Array, o: Array, mask: AttentionMask, ctx: Context) -> AttentionPullback:
    scale, tile = 1 / math.sqrt(q.shape[-1]), Tile(slice(0, q.shape[2]), slice(0, k.shape[2]), k.shape[2] - q.shape[2])
    e = ctx.empty((*q.shape[:3], k.shape[2]), q.dtype)  # exp(s - max), which divided by its sum is p
    tile.apply(mask, np.matmul(q, k.swapaxes(2, 3), out=e))
    e -= max_last_axis(e)
    np.exp(e, out=e)
    normalizer = 1 / sum_last_axis(e)
    kept = tile.dropout_mask(e, mask) if mask.dropout else None
    np.matmul(e if kept is None else e * kept, v, out=o)
    o *= normalizer  # shorter rows than those of e

    def pull(do: Array, dq: Array, dk: Array, dv: Array) -> None:
        do = np.multiply(do, normalizer, out=ctx.empty(do.shape, do.dtype))
        ds = np.matmul(do, v.swapaxes(2, 3), out=ctx.empty(e.shape, e.dtype))
        np.matmul((e if kept is None else e * kept).swapaxes(2, 3), do, out=dv)
        if kept is not None:
            ds *= kept
        do *= o
        ds -= sum_last_axis(do)
        ds *= e
        np.matmul(ds, k, out=dq)
        dq *= scale
        np.matmul(ds.swapaxes(2, 3), q, out=dk)

    return pull


def _attend_tiled(q: Array, k: Array, v: Array, o: Array, mask: AttentionMask, ctx: Context) -> AttentionPullback:
    log_sum_exp = ctx.empty((*q.shape[:3], 1), q.dtype)  # all that the backward pass needs of the softmax
    for rows, tiles in _tiles(q.shape[2], k.shape[2], mask):
        total = np.zeros_like(q[:, :, rows])
        high, normalizer = np.full((*total.shape[:3], 1), -np.inf, q.dtype), np.zeros((*total.shape[:3], 1), q.dtype)
        for tile in tiles:
            s = tile.apply(mask, q[:, :, rows] @ k[:, :, tile.columns].swapaxes(2, 3))
            higher = np.maximum(max_last_axis(s), high)
            s -= higher
            np.exp(s, out=s)
            shrink = np.exp(high - higher)
            high, normalizer = higher, normalizer * shrink + sum_last_axis(s)
            if mask.dropout:
                s *= tile.dropout_mask(s, mask)
            total *= shrink
            total += s @ v[:, :, tile.columns]
        log_sum_exp[:, :, rows] = high + np.log(normalizer)
        np.divide(total, normalizer, out=o[:, :, rows])

    def pull(do: Array, dq: Array, dk: Array, dv: Array) -> None:
        for gradient in (dq, dk, dv):
            gradient.fill(0)
        for rows, tiles in _tiles(q.shape[2], k.shape[2], mask):
            q_rows, do_rows = q[:, :, rows], np.ascontiguousarray(do[:, :, rows])
            c = sum_last_axis(do_rows * o[:, :, rows])
            for tile in tiles:
                columns = tile.columns
                p = tile.apply(mask, q_rows @ k[:, :, columns].swapaxes(2, 3))
                p -= log_sum_exp[:, :, rows]
                np.exp(p, out=p)
                ds = do_rows @ v[:, :, columns].swapaxes(2, 3)
                kept = tile.dropout_mask(p, mask) if mask.dropout else None
                dv[:, :, columns] += (p if kept is None else p * kept).swapaxes(2, 3) @ do_rows
                if kept is not None:
                    ds *= kept
                ds -= c
                ds *= p
                dq[:, :, rows] += ds @ k[:, :, columns]
                dk[:, :, columns] += ds.swapaxes(2, 3) @ q_rows
        dq *= 1 / math.sqrt(q.shape[-1])

    return pull


def _tiles(queries: int, keys: int, mask: AttentionMask) -> Iterator[tuple[slice, list[Tile]]]:
    """Yield blocks of queries with the tiles that are not excluded as a whole; key 0 is in the first of them."""
    offset = keys - queries
    for start in range(0, queries, mask.block_size):
        rows = slice(start, min(start + mask.block_size, queries))
        last = min(offset + rows.stop, keys) if mask.causal else keys
        firsts = range(0, last, mask.block_size)
        yield rows, [Tile(rows, slice(first, min(first + mask.block_size, last)), offset) for first in firsts]
