"""How images are judged: by a classifier that is trained on the real ones, through what it sees in them.

The Fréchet distance compares the activations before the classifier's last layer, taken for normal distributions:

    d² = |m - m'|² + trace(S + S' - 2 (S^1/2 S' S^1/2)^1/2)          m, m' means and S, S' covariances of real and made

That of training from test images is the floor, for even real images are not all alike; that of pixels drawn evenly
from 0 to 1 is the ceiling. It depends on the classifier: only distances of one table compare.

Source: Heusel et al. (2017), GANs trained by a two time-scale update rule converge to a local Nash equilibrium,
https://arxiv.org/abs/1706.08500, where the classifier is Inception, trained on other images
"""

import math
import zlib
from typing import Any

import numpy as np

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Array
from neuralzoo.core.trainer import Trainer
from neuralzoo.registry import Task, build, get, learner

CLASSIFIER = "cnn"
SETTINGS: dict[str, Any] = {"channels": [16, 32], "hidden": [64], "dropout": 0.3}
EPOCHS, BATCH, RATE, SEED = 8, 64, 2e-3, 0
PRESENT = 0.01  # share of the samples that a class needs
ROWS = 500

_trained: dict[tuple[str, int, int], Layer] = {}


def classifier(data: Any) -> Layer:
    """Return a classifier of the training images, trained once for each data set."""
    x, labels = data.train[0], data.train[-1]
    key = data.name, len(x), zlib.crc32(x[:ROWS].tobytes())
    if key not in _trained:
        task = Task(kind="classification", input="image", shape=x.shape[1:], outputs=int(labels.max()) + 1)
        architecture = get(CLASSIFIER)
        network = build(architecture, SETTINGS, task, seed=SEED)
        teacher = learner(
            architecture, network, architecture.configure(SETTINGS), task, lambda module: Adam(module, RATE)
        )
        Trainer(teacher, epochs=EPOCHS, seed=SEED).run(ArrayBatches((x, labels), BATCH, shuffle=True))
        _trained[key] = network  # type: ignore[assignment]
    return _trained[key]


def eyes(network: Layer) -> Layer:
    """Return a copy of a classifier that answers with what its last dense layer reads."""
    copy = network.copy()
    last = [part for _, part in copy.named_modules() if isinstance(part, Dense)][-1]
    width = len(last.weight.value)
    last.weight.value, last.bias = np.eye(width, dtype=np.float32), None
    return copy


def seen(network: Layer, images: Array) -> Array:
    """Return a network's answers for many images, some at a time."""
    return np.concatenate([network.predict(images[start : start + ROWS]) for start in range(0, len(images), ROWS)])


def frechet_distance(a: Array, b: Array) -> float:
    """Return how far two sets of rows are apart, taken for normal distributions: d, not its square.

    Shapes: (N, D) and (M, D).
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    gap = a.mean(axis=0) - b.mean(axis=0)
    one, other = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (a, b))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    between = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0)).sum()
    square = float(gap @ gap + np.trace(one) + np.trace(other) - 2 * between)
    return math.sqrt(max(square, 0.0))


def _distance(images: Array, data: Any) -> float:
    look = eyes(classifier(data))
    return frechet_distance(seen(look, images), seen(look, data.test[0]))


def frechet(module: Any, data: Any) -> float:
    """Return the Fréchet distance of as many samples as there are test images from them."""
    return _distance(module.sample(len(data.test[0]), np.random.default_rng(0)), data)


def frechet_floor(module: Any, data: Any) -> float:
    """Return the Fréchet distance of as many training images as there are test images from them."""
    return _distance(data.train[0][: len(data.test[0])], data)


def frechet_ceiling(module: Any, data: Any) -> float:
    """Return the Fréchet distance of pixels drawn evenly from 0 to 1 from the test images."""
    return _distance(np.random.default_rng(0).random(data.test[0].shape, np.float32), data)


def classes_present(module: Any, data: Any) -> float:
    """Return how many classes the classifier finds in at least one sample of a hundred."""
    samples = module.sample(len(data.test[0]), np.random.default_rng(0))
    answers = seen(classifier(data), samples).argmax(axis=1)
    return float(np.count_nonzero(np.bincount(answers) >= PRESENT * len(samples)))
