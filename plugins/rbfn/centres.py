"""Initialization of centres and widths: k-means, and distances between neighbours."""

from collections.abc import Iterable, Iterator

import numpy as np

from neuralzoo.core.batches import Batch
from neuralzoo.core.module import Array
from neuralzoo.plugins.rbfn.network import squared_distances, squared_norms

BLOCK_ROWS = 4096
"""Rows whose distances from all centres, and whose features, are in memory at a time."""
DUPLICATE_TOLERANCE = 1e-10  # of the mean square of the data: points with a smaller squared distance are duplicates


def blocks(count: int) -> Iterator[slice]:
    """Yield blocks of `count` rows, so that no array has all rows and all units."""
    for first in range(0, count, BLOCK_ROWS):
        yield slice(first, first + BLOCK_ROWS)


def reservoir_sample(batches: Iterable[Batch], size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Reservoir sampling: return at most `size` examples of a stream, drawn uniformly, with their targets.

    The n-th example replaces a random one with probability size / n: one pass, and memory for the sample only.

    Shapes: inputs (S, D), targets (S, ...).
    Source: algorithm R of Vitter (1985), Random sampling with a reservoir, https://doi.org/10.1145/3147.3165
    """
    seen = 0
    for batch in batches:
        x, t = batch[0].reshape(len(batch[0]), -1), batch[-1]
        if seen == 0:
            inputs, targets = x[:0], t[:0]
        room = min(size, seen + len(x)) - len(inputs)
        if room > 0:  # at least doubled: few copies, and no memory for examples that never come
            room = min(size - len(inputs), max(room, len(inputs)))
            inputs, targets = (
                np.concatenate([held, np.empty((room, *held.shape[1:]), held.dtype)]) for held in (inputs, targets)
            )
        number = np.arange(seen, seen + len(x))
        place = np.where(number < size, number, rng.integers(0, number + 1))
        taken = place < size
        inputs[place[taken]], targets[place[taken]] = x[taken], t[taken]
        seen += len(x)
    return inputs[:seen], targets[:seen]


def kmeans_plus_plus(x: Array, count: int, rng: np.random.Generator) -> Array:
    """K-means++: return the indices of initial centres, each drawn by its squared distance from those before.

    There are fewer than `count` where there are fewer distinct examples.

    Shapes: x is (N, D), the indices are (at most count,).
    Source: Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding,
    https://theory.stanford.edu/~sergei/papers/kMeansPP-soda.pdf
    """
    x = x - x.mean(axis=0)
    norms = squared_norms(x)
    same = DUPLICATE_TOLERANCE * float(norms.mean())
    chosen = [int(rng.integers(len(x)))]
    nearest = np.full(len(x), np.inf, x.dtype)
    while len(chosen) < count:
        last = chosen[-1]
        distance = norms - 2 * (x @ x[last]) + norms[last]
        nearest = np.minimum(nearest, np.where(distance > same, distance, 0))
        nearest[last] = 0
        ends = np.cumsum(nearest, dtype=np.float64)
        if not ends[-1] > 0:
            break
        chosen.append(int(np.searchsorted(ends, rng.random() * ends[-1], side="right")))
    return np.array(chosen)


def pad_with_midpoints(x: Array, chosen: Array, count: int, rng: np.random.Generator) -> Array:
    """Return the chosen examples and, where they are too few, random points between two random examples.

    Shapes: x is (N, D), chosen (n,), the centres (count, D).
    """
    one, other = rng.integers(len(x), size=(2, max(0, count - len(chosen))))
    fraction = rng.random((len(one), 1)).astype(x.dtype)
    return np.concatenate([x[chosen], x[one] + fraction * (x[other] - x[one])])


def nearest_centre(x: Array, centres: Array) -> tuple[Array, Array]:
    """Return for each example the index of the nearest centre and its squared distance.

    Shapes: x is (N, D), centres (H, D); both results (N,).
    """
    number = np.empty(len(x), np.int64)
    distance = np.empty(len(x), x.dtype)
    for rows in blocks(len(x)):
        squares = squared_distances(x[rows], centres)
        number[rows] = squares.argmin(axis=1)
        distance[rows] = squares[np.arange(len(squares)), number[rows]]
    return number, distance


def kmeans(x: Array, centres: Array, max_steps: int) -> Array:
    """K-means by Lloyd's steps: each centre moves to the mean of its nearest examples, until no assignment changes.

    No step makes the sum of squared distances larger. A centre that is nearest to no example moves to the example
    that is farthest from its own centre.

    Shapes: x is (N, D), centres (H, D).
    Source: Lloyd (1982), Least squares quantization in PCM, https://doi.org/10.1109/TIT.1982.1056489
    """
    centres = centres.copy()
    before = None
    for _ in range(max_steps):
        number, distance = nearest_centre(x, centres)
        if before is not None and np.array_equal(number, before):
            break
        before = number
        order = np.argsort(number, kind="stable")
        full, starts, sizes = np.unique(number[order], return_index=True, return_counts=True)
        centres[full] = np.add.reduceat(x[order], starts, axis=0) / sizes[:, None].astype(x.dtype)
        empty = np.setdiff1d(np.arange(len(centres)), full)
        far = np.argsort(distance)[::-1][: min(len(empty), np.count_nonzero(distance))]
        centres[empty[: len(far)]] = x[far]
    return centres


def widths(centres: Array, x: Array, neighbours: int) -> Array:
    """Return each unit's mean distance to its nearest other centres; duplicates do not count.

    A unit that has no other takes the root mean square distance of the examples from the centres, and 1 if that is 0.

    Shapes: centres is (H, D), x is (N, D), the widths are (H,) float64.
    """
    wide = centres.astype(np.float64)
    same = DUPLICATE_TOLERANCE * max(
        2 * float(wide.var(axis=0).sum()), np.finfo(np.float64).tiny
    )  # of the mean square of all pairs
    nearest = np.empty((len(wide), min(neighbours, len(wide))))
    for rows in blocks(len(wide)):
        squares = squared_distances(wide[rows], wide)
        squares[squares <= same] = np.inf
        nearest[rows] = np.partition(squares, nearest.shape[1] - 1, axis=1)[:, : nearest.shape[1]]
    nearest.sort(axis=1)
    counts = np.isfinite(nearest).sum(axis=1)
    sums = np.sqrt(np.where(np.isfinite(nearest), nearest, 0)).sum(axis=1)
    alone = float(np.sqrt(nearest_centre(x, centres)[1].astype(np.float64).mean())) or 1.0
    return np.where(counts > 0, sums / np.maximum(counts, 1), alone)
