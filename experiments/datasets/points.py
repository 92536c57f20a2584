"""Points in the plane, made by a formula: two spirals."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.experiments.datasets.dataset import DataSet, Entry, Info, Sizes
from neuralzoo.registry import Task

TWO_SPIRALS = Info(
    name="two-spirals",
    summary="two intertwined spirals of three turns each; no straight line divides them",
    task=Task(kind="classification", input="tabular", shape=(2,), outputs=2),
    sizes=Sizes(194, 576),
    kind="generated",
    licence="no rights: computed from a formula",
    citation="Lang and Witbrock (1988), Learning to tell two spirals apart, Connectionist Models Summer School",
    url="https://www.researchgate.net/publication/269337640_Learning_to_Tell_Two_Spirals_Apart",
    classes=("spiral", "mirrored spiral"),
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


ENTRIES = (Entry(TWO_SPIRALS, load_two_spirals),)
