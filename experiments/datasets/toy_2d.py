"""Toy datasets in the plane: two spirals, and Gaussian mixtures on a ring and a grid."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Dataset, DatasetEntry, DatasetInfo, Sizes, require_min, split_rngs

TWO_SPIRALS = DatasetInfo(
    name="two-spirals",
    summary="two intertwined spirals of three turns each; not linearly separable",
    task=Task(kind="classification", input="tabular", shape=(2,), outputs=2),
    sizes=Sizes(194, 576),
    kind="generated",
    licence="no rights: computed from a formula",
    citation="Lang and Witbrock (1988), Learning to tell two spirals apart, Connectionist Models Summer School",
    url="https://www.cs.cmu.edu/afs/cs/project/ai-repository/ai/areas/neural/bench/cmu/",
    classes=("spiral", "mirrored spiral"),
)

RING_STD = 0.02
RING = DatasetInfo(
    name="gaussian-ring",
    summary="mixture of eight Gaussians on a ring: does a generator cover all modes?",
    task=Task(kind="generation", input="tabular", shape=(2,), outputs=2),
    sizes=Sizes(10_000, 5_000),
    kind="generated",
    licence="no rights: drawn at random",
    citation="Metz, Poole, Pfau and Sohl-Dickstein (2017), Unrolled generative adversarial networks",
    url="https://arxiv.org/abs/1611.02163",
)
GRID_STD = 0.05
GRID = DatasetInfo(
    name="gaussian-grid",
    summary="mixture of 25 Gaussians on a grid: does a generator cover all modes?",
    task=RING.task,
    sizes=RING.sizes,
    kind="generated",
    licence=RING.licence,
    citation="Srivastava, Valkov, Russell, Gutmann and Sutton (2017), VEEGAN: reducing mode collapse in GANs using "
    "implicit variational learning",
    url="https://arxiv.org/abs/1705.07761",
)


def two_spirals(turn: Array) -> tuple[Array, Array]:
    """Return the points of both spirals at these positions, and the label of the spiral of each.

        angle = i pi / 16        radius = 6.5 (104 - i) / 104        x = +-(radius sin(angle), radius cos(angle))

    Shapes: turn (n,) with i from 0 to 96; points (2n, 2), labels (2n,).
    """
    angle = turn * (np.pi / 16)
    radius = 6.5 * (104 - turn) / 104
    spiral = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    points = np.concatenate([spiral, -spiral]).astype(np.float32)
    return points, np.repeat(np.arange(2), len(turn))


def load_two_spirals(info: DatasetInfo, seed: int) -> Dataset:
    """Compute the 97 points of each spiral, and three points between neighbours for the test; nothing is random."""
    train = np.arange(97.0)
    between = (train[:-1, None] + np.array([0.25, 0.5, 0.75])).ravel()
    return Dataset.of(info, two_spirals(train), two_spirals(between))


def ring() -> Array:
    """Return the means of the ring's components: eight on a circle of radius 2.

    Shapes: (8, 2).
    """
    angle = np.arange(8) * (np.pi / 4)
    return 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def grid() -> Array:
    """Return the means of the grid's components: five by five, 2 apart.

    Shapes: (25, 2).
    """
    side = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)


def load_ring(info: DatasetInfo, seed: int, *, train: int = 10_000, test: int = 5_000) -> Dataset:
    """Draw points from the Gaussians of the ring; see `gaussian_mixture`."""
    return _load_mixture(info, seed, ring(), RING_STD, train, test)


def load_grid(info: DatasetInfo, seed: int, *, train: int = 10_000, test: int = 5_000) -> Dataset:
    """Draw points from the Gaussians of the grid; see `gaussian_mixture`."""
    return _load_mixture(info, seed, grid(), GRID_STD, train, test)


def gaussian_mixture(means: Array, std: float, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw points of a mixture of equally likely Gaussians, and the index of the component (mode) of each.

    Shapes: means (M, 2); points (n, 2) float32, indices (n,).
    """
    mode = rng.integers(len(means), size=n)
    points = means[mode] + std * rng.standard_normal((n, 2))
    return points.astype(np.float32), mode


def _load_mixture(info: DatasetInfo, seed: int, means: Array, std: float, train: int, test: int) -> Dataset:
    require_min("train", train, 1)
    require_min("test", test, 1)
    first, second = split_rngs(seed)
    return Dataset.of(info, gaussian_mixture(means, std, train, first), gaussian_mixture(means, std, test, second))


ENTRIES = (DatasetEntry(TWO_SPIRALS, load_two_spirals), DatasetEntry(RING, load_ring), DatasetEntry(GRID, load_grid))
