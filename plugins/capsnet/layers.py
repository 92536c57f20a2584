"""Dynamic routing by agreement between two layers of capsules.

A capsule is a vector: its length is the probability that the entity it stands for is present, its direction the pose
of the entity. Lower capsule i predicts higher capsule j, and is coupled to j the more, the better prediction and j
agree. For lower capsules i, higher capsules j and iterations r = 1 .. R:

    û_ij = u_i W_ij                                      prediction vectors (votes)
    b_ij = 0                                             routing logits, before the first iteration
    c_ij = exp b_ij / Σ_k exp b_ik                       coupling coefficients: softmax over the higher capsules
    s_j = Σ_i c_ij û_ij          v_j = squash(s_j)
    b_ij += û_ij · v_j                                   agreement, except after the last iteration

The gradient goes through all iterations. With ds the gradient of s in one of them, from the last to the first:

    dc_ij = û_ij · ds_j          db_ij += c_ij (dc_ij - Σ_k c_ik dc_ik)
    dû_ij += c_ij ds_j + db_ij v_j          dv_j = Σ_i db_ij û_ij           v of the previous iteration

so that dû is one product of 2R - 1 coefficients with as many vectors; dW_ij = u_i.T dû_ij, du_i = Σ_j dû_ij W_ij.T.

Sources: Sabour, Frosst and Hinton (2017), Dynamic routing between capsules, https://arxiv.org/abs/1710.09829;
transformations shared between positions: Gu and Tresp (2020), Improving the robustness of capsule networks to image
affine transformations, https://arxiv.org/abs/1911.07968
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neuralzoo.core.blocks.init import normal
from neuralzoo.core.blocks.reductions import sum_last_axis
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback
from neuralzoo.core.module import Array, Parameter

BLOCK_SIZE = 2**20  # elements of û at a time: they stay in the processor's cache during all iterations


class Squash(Layer):
    """Squash nonlinearity: shrink vectors to a length below 1 and keep their direction.

        v = |s|² / (1 + |s|²)  s / |s| = f s          with f = |s| / (1 + |s|²)
        ds = f dv + g (s · dv) s                      with g = (1 - |s|²) / (|s| (1 + |s|²)²)

    At s = 0 both v and the derivative are 0.

    Shapes: s and v are (..., D), D the dimensions of a vector.
    Source: Sabour, Frosst and Hinton (2017), https://arxiv.org/abs/1710.09829
    """

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return v and its pullback."""
        v = squash(x, ctx.empty(x.shape, x.dtype))

        def pull(dy: Array) -> Array:
            return squash_backward(x, dy, ctx.empty(x.shape, x.dtype))

        return v, pull


def squash(s: Array, out: Array | None = None) -> Array:
    """Return squashed vectors, of lengths below 1; see `Squash`.

    Shapes: (..., D).
    """
    length, square = _lengths(s)
    length /= 1 + square
    v: Array = np.multiply(s, length, out=out)
    return v


def squash_backward(s: Array, dv: Array, out: Array | None = None) -> Array:
    """Return the gradient of the vectors before squashing; see `Squash`.

    Shapes: (..., D).
    """
    length, square = _lengths(s)
    denominator = 1 + square
    along = sum_last_axis(s * dv)
    along *= 1 - square
    along /= denominator
    along /= denominator
    along /= np.maximum(length, np.finfo(s.dtype).tiny)  # s = 0 has no direction: the product below is 0 there
    ds: Array = np.multiply(s, along, out=out)
    ds += dv * (length / denominator)
    return ds


def _lengths(s: Array) -> tuple[Array, Array]:
    """Return the lengths of vectors and their squares, (..., 1)."""
    square = sum_last_axis(s * s)
    return np.sqrt(square), square


