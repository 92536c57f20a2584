"""Sample quality without a network: energy distance, diversity, coverage, and the modes of labelled data.

    energy distance = 2 mean|x - y| - mean|x - x'| - mean|y - y'|       of real x and fake y; 0 only if equal
    std_ratio       = sqrt(sum of the variances of y / sum of the variances of x)       1 is ideal, 0 is collapse
    coverage        = fraction of real examples with a sample nearer than their fifth real neighbour
    modes_covered   = classes with at least 20 of 2,500 samples within three standard deviations of their mean
    high_quality_fraction = fraction of samples within three standard deviations of the mean of a class

Sources: Székely and Rizzo (2013), Energy statistics, https://doi.org/10.1016/j.jspi.2013.03.018; coverage: Naeem et al.
(2020), Reliable fidelity and diversity metrics for generative models, https://arxiv.org/abs/2002.09797; modes: the
protocol of Srivastava et al. (2017), VEEGAN, https://arxiv.org/abs/1705.07761, where one sample covers a mode
"""

import math

import numpy as np

from neuralzoo.core.learner import MetricValues
from neuralzoo.core.module import Array

SAMPLES = 2500
MIN_MODE_FRACTION = 20 / 2500  # of the samples, for a mode to count as covered
MODE_RADIUS_STDS = 3
COVERAGE_NEIGHBOURS = 5


def distances(a: Array, b: Array) -> Array:
    """Return the Euclidean distances between the rows of two arrays.

    Shapes: (N, ...) and (M, ...) to (N, M), float64.
    """
    a, b = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (a, b))
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * (a @ b.T)
    roots: Array = np.sqrt(np.maximum(squares, 0))
    return roots


def sample_metrics(real: Array, fake: Array) -> MetricValues:
    """Return the energy distance as loss, std_ratio and coverage.

    Shapes: real (N, ...), fake (M, ...).
    """
    between, within = distances(real, fake), distances(real, real)
    energy = 2 * between.mean() - within.mean() - distances(fake, fake).mean()
    neighbour = np.partition(within, min(COVERAGE_NEIGHBOURS, len(real) - 1), axis=1)[
        :, min(COVERAGE_NEIGHBOURS, len(real) - 1)
    ]
    covered = (between[:, : len(real)] <= neighbour[:, None]).any(axis=1)
    return {"loss": float(energy), "std_ratio": std_ratio(real, fake), "coverage": float(covered.mean())}


def std_ratio(real: Array, fake: Array) -> float:
    """Return the standard deviation of samples divided by that of real examples."""
    fake_variance, real_variance = (float(np.var(rows, axis=0).sum()) for rows in (fake, real))
    return math.sqrt(fake_variance / real_variance) if real_variance else 1.0


def mode_metrics(real: Array, labels: Array, fake: Array) -> MetricValues:
    """Return modes_covered and high_quality_fraction.

    A mode is the mean of a class; its standard deviation, along one axis, is pooled over all classes.

    Shapes: real (N, D), labels (N,) integers, fake (M, D).
    """
    _, own = np.unique(labels, return_inverse=True)
    real = real.astype(np.float64)
    sizes = np.bincount(own)
    means = np.stack([np.bincount(own, column) / sizes for column in real.T], axis=1)
    degrees_of_freedom = max(len(real) - len(sizes), 1)
    std = np.sqrt(np.square(real - means[own]).sum() / (degrees_of_freedom * real.shape[1]))
    from_means = distances(fake, means)
    nearest = from_means.argmin(axis=1)
    inside = from_means.min(axis=1) <= MODE_RADIUS_STDS * std
    counts = np.bincount(nearest[inside], minlength=len(means))
    covered = np.count_nonzero(counts >= max(1, MIN_MODE_FRACTION * len(fake)))
    return {"modes_covered": float(covered), "high_quality_fraction": float(inside.mean())}
