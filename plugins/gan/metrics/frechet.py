"""Fréchet distance of images: between the features of real and fake ones in a classifier trained on the real ones.

The features, the inputs of the classifier's last layer, are taken to be normally distributed:

    d² = |m - m'|² + trace(S + S' - 2 (S^1/2 S' S^1/2)^1/2)          m, m' means and S, S' covariances of real and fake

The distance of training from test images is the floor, that of uniform noise the ceiling. It depends on the classifier:
only distances with the same one are comparable.

Source: Heusel et al. (2017), GANs trained by a two time-scale update rule converge to a local Nash equilibrium,
https://arxiv.org/abs/1706.08500, where the classifier is Inception, trained on other images
"""

import math
import zlib
from typing import Any

import numpy as np

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.inference import predict_in_batches
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Array
from neuralzoo.core.trainer import Trainer
from neuralzoo.registry import Task, build, get, learner

CLASSIFIER = "cnn"
SETTINGS: dict[str, Any] = {"channels": [16, 32], "hidden": [64], "dropout": 0.3}
EPOCHS, BATCH_SIZE, LEARNING_RATE, SEED = 8, 64, 2e-3, 0
MIN_CLASS_FRACTION = 0.01  # of the samples, for a class to count as present
KEY_IMAGES = 500  # first training images, whose checksum is part of the key of the cache

_CLASSIFIERS: dict[tuple[str, int, int], Layer] = {}


def reference_classifier(data: Any) -> Layer:
    """Return a classifier of the training images, trained once for each dataset."""
    x, labels = data.train[0], data.train[-1]
    key = data.name, len(x), zlib.crc32(x[:KEY_IMAGES].tobytes())
    if key not in _CLASSIFIERS:
        task = Task(kind="classification", input="image", shape=x.shape[1:], outputs=int(labels.max()) + 1)
        architecture = get(CLASSIFIER)
        network = build(architecture, SETTINGS, task, seed=SEED)
        config = architecture.configure(SETTINGS)
        supervised = learner(architecture, network, config, task, lambda module: Adam(module, LEARNING_RATE))
        Trainer(supervised, epochs=EPOCHS, seed=SEED).run(ArrayBatches((x, labels), BATCH_SIZE, shuffle=True))
        _CLASSIFIERS[key] = network  # type: ignore[assignment]
    return _CLASSIFIERS[key]


def feature_extractor(network: Layer) -> Layer:
    """Return a copy of a classifier whose outputs are the inputs of its last dense layer."""
    copy = network.copy()
    last = [part for _, part in copy.named_modules() if isinstance(part, Dense)][-1]
    width = len(last.weight.value)
    last.weight.value, last.bias = np.eye(width, dtype=np.float32), None
    return copy


def frechet_distance(a: Array, b: Array) -> float:
    """Return the Fréchet distance d (not d²) of two sets of feature vectors, taken to be normally distributed.

    Shapes: (N, D) and (M, D).
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    difference = a.mean(axis=0) - b.mean(axis=0)
    covariance_a, covariance_b = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (a, b))
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    root_trace = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_b @ root), 0)).sum()
    square = float(difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * root_trace)
    return math.sqrt(max(square, 0.0))


def _distance(images: Array, data: Any) -> float:
    features = feature_extractor(reference_classifier(data)).predict
    return frechet_distance(predict_in_batches(features, images), predict_in_batches(features, data.test[0]))


def frechet(module: Any, data: Any) -> float:
    """Return the Fréchet distance between samples and test images, equally many."""
    return _distance(module.sample(len(data.test[0]), np.random.default_rng(0)), data)


def frechet_floor(module: Any, data: Any) -> float:
    """Return the Fréchet distance between training and test images, equally many."""
    return _distance(data.train[0][: len(data.test[0])], data)


def frechet_ceiling(module: Any, data: Any) -> float:
    """Return the Fréchet distance between images of uniform noise and the test images."""
    return _distance(np.random.default_rng(0).random(data.test[0].shape, np.float32), data)


def classes_present(module: Any, data: Any) -> float:
    """Return the number of classes that the classifier predicts for at least 1 % of the samples."""
    samples = module.sample(len(data.test[0]), np.random.default_rng(0))
    predicted = predict_in_batches(reference_classifier(data).predict, samples).argmax(axis=1)
    return float(np.count_nonzero(np.bincount(predicted) >= MIN_CLASS_FRACTION * len(samples)))