def routing_by_agreement(u: Array, weight: Array, iterations: int) -> Array:
    """Routing by agreement, line by line as in the equations above; `Routing` computes the same in blocks.

    Shapes: u is (N, I, d), weight is (I, d, J, D), v is (N, J, D).
    """
    u_hat = np.einsum("nid,idjk->nijk", u, weight)  # (N, I, J, D)
    b = np.zeros(u_hat.shape[:3], u_hat.dtype)  # (N, I, J)
    for _ in range(iterations):
        c = np.exp(b) / np.exp(b).sum(axis=2, keepdims=True)  # (N, I, J)
        s = np.einsum("nij,nijk->njk", c, u_hat)  # (N, J, D)
        v = squash(s)  # (N, J, D)
        b = b + np.einsum("nijk,njk->nij", u_hat, v)  # (N, I, J)
    return v


class Iteration(NamedTuple):
    """Results of one iteration of routing, for a block of examples."""

    c: Array  # coupling coefficients (N, J, I)
    s: Array  # (N, J, D)
    v: Array  # (N, J, D)


class Routing(Layer):
    """Routing by agreement from lower to higher capsules; see above.

    `lower` is (capsule types, dimensions), `higher` is (capsules, dimensions). Each type of lower capsule has a
    transformation to each higher one; where there are more lower capsules than types, they lie position by position,
    one of each type, and all positions share the transformations. With `backprop_all_iterations=False` the couplings
    are constants to the gradient, which then goes through the last iteration only.

    Weights are initialized so that s is about as long as a lower capsule if `num_lower` of them, all of equal length,
    vote at random.

    Shapes: u is (N, I, d), v is (N, J, D), weight is (types, d, J, D); I is a multiple of the types.
    Raises: ValueError when there is no iteration, or u has another shape.
    """

    def __init__(
        self,
        lower: tuple[int, int],
        higher: tuple[int, int],
        rng: np.random.Generator,
        *,
        num_lower: int | None = None,
        iterations: int = 3,
        backprop_all_iterations: bool = True,
    ) -> None:
        if iterations < 1:
            raise ValueError(f"Routing got {iterations} iterations; it needs at least 1")
        std = higher[0] / math.sqrt((num_lower or lower[0]) * higher[1])
        self.weight = Parameter(normal(std)((*lower, *higher), rng))
        self.iterations = iterations
        self.backprop_all_iterations = backprop_all_iterations

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the higher capsules v and their pullback; x are the lower capsules u."""
        self._check(x)
        _, _, higher, dim = self.weight.value.shape
        v = ctx.empty((len(x), higher, dim), np.result_type(x, self.weight.value))
        recorded: list[tuple[slice, list[Iteration]]] = []
        for rows, u_hat in self._blocks(x, ctx):
            steps = route(u_hat, self.iterations)
            v[rows] = steps[-1].v
            if ctx.recording:
                recorded.append((rows, steps))
        if not ctx.recording:
            return v, unrecorded_pullback

        def pull(dy: Array) -> Array:
            du = ctx.empty(x.shape, v.dtype)
            for (rows, u_hat), (_, steps) in zip(self._blocks(x, ctx), recorded, strict=True):
                du_hat = route_backward(u_hat, steps if self.backprop_all_iterations else steps[-1:], dy[rows])
                du[rows] = self._prediction_backward(x[rows], du_hat, ctx)
            return du

        return v, pull

    def couplings(self, u: Array) -> Array:
        """Return the coupling coefficients of each iteration.

        Shapes: u is (N, I, d); couplings are (iterations, N, I, J), and sum to 1 over the higher capsules.
        """
        self._check(u)
        parts = [
            np.stack([step.c for step in route(u_hat, self.iterations)]) for _, u_hat in self._blocks(u, Context())
        ]
        couplings: Array = np.concatenate(parts, axis=1).swapaxes(2, 3)
        return couplings

    def _check(self, u: Array) -> None:
        types, dim = self.weight.value.shape[:2]
        if u.ndim != 3 or u.shape[2] != dim or u.shape[1] % types or not u.shape[1]:
            raise ValueError(
                f"Routing got u of shape {u.shape}; it needs (N, I, {dim}), I being {types} or a multiple of it"
            )

    def _blocks(self, u: Array, ctx: Context) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of examples and their prediction vectors, in a buffer that the next block overwrites.

        Shapes: û is (rows, I, J, D).
        """
        weight = self.weight.value
        n, lower, lower_dim = u.shape
        types, _, higher, higher_dim = weight.shape
        most = min(n, max(1, BLOCK_SIZE // (lower * higher * higher_dim)))
        buffer = ctx.empty((most, lower, higher, higher_dim), np.result_type(u, weight))
        for first in range(0, n, most):
            rows = slice(first, min(first + most, n))
            u_hat = buffer[: rows.stop - first]
            # One product for each type: all its examples and positions with all its higher capsules.
            by_type = u[rows].reshape(-1, types, lower_dim).transpose(1, 0, 2)
            out = u_hat.reshape(-1, types, higher * higher_dim).transpose(1, 0, 2)
            np.matmul(by_type, weight.reshape(types, lower_dim, -1), out=out)
            yield rows, u_hat

    def _prediction_backward(self, u: Array, du_hat: Array, ctx: Context) -> Array:
        """Add the gradient of the weights, and return that of u."""
        weight = self.weight.value
        types, dim = weight.shape[:2]
        by_type = u.reshape(-1, types, dim).transpose(1, 2, 0)
        d = du_hat.reshape(-1, types, weight[0, 0].size).transpose(1, 0, 2)
        ctx.grads.add(self.weight, np.matmul(by_type, d).reshape(weight.shape))
        by_type = np.matmul(d, weight.reshape(types, dim, -1).transpose(0, 2, 1))
        du: Array = by_type.transpose(1, 0, 2).reshape(u.shape)
        return du


def route(u_hat: Array, iterations: int) -> list[Iteration]:
    """Return the results of each iteration of routing for prediction vectors û.

    Shapes: û is (N, I, J, D).
    """
    n, lower, higher, _ = u_hat.shape
    votes = u_hat.transpose(0, 2, 1, 3)  # (N, J, I, D)
    c = np.full((n, higher, lower), 1 / higher, u_hat.dtype)
    steps: list[Iteration] = []
    b: Array | None = None
    for iteration in range(iterations):
        if iteration:
            agreement = np.matmul(votes, steps[-1].v[..., None])[..., 0]  # (N, J, I)
            b = agreement if b is None else b + agreement
            c = _softmax(b)
        s = np.matmul(c[:, :, None], votes)[:, :, 0]
        steps.append(Iteration(c, s, squash(s)))
    return steps


def route_backward(u_hat: Array, steps: list[Iteration], dv: Array) -> Array:
    """Return the gradient of the prediction vectors û, which it overwrites.

    With the last iteration alone in `steps`, the couplings are constants to the gradient.

    Shapes: û and the gradient are (N, I, J, D), dv is (N, J, D).
    """
    votes = u_hat.transpose(0, 2, 1, 3)
    coefficients: list[Array] = []
    vectors: list[Array] = []
    db: Array | None = None
    for last in range(len(steps) - 1, -1, -1):
        c, s, _ = steps[last]
        ds = squash_backward(s, dv)
        coefficients.append(c)
        vectors.append(ds)
        if not last:  # the first couplings are constants
            break
        dc = np.matmul(votes, ds[..., None])[..., 0]  # (N, J, I)
        dz = c * dc
        dz -= c * dz.sum(axis=1, keepdims=True)
        db = dz if db is None else db + dz
        coefficients.append(db)
        vectors.append(steps[last - 1].v)
        dv = np.matmul(db[:, :, None], votes)[:, :, 0]
    stacked = np.stack(coefficients, axis=2).swapaxes(2, 3)  # (N, J, I, 2R - 1)
    np.matmul(stacked, np.stack(vectors, axis=2), out=votes)
    return u_hat


def _softmax(b: Array) -> Array:
    """Return the softmax over the higher capsules; b is (N, J, I)."""
    c: Array = b - b.max(axis=1, keepdims=True)
    np.exp(c, out=c)
    c /= c.sum(axis=1, keepdims=True)
    return c
