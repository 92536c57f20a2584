"""Sub-tasks in conflict: the same point needs another answer in each, and a field of the input says which is asked."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, DataSet, Entry, Info, Sizes, at_least, generators

# The corners of a tetrahedron, which add up to zero and of which each two point away from each other, and the opposite
# corners.
CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
WEIGHTS = np.hstack([CORNERS, -CORNERS])
SUBTASKS, NUMBERS = WEIGHTS.shape

CONFLICT = Info(
    name="four-subtasks",
    summary="four sums of six numbers, the signs in conflict; four more inputs say which sum is asked for",
    task=Task(kind="regression", input="tabular", shape=(NUMBERS + SUBTASKS,), outputs=1),
    sizes=Sizes(2_000, 2_000),
    kind="generated",
    licence="no rights: computed from a formula",
    citation="after Jacobs, Jordan and Barto (1991), Task decomposition through competition in a modular connectionist "
    "architecture: the what and where vision tasks, Cognitive Science 15",
    url="https://doi.org/10.1207/s15516709cog1502_2",
    classes=("+++", "+--", "-+-", "--+"),
)


def answers(points: Array) -> Array:
    """Return what each sub-task asks for, where a point is six numbers from -1 to 1: two points of a cube, p and q.

        w_t . (p - q)          w_t is a corner of a tetrahedron: +++, +--, -+-, --+

    Each is as simple as can be; what is right for one is wrong for the others: the four add up to zero everywhere.
    Which of them is asked for multiplies what the point says, so that one network has to learn products.

    Shapes: points (n, 6); answers (n, 4).
    """
    found: Array = points @ WEIGHTS.T
    return found


def draw(n: int, rng: np.random.Generator) -> Arrays:
    """Draw points and sub-tasks, all equally likely.

    Shapes: inputs (n, 10): the point, then a 1 at the sub-task's place and 0 at the others; targets (n, 1).
    """
    points = rng.uniform(-1, 1, size=(n, NUMBERS))
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
