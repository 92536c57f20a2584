"""Points in the plane: two spirals, and mixtures of small Gaussian spots."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import DataSet, Entry, Info, Sizes, at_least, generators

TWO_SPIRALS = Info(
    name="two-spirals",
    summary="two intertwined spirals of three turns each; no straight line divides them",
    task=Task(kind="classification", input="tabular", shape=(2,), outputs=2),
    sizes=Sizes(194, 576),
    kind="generated",
    licence="no rights: computed from a formula",
    citation="Lang and Witbrock (1988), Learning to tell two spirals apart, Connectionist Models Summer School",
    url="https://www.cs.cmu.edu/afs/cs/project/ai-repository/ai/areas/neural/bench/cmu/",
    classes=("spiral", "mirrored spiral"),
)

RING_DEVIATION = 0.02
RING = Info(
    name="gaussian-ring",
    summary="points in eight small spots on a circle: does a generator find them all?",
    task=Task(kind="generation", input="tabular", shape=(2,), outputs=2),
    sizes=Sizes(10_000, 5_000),
    kind="generated",
    licence="no rights: drawn at random",
    citation="Metz, Poole, Pfau and Sohl-Dickstein (2017), Unrolled generative adversarial networks",
    url="https://arxiv.org/abs/1611.02163",
)
GRID_DEVIATION = 0.05
GRID = Info(
    name="gaussian-grid",
    summary="points in 25 small spots on a square: does a generator find them all?",
    task=RING.task,
    sizes=RING.sizes,
    kind="generated",
    licence=RING.licence,
    citation="Srivastava, Valkov, Russell, Gutmann and Sutton (2017), VEEGAN: reducing mode collapse in GANs using "
    "implicit variational learning",
    url="https://arxiv.org/abs/1705.07761",
)


def two_spirals(turn: Array) -> tuple[Array, Array]:
    """Return points of both spirals at these positions, and which spiral each is on.

        angle = i pi / 16        radius = 6.5 (104 - i) / 104        x = +-(radius sin(angle), radius cos(angle))

    Shapes: turn (n,) with i from 0 to 96; points (2n, 2), labels (2n,).
    """
    angle = turn * (np.pi / 16)
    radius = 6.5 * (104 - turn) / 104
    spiral = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    points = np.concatenate([spiral, -spiral]).astype(np.float32)
    return points, np.repeat(np.arange(2), len(turn))


def load_two_spirals(info: Info, seed: int) -> DataSet:
    """Compute the 97 points of each spiral, and for the test three points between each two of them; no randomness."""
    train = np.arange(97.0)
    between = (train[:-1, None] + np.array([0.25, 0.5, 0.75])).ravel()
    return DataSet.of(info, two_spirals(train), two_spirals(between))


def ring() -> Array:
    """Return the middles of the ring's spots: eight on a circle of radius 2.

    Shapes: (8, 2).
    """
    angle = np.arange(8) * (np.pi / 4)
    return 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def grid() -> Array:
    """Return the middles of the grid's spots: five by five, 2 apart.

    Shapes: (25, 2).
    """
    side = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)


def load_ring(info: Info, seed: int, *, train: int = 10_000, test: int = 5_000) -> DataSet:
    """Draw points around the ring's middles; see `spots`."""
    return _spots(info, seed, ring(), RING_DEVIATION, train, test)


def load_grid(info: Info, seed: int, *, train: int = 10_000, test: int = 5_000) -> DataSet:
    """Draw points around the grid's middles; see `spots`."""
    return _spots(info, seed, grid(), GRID_DEVIATION, train, test)


def spots(middles: Array, deviation: float, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw points around middles that are all equally likely, and return also which middle.

    Shapes: middles (M, 2); points (n, 2) float32, numbers of middles (n,).
    """
    mode = rng.integers(len(middles), size=n)
    points = middles[mode] + deviation * rng.standard_normal((n, 2))
    return points.astype(np.float32), mode


def _spots(info: Info, seed: int, middles: Array, deviation: float, train: int, test: int) -> DataSet:
    at_least("train", train, 1)
    at_least("test", test, 1)
    first, second = generators(seed)
    return DataSet.of(info, spots(middles, deviation, train, first), spots(middles, deviation, test, second))


ENTRIES = (Entry(TWO_SPIRALS, load_two_spirals), Entry(RING, load_ring), Entry(GRID, load_grid))
