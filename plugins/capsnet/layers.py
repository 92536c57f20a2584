"""Routing by agreement: the capsules of one layer send what they found to those parents that agree with it.

A capsule is a vector: its direction says how the thing is that it stands for, its length how sure it is that it is
there. Capsule i foretells what it means for parent j, and the more this agrees with what j found, the more of it j
gets. For capsules i, parents j and rounds r = 1 .. R:

    û_ij = u_i W_ij                                      what i foretells for j
    b_ij = 0                                             at first
    c_ij = exp b_ij / Σ_k exp b_ik                       couplings: i shares itself among the parents
    s_j = Σ_i c_ij û_ij          v_j = squash(s_j)
    b_ij += û_ij · v_j                                   agreement, but after the last round

The gradient goes through all rounds. With ds the gradient of s in a round, from the last round to the first:

    dc_ij = û_ij · ds_j          db_ij += c_ij (dc_ij - Σ_k c_ik dc_ik)
    dû_ij += c_ij ds_j + db_ij v_j          dv_j = Σ_i db_ij û_ij           v of the round before

so that dû is one product of 2R - 1 coefficients with as many vectors; dW_ij = u_i.T dû_ij, du_i = Σ_j dû_ij W_ij.T.

Sources: Sabour, Frosst and Hinton (2017), Dynamic routing between capsules, https://arxiv.org/abs/1710.09829;
one transformation for many places: Gu and Tresp (2020), Improving the robustness of capsule networks to image affine
transformations, https://arxiv.org/abs/1911.07968
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neuralzoo.core.blocks.init import normal
from neuralzoo.core.blocks.reductions import row_sum
from neuralzoo.core.layer import Context, Layer, Pullback, no_pullback
from neuralzoo.core.module import Array, Parameter

BLOCK = 2**20  # numbers of û at a time: they stay in the processor's cache while all rounds read them


class Squash(Layer):
    """Shrink vectors to a length below 1 and keep their direction: short ones to almost nothing, long ones to almost 1.

        v = |s|² / (1 + |s|²)  s / |s| = f s          with f = |s| / (1 + |s|²)
        ds = f dv + g (s · dv) s                      with g = (1 - |s|²) / (|s| (1 + |s|²)²)

    At s = 0 both v and the derivative are 0.

    Shapes: s and v are (..., D), D the numbers of a vector.
    Source: Sabour, Frosst and Hinton (2017), https://arxiv.org/abs/1710.09829
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the squashed vectors and their pullback."""
        v = squash(x, ctx.empty(x.shape, x.dtype))

        def pull(dy: Array) -> Array:
            return squash_back(x, dy, ctx.empty(x.shape, x.dtype))

        return v, pull


def squash(s: Array, out: Array | None = None) -> Array:
    """Return vectors shrunk to a length below 1; see `Squash`.

    Shapes: (..., D).
    """
    length, square = _lengths(s)
    length /= 1 + square
    v: Array = np.multiply(s, length, out=out)
    return v


def squash_back(s: Array, dv: Array, out: Array | None = None) -> Array:
    """Return the gradient of the vectors that were shrunk; see `Squash`.

    Shapes: (..., D).
    """
    length, square = _lengths(s)
    whole = 1 + square
    along = row_sum(s * dv)
    along *= 1 - square
    along /= whole
    along /= whole
    along /= np.maximum(length, np.finfo(s.dtype).tiny)  # s = 0 has no direction: the product below is 0 there
    ds: Array = np.multiply(s, along, out=out)
    ds += dv * (length / whole)
    return ds


def _lengths(s: Array) -> tuple[Array, Array]:
    """Return the lengths of vectors and their squares, (..., 1)."""
    square = row_sum(s * s)
    return np.sqrt(square), square


class Round(NamedTuple):
    """What one round of routing finds, for one block of examples."""

    c: Array  # couplings (N, J, I)
    s: Array  # (N, J, D)
    v: Array  # (N, J, D)


class Routing(Layer):
    """Route capsules to parents by agreement; see above.

    `children` is (kinds, numbers of each), `parents` is (how many, numbers of each). Each kind of child has a
    transformation for each parent; where there are more children than kinds, as many places lie behind each other,
    each with one of each kind, and all places share the transformations. `exact=False` takes the couplings for
    constants: the gradient then goes through the last round only.

    At the start s is about as long as a child if `count` children, all as long as this, agree in nothing.

    Shapes: u is (N, I, d), v is (N, J, D), weight is (kinds, d, J, D); I is a multiple of the kinds.
    Raises: ValueError when there is no round, or u has another shape.
    """

    def __init__(
        self,
        children: tuple[int, int],
        parents: tuple[int, int],
        rng: np.random.Generator,
        *,
        count: int | None = None,
        rounds: int = 3,
        exact: bool = True,
    ) -> None:
        if rounds < 1:
            raise ValueError(f"Routing got {rounds} rounds; it needs at least 1")
        deviation = parents[0] / math.sqrt((count or children[0]) * parents[1])
        self.weight = Parameter(normal(deviation)((*children, *parents), rng))
        self.rounds = rounds
        self.exact = exact

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the parents' vectors and their pullback; x are the children's, u."""
        self._check(x)
        _, _, parents, numbers = self.weight.value.shape
        v = ctx.empty((len(x), parents, numbers), np.result_type(x, self.weight.value))
        done: list[tuple[slice, list[Round]]] = []
        for rows, u_hat in self._blocks(x, ctx):
            found = route(u_hat, self.rounds)
            v[rows] = found[-1].v
            if ctx.recording:
                done.append((rows, found))
        if not ctx.recording:
            return v, no_pullback

        def pull(dy: Array) -> Array:
            du = ctx.empty(x.shape, v.dtype)
            for (rows, u_hat), (_, found) in zip(self._blocks(x, ctx), done, strict=True):
                du_hat = route_back(u_hat, found if self.exact else found[-1:], dy[rows])
                du[rows] = self._foretell_back(x[rows], du_hat, ctx)
            return du

        return v, pull

    def couplings(self, u: Array) -> Array:
        """Return how children share themselves among the parents in each round.

        Shapes: u is (N, I, d); couplings are (rounds, N, I, J), and add up to 1 over the parents.
        """
        self._check(u)
        parts = [np.stack([r.c for r in route(u_hat, self.rounds)]) for _, u_hat in self._blocks(u, Context())]
        together: Array = np.concatenate(parts, axis=1).swapaxes(2, 3)
        return together

    def _check(self, u: Array) -> None:
        kinds, size = self.weight.value.shape[:2]
        if u.ndim != 3 or u.shape[2] != size or u.shape[1] % kinds or not u.shape[1]:
            raise ValueError(
                f"Routing got u of shape {u.shape}; it needs (N, I, {size}), I being {kinds} or a multiple of it"
            )

    def _blocks(self, u: Array, ctx: Context) -> Iterator[tuple[slice, Array]]:
        """Yield some rows at a time and what they foretell, in memory that the next block takes over.

        Shapes: û is (rows, I, J, D).
        """
        weight = self.weight.value
        n, children, size = u.shape
        kinds, _, parents, numbers = weight.shape
        most = min(n, max(1, BLOCK // (children * parents * numbers)))
        memory = ctx.empty((most, children, parents, numbers), np.result_type(u, weight))
        for first in range(0, n, most):
            rows = slice(first, min(first + most, n))
            u_hat = memory[: rows.stop - first]
            # For each kind one product: all its examples and places with all its parents.
            by_kind = u[rows].reshape(-1, kinds, size).transpose(1, 0, 2)
            out = u_hat.reshape(-1, kinds, parents * numbers).transpose(1, 0, 2)
            np.matmul(by_kind, weight.reshape(kinds, size, -1), out=out)
            yield rows, u_hat

    def _foretell_back(self, u: Array, du_hat: Array, ctx: Context) -> Array:
        weight = self.weight.value
        kinds, size = weight.shape[:2]
        by_kind = u.reshape(-1, kinds, size).transpose(1, 2, 0)
        d = du_hat.reshape(-1, kinds, weight[0, 0].size).transpose(1, 0, 2)
        ctx.grads.add(self.weight, np.matmul(by_kind, d).reshape(weight.shape))
        du = np.matmul(d, weight.reshape(kinds, size, -1).transpose(0, 2, 1))
        before: Array = du.transpose(1, 0, 2).reshape(u.shape)
        return before


def route(u_hat: Array, rounds: int) -> list[Round]:
    """Return what each round finds in what children foretell.

    Shapes: û is (N, I, J, D).
    """
    n, children, parents, _ = u_hat.shape
    votes = u_hat.transpose(0, 2, 1, 3)  # (N, J, I, D)
    c = np.full((n, parents, children), 1 / parents, u_hat.dtype)
    found: list[Round] = []
    b: Array | None = None
    for number in range(rounds):
        if number:
            agreement = np.matmul(votes, found[-1].v[..., None])[..., 0]  # (N, J, I)
            b = agreement if b is None else b + agreement
            c = _shares(b)
        s = np.matmul(c[:, :, None], votes)[:, :, 0]
        found.append(Round(c, s, squash(s)))
    return found


def route_back(u_hat: Array, found: list[Round], dv: Array) -> Array:
    """Return the gradient of what children foretell, in the memory of û.

    Without the rounds before the last one in `found`, the couplings are taken for constants.

    Shapes: û and the gradient are (N, I, J, D), dv is (N, J, D).
    """
    votes = u_hat.transpose(0, 2, 1, 3)
    coefficients: list[Array] = []
    vectors: list[Array] = []
    db: Array | None = None
    for last in range(len(found) - 1, -1, -1):
        c, s, _ = found[last]
        ds = squash_back(s, dv)
        coefficients.append(c)
        vectors.append(ds)
        if not last:  # the first couplings do not depend on anything
            break
        dc = np.matmul(votes, ds[..., None])[..., 0]  # (N, J, I)
        dz = c * dc
        dz -= c * dz.sum(axis=1, keepdims=True)
        db = dz if db is None else db + dz
        coefficients.append(db)
        vectors.append(found[last - 1].v)
        dv = np.matmul(db[:, :, None], votes)[:, :, 0]
    many = np.stack(coefficients, axis=2).swapaxes(2, 3)  # (N, J, I, 2R - 1)
    np.matmul(many, np.stack(vectors, axis=2), out=votes)
    return u_hat


def _shares(b: Array) -> Array:
    """Return the softmax over the parents; b is (N, J, I)."""
    c: Array = b - b.max(axis=1, keepdims=True)
    np.exp(c, out=c)
    c /= c.sum(axis=1, keepdims=True)
    return c
