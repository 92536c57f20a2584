"""How good samples are, without a look at any network: how far from the examples, how different, how complete.

    energy distance = 2 mean|x - y| - mean|x - x'| - mean|y - y'|       of real x and made y; 0 only if all are alike
    spread          = sqrt(sum of the variances of y / sum of the variances of x)       1 is right, 0 is all the same
    coverage        = share of real examples with a sample nearer than their fifth real neighbour
    modes_covered   = classes with at least 20 of 2,500 samples within three deviations of their mean
    in_modes        = share of samples within three deviations of the mean of a class

Sources: Székely and Rizzo (2013), Energy statistics, https://doi.org/10.1016/j.jspi.2013.03.018; coverage: Naeem et al.
(2020), Reliable fidelity and diversity metrics for generative models, https://arxiv.org/abs/2002.09797; modes: the
protocol of Srivastava et al. (2017), VEEGAN, https://arxiv.org/abs/1705.07761, where one sample covers a mode
"""

import math

import numpy as np

from neuralzoo.core.learner import Metrics
from neuralzoo.core.module import Array

SAMPLES = 2500
COVERING = 20 / 2500  # share of the samples that a mode needs
DEVIATIONS = 3
NEIGHBOURS = 5


def distances(a: Array, b: Array) -> Array:
    """Return the distance of each row of one array from each of another.

    Shapes: (N, ...) and (M, ...) to (N, M), float64.
    """
    a, b = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (a, b))
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * (a @ b.T)
    found: Array = np.sqrt(np.maximum(squares, 0))
    return found


def likeness(real: Array, made: Array) -> Metrics:
    """Return the energy distance as loss, the spread and the coverage.

    Shapes: real (N, ...), made (M, ...).
    """
    between, within = distances(real, made), distances(real, real)
    energy = 2 * between.mean() - within.mean() - distances(made, made).mean()
    neighbour = np.partition(within, min(NEIGHBOURS, len(real) - 1), axis=1)[:, min(NEIGHBOURS, len(real) - 1)]
    covered = (between[:, : len(real)] <= neighbour[:, None]).any(axis=1)
    return {"loss": float(energy), "spread": spread(real, made), "coverage": float(covered.mean())}


def spread(real: Array, made: Array) -> float:
    """Return how much samples differ among themselves, as a share of how much examples do."""
    ours, theirs = (float(np.var(rows, axis=0).sum()) for rows in (made, real))
    return math.sqrt(ours / theirs) if theirs else 1.0


def modes(real: Array, labels: Array, made: Array) -> Metrics:
    """Return the number of classes that samples cover and the share of samples that belong to one.

    The middle of a class is the mean of its examples, the deviation that of all classes together, along one axis.

    Shapes: real (N, D), labels (N,) integers, made (M, D).
    """
    _, own = np.unique(labels, return_inverse=True)
    real = real.astype(np.float64)
    sizes = np.bincount(own)
    middles = np.stack([np.bincount(own, column) / sizes for column in real.T], axis=1)
    free = max(len(real) - len(sizes), 1)
    deviation = np.sqrt(np.square(real - middles[own]).sum() / (free * real.shape[1]))
    away = distances(made, middles)
    nearest = away.argmin(axis=1)
    inside = away.min(axis=1) <= DEVIATIONS * deviation
    counts = np.bincount(nearest[inside], minlength=len(middles))
    covered = np.count_nonzero(counts >= max(1, COVERING * len(made)))
    return {"modes_covered": float(covered), "in_modes": float(inside.mean())}
