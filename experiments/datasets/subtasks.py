"""Sub-tasks in conflict: the same point needs another answer in each, and a field of the input says which is asked."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, DataSet, Entry, Info, Sizes, at_least, generators

SUBTASKS = 4

CONFLICT = Info(
    name="four-subtasks",
    summary="four functions of two numbers that add up to zero everywhere; four further inputs say which is asked for",
    task=Task(kind="regression", input="tabular", shape=(2 + SUBTASKS,), outputs=1),
    sizes=Sizes(2_000, 2_000),
    kind="generated",
    licence="no rights: computed from a formula",
    citation="after Jacobs, Jordan and Barto (1991), Task decomposition through competition in a modular connectionist "
    "architecture: the what and where vision tasks, Cognitive Science 15",
    url="https://doi.org/10.1207/s15516709cog1502_2",
    classes=("u", "-u", "v", "-v"),
)


def answers(points: Array) -> Array:
    """Return what each sub-task asks for at points of the square from -1 to 1.

        u = sin(pi x) cos(pi y)          v = cos(pi x) sin(pi y)          answers: u, -u, v, -v

    What is right for one sub-task is wrong for the others: at every point the four answers add up to zero.

    Shapes: points (n, 2); answers (n, 4).
    """
    x, y = np.pi * points.T
    u, v = np.sin(x) * np.cos(y), np.cos(x) * np.sin(y)
    return np.stack([u, -u, v, -v], axis=1)


def draw(n: int, rng: np.random.Generator) -> Arrays:
    """Draw points and sub-tasks, all equally likely.

    Shapes: inputs (n, 6): the point, then a 1 at the sub-task's place and 0 at the others; targets (n, 1).
    """
    points = rng.uniform(-1, 1, size=(n, 2))
    subtask = rng.integers(SUBTASKS, size=n)
    inputs = np.concatenate([points, np.eye(SUBTASKS)[subtask]], axis=1)
    targets = answers(points)[np.arange(n), subtask]
    return inputs.astype(np.float32), targets[:, None].astype(np.float32)


def load_conflict(info: Info, seed: int, *, train: int = 2_000, test: int = 2_000) -> DataSet:
    """Draw training and test examples of all four sub-tasks; see `draw`."""
    at_least("train", train, 1)
    at_least("test", test, 1)
    first, second = generators(seed)
    return DataSet.of(info, draw(train, first), draw(test, second))


ENTRIES = (Entry(CONFLICT, load_conflict),)
