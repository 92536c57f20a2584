"""What an autoencoder has to beat, principal components, and how certain it is: probes of its claims.

All are paired over the test examples: the lower end of a 95 % bootstrap interval of the mean difference is above 0
where the autoencoder is better. Principal components are scikit-learn's, found on the training examples with as many
components as the code has numbers, and their reconstructions are clipped to [0, 1], which only helps them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.plugins.autoencoder.learner import psnr
from neuralzoo.plugins.autoencoder.network import Autoencoder

ROWS = 1000
RESAMPLES = 2000
DENOISING = 0.5  # standard deviation of the noise
COMPONENTS = (2, 4, 8, 12, 16, 20, 25, 30, 35, 40, 50, 60, 80, 100)


def squared_errors(y: Array, x: Array) -> Array:
    """Return the squared error of each example, summed over its numbers.

    Shapes: y and x are (N, ...), the errors are (N,).
    """
    rows = (y.reshape(len(y), -1) - x.reshape(len(x), -1)).astype(np.float64)
    errors: Array = np.square(rows).sum(axis=1)
    return errors


def in_parts(function: Callable[[Array], Array], x: Array) -> Array:
    """Return a function's values for many examples, some at a time."""
    return np.concatenate([function(x[start : start + ROWS]) for start in range(0, len(x), ROWS)])


def lower_end(differences: Array) -> float:
    """Return the lower end of the 95 % bootstrap interval of a mean."""
    rng = np.random.default_rng(0)
    means = [differences[rng.integers(0, len(differences), len(differences))].mean() for _ in range(RESAMPLES)]
    return float(np.quantile(means, 0.025))


def principal_components(x: Array, count: int) -> Any:
    """Return scikit-learn's principal components of examples, by an exact decomposition."""
    from sklearn.decomposition import PCA

    return PCA(count, svd_solver="full").fit(x.reshape(len(x), -1))


def rebuilt(components: Any, x: Array, count: int | None = None) -> Array:
    """Return what principal components make of examples, or the first few of them, clipped to [0, 1].

    Shapes: x and y are (N, ...).
    """
    code = components.transform(x.reshape(len(x), -1))
    if count is not None:
        code[:, count:] = 0
    y = components.inverse_transform(code)
    clipped: Array = np.clip(y, 0, 1).reshape(x.shape)
    return clipped


def pca_squared_error(module: Autoencoder, data: Any) -> float:
    """Return the mean squared error of principal components on the test examples, summed over an example."""
    x = data.test[0]
    return float(squared_errors(rebuilt(principal_components(data.train[0], module.code), x), x).mean())


def saved_squared_error(module: Autoencoder, data: Any) -> float:
    """Return by how much the squared error is below that of principal components, at least."""
    x = data.test[0]
    theirs = squared_errors(rebuilt(principal_components(data.train[0], module.code), x), x)
    return lower_end(theirs - squared_errors(in_parts(module.predict, x), x))


def noisy_tests(data: Any) -> Array:
    """Return the test examples with normal noise, always the same."""
    x: Array = data.test[0]
    noisy: Array = x + DENOISING * np.random.default_rng(1).standard_normal(x.shape, np.float32)
    return noisy


def psnr_of_noise(module: Autoencoder, data: Any) -> float:
    """Return the mean ratio in dB of the noisy test examples themselves, clipped to [0, 1]."""
    return float(psnr(np.clip(noisy_tests(data), 0, 1), data.test[0]).mean())


def psnr_denoised(module: Autoencoder, data: Any) -> float:
    """Return the mean ratio in dB of what the network makes of the noisy test examples."""
    return float(psnr(in_parts(module.predict, noisy_tests(data)), data.test[0]).mean())


def gained_over_noise(module: Autoencoder, data: Any) -> float:
    """Return by how many dB the network is above doing nothing but clipping, at least."""
    noisy, x = noisy_tests(data), data.test[0]
    return lower_end(psnr(in_parts(module.predict, noisy), x) - psnr(np.clip(noisy, 0, 1), x))


def gained_over_pca(module: Autoencoder, data: Any) -> float:
    """Return by how many dB the network is above principal components, at least.

    The number of components is the best one for noisy training examples: it is not bound to the size of the code.
    """
    train, x, noisy = data.train[0], data.test[0], noisy_tests(data)
    some = train[:ROWS]
    corrupted = some + DENOISING * np.random.default_rng(2).standard_normal(some.shape, np.float32)
    components = principal_components(train, min(max(COMPONENTS), *train.reshape(len(train), -1).shape))
    best = max(COMPONENTS, key=lambda count: float(psnr(rebuilt(components, corrupted, count), some).mean()))
    return lower_end(psnr(in_parts(module.predict, noisy), x) - psnr(rebuilt(components, noisy, best), x))


def labels_of(data: Any, split: str) -> Array | None:
    """Return the classes of the examples of a split, if the data set knows them.

    In reconstruction the targets are the examples themselves, and `labels` what they were; in generation they stay.
    """
    kept = data.labels.get(split)
    targets: Array = getattr(data, split)[-1] if kept is None else kept
    return targets if targets.ndim == 1 and targets.dtype.kind in "iu" else None


def neighbour_hits(codes: Array, labels: Array, test_codes: Array, test_labels: Array) -> Array:
    """Return for each test example whether the training example with the nearest code is of its class.

    Shapes: codes are (N, code), labels (N,); the hits are (M,) of 0 and 1.
    """
    from sklearn.neighbors import KNeighborsClassifier

    found = KNeighborsClassifier(1).fit(codes, labels).predict(test_codes)
    hits: Array = (found == test_labels).astype(np.float64)
    return hits


def _hits(code: Callable[[Array], Array], data: Any) -> Array:
    train, test = labels_of(data, "train"), labels_of(data, "test")
    if train is None or test is None:
        raise ValueError(f"{data.name} has no classes; the nearest neighbour needs some")
    return neighbour_hits(code(data.train[0]), train, code(data.test[0]), test)


def neighbour_accuracy(module: Autoencoder, data: Any) -> float:
    """Return the share of test examples whose nearest training example, by the code, is of their class."""
    return float(_hits(lambda x: in_parts(module.encode, x), data).mean())


def pca_neighbour_accuracy(module: Autoencoder, data: Any) -> float:
    """Return the same share with principal components for the code."""
    return float(_hits(_projection(module, data), data).mean())


def gained_neighbours(module: Autoencoder, data: Any) -> float:
    """Return by how much the share is above that of principal components, at least."""
    return lower_end(_hits(lambda x: in_parts(module.encode, x), data) - _hits(_projection(module, data), data))


def _projection(module: Autoencoder, data: Any) -> Callable[[Array], Array]:
    components = principal_components(data.train[0], module.code)
    return lambda x: np.asarray(components.transform(x.reshape(len(x), -1)))
