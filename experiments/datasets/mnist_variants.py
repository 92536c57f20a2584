"""Variants of MNIST: translated, affine-transformed (affNIST-like) and overlapping digits (MultiMNIST)."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.datasets.images import DIGITS, MNIST, MNIST_FILES, grey, raw_arrays
from neuralzoo.registry import TargetKind, Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, Sizes, require_min, split_rngs

SIDE = 28
CANVAS = 40
ROTATION = np.deg2rad(20)
SHEAR = 0.2
SCALES = 0.8, 1.2
CAPSULES = "Sabour, Frosst and Hinton (2017), Dynamic routing between capsules"


def _info(name: str, summary: str, canvas: int, target: TargetKind = "class") -> DatasetInfo:
    return DatasetInfo(
        name=name,
        summary=summary,
        task=Task(kind="classification", input="image", shape=(canvas, canvas, 1), outputs=10, target=target),
        sizes=Sizes(60_000, 10_000),
        kind="download",
        licence=MNIST.licence,
        citation=f"made from MNIST, as in {CAPSULES}",
        url="https://arxiv.org/abs/1710.09829",
        classes=DIGITS,
        files=MNIST_FILES,
    )


def translated(images: Array, margin: int, rng: np.random.Generator) -> Array:
    """Translate each image at random on a canvas that is larger by a margin on each side.

    Shapes: images (N, H, W), canvas (N, H + 2 margin, W + 2 margin).
    """
    n, height, width = images.shape
    canvas = np.zeros((n, height + 2 * margin, width + 2 * margin), images.dtype)
    rows, columns = rng.integers(2 * margin + 1, size=(2, n))
    for row in range(2 * margin + 1):
        for column in range(2 * margin + 1):
            here = (rows == row) & (columns == column)
            canvas[here, row : row + height, column : column + width] = images[here]
    return canvas


def transforms(n: int, rng: np.random.Generator) -> Array:
    """Draw linear maps of (x, y) uniformly: rotation within 20 degrees, shear within 0.2, each axis scaled 0.8 to 1.2.

        A = rotation [[cos, -sin], [sin, cos]]  shear [[1, s], [0, 1]]  scale diag(a, b)

    Shapes: (N, 2, 2).
    """
    angle = rng.uniform(-ROTATION, ROTATION, n)
    shear = rng.uniform(-SHEAR, SHEAR, n)
    scale = rng.uniform(*SCALES, (n, 1, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([cos, -sin, sin, cos], axis=1).reshape(n, 2, 2)
    shearing = np.stack([np.ones(n), shear, np.zeros(n), np.ones(n)], axis=1).reshape(n, 2, 2)
    sheared: Array = rotation @ shearing * scale
    return sheared


def placements(images: Array, maps: Array, rng: np.random.Generator) -> Array:
    """Draw translations that keep the ink of transformed images on the canvas; each map is about the centre.

    Shapes: images (N, 28, 28), maps (N, 2, 2), translations (N, 2).
    """
    bounds = np.empty((2, 2, len(images)))  # of x and of y: lowest and highest
    for axis, across in enumerate((1, 2)):  # x from the columns that have ink, y from the rows
        ink = np.any(images, axis=across)
        bounds[axis, 0] = ink.argmax(axis=1) - 1 - (SIDE - 1) / 2  # interpolation spreads ink by up to a pixel
        bounds[axis, 1] = SIDE - ink[:, ::-1].argmax(axis=1) - (SIDE - 1) / 2
    x, y = bounds
    corners = np.stack([x[[0, 0, 1, 1]], y[[0, 1, 0, 1]]]).transpose(2, 0, 1)  # (N, 2, 4)
    mapped = maps @ corners
    half = (CANVAS + 1) / 2
    low, high = -half - mapped.min(axis=2), half - mapped.max(axis=2)
    result: Array = np.where(low < high, rng.uniform(np.minimum(low, high), high), (low + high) / 2)
    return result


def affine(images: Array, maps: Array, translations: Array, chunk: int = 1000) -> Array:
    """Affine-transform images onto the canvas, with bilinear interpolation.

        image(A p + t) = original(p)        with p and the result measured from the centres

    Shapes: images (N, 28, 28) uint8, maps (N, 2, 2), translations (N, 2) as (x, y); result (N, 40, 40, 1) float32.
    """
    result = np.empty((len(images), CANVAS, CANVAS, 1), np.float32)
    centre = (CANVAS - 1) / 2
    rows, columns = np.mgrid[:CANVAS, :CANVAS].reshape(2, -1) - centre
    positions = np.stack([columns, rows])  # (2, 1600)
    for i in range(0, len(images), chunk):
        part = slice(i, i + chunk)
        origins = np.linalg.inv(maps[part]) @ (positions - translations[part, :, None]) + (SIDE - 1) / 2
        padded = np.pad(images[part], ((0, 0), (1, 2), (1, 2)))
        result[part] = _interpolate(padded, origins + 1).reshape(-1, CANVAS, CANVAS, 1)
    result /= np.float32(255)
    return result


def _interpolate(images: Array, origins: Array) -> Array:
    """Interpolate zero-padded images bilinearly; all that is outside is zero."""
    origins = origins.clip(0, SIDE + 1)
    corner = np.floor(origins).astype(np.intp)
    right, down = (origins - corner).transpose(1, 0, 2)
    x, y, n = corner[:, 0], corner[:, 1], np.arange(len(images))[:, None]
    upper = images[n, y, x] * (1 - right) + images[n, y, x + 1] * right
    lower = images[n, y + 1, x] * (1 - right) + images[n, y + 1, x + 1] * right
    value: Array = upper * (1 - down) + lower * down
    return value


def overlaid(images: Array, labels: Array, n: int, rng: np.random.Generator, margin: int = 4) -> tuple[Array, Array]:
    """Overlay two digits of different classes, each translated at random; the sum saturates at white.

    Shapes: images (N, H, W) uint8; canvas (n, H + 2 margin, W + 2 margin) uint8, labels (n, 2).
    """
    first = np.arange(n) % len(images)
    second = rng.integers(len(images), size=n)
    while (same := labels[first] == labels[second]).any():
        second[same] = rng.integers(len(images), size=int(same.sum()))
    canvas = translated(images[first], margin, rng)
    other = translated(images[second], margin, rng)
    np.add(canvas, np.minimum(other, 255 - canvas), out=canvas)
    return canvas, np.stack([labels[first], labels[second]], axis=1)


def load_translated(info: DatasetInfo, seed: int, *, train: int = 60_000, test: int = 10_000) -> Dataset:
    """Translate each digit of MNIST by up to 6 pixels each way on a canvas of 40 x 40, at random.

    Shapes: images (N, 40, 40, 1), labels (N,).
    """
    (images, labels), (test_images, test_labels), first, second = _digits(seed, train, test)
    return Dataset.of(
        info,
        (grey(translated(images, 6, first)), labels),
        (grey(translated(test_images, 6, second)), test_labels),
    )


def load_affine(info: DatasetInfo, seed: int, *, train: int = 60_000, test: int = 10_000) -> Dataset:
    """Train on translated digits, test on rotated, sheared, scaled and translated ones.

    `extra_test_sets` has "translated", the digits of the test translated as in training.

    Shapes: images (N, 40, 40, 1), labels (N,).
    """
    (images, labels), (test_images, test_labels), first, second = _digits(seed, train, test)
    maps = transforms(len(test_images), second)
    transformed = affine(test_images, maps, placements(test_images, maps, second))
    translated_only = grey(translated(test_images, 6, np.random.default_rng([seed, 2])))
    training = grey(translated(images, 6, first)), labels
    return Dataset.of(
        info, training, (transformed, test_labels), extra_test_sets={"translated": (translated_only, test_labels)}
    )


def load_multi(info: DatasetInfo, seed: int, *, train: int = 60_000, test: int = 10_000) -> Dataset:
    """Overlay two digits of different classes, each translated by up to 4 pixels, on a canvas of 36 x 36 (MultiMNIST).

    The first digit of the pairs goes through MNIST in order, again after 60,000 pairs; the second one is drawn.

    Shapes: images (N, 36, 36, 1); labels (N, 2), the two classes.
    """
    require_min("train", train, 1)
    require_min("test", test, 1)
    images, labels, test_images, test_labels = raw_arrays(MNIST_FILES)
    first, second = split_rngs(seed)
    pairs, classes = overlaid(images, labels.astype(np.int64), train, first)
    test_pairs, test_classes = overlaid(test_images, test_labels.astype(np.int64), test, second)
    return Dataset.of(info, (grey(pairs), classes), (grey(test_pairs), test_classes))


def _digits(seed: int, train: int, test: int) -> tuple[Arrays, Arrays, np.random.Generator, np.random.Generator]:
    """Return the first digits of MNIST and a generator for each split."""
    require_min("train", train, 1)
    require_min("test", test, 1)
    images, labels, test_images, test_labels = raw_arrays(MNIST_FILES)
    first, second = split_rngs(seed)
    return (
        (images[:train], labels[:train].astype(np.int64)),
        (test_images[:test], test_labels[:test].astype(np.int64)),
        first,
        second,
    )


ENTRIES = (
    DatasetEntry(_info("translated-mnist", "translated MNIST digits on a larger canvas", CANVAS), load_translated),
    DatasetEntry(
        _info("affine-mnist", "translated MNIST digits for training, affine-transformed ones for the test", CANVAS),
        load_affine,
    ),
    DatasetEntry(_info("multi-mnist", "MultiMNIST: two overlapping digits", SIDE + 8, "classes"), load_multi),
)
