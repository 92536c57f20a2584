"""Conflicting sub-tasks: the target of a point differs in each, and one-hot inputs select the sub-task."""

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.registry import Task
from neuralzoo.registry.dataset import Arrays, Dataset, DatasetEntry, DatasetInfo, Sizes, require_min, split_rngs

# The corners of a tetrahedron, which sum to zero with obtuse angles between them, and the opposite corners.
CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
WEIGHTS = np.hstack([CORNERS, -CORNERS])
SUBTASKS, FEATURES = WEIGHTS.shape

CONFLICT = DatasetInfo(
    name="four-subtasks",
    summary="four conflicting linear sub-tasks of six features; four one-hot inputs select one",
    task=Task(kind="regression", input="tabular", shape=(FEATURES + SUBTASKS,), outputs=1),
    sizes=Sizes(2_000, 2_000),
    kind="generated",
    licence="no rights: computed from a formula",
    citation="after Jacobs, Jordan and Barto (1991), Task decomposition through competition in a modular connectionist "
    "architecture: the what and where vision tasks, Cognitive Science 15",
    url="https://doi.org/10.1207/s15516709cog1502_2",
    classes=("+++", "+--", "-+-", "--+"),
)


def subtask_targets(points: Array) -> Array:
    """Return the target of each sub-task, where a point is six features in [-1, 1]: two points of a cube, p and q.

        w_t . (p - q)          w_t is a corner of a tetrahedron: +++, +--, -+-, --+

    Each is linear, but the four sum to zero everywhere: what fits one does not fit the others. The selector multiplies
    the features, so that one network has to learn products.

    Shapes: points (n, 6); targets (n, 4).
    """
    found: Array = points @ WEIGHTS.T
    return found


def draw(n: int, rng: np.random.Generator) -> Arrays:
    """Draw points and sub-tasks uniformly.

    Shapes: inputs (n, 10): the point, then the sub-task one-hot; targets (n, 1).
    """
    points = rng.uniform(-1, 1, size=(n, FEATURES))
    subtask = rng.integers(SUBTASKS, size=n)
    inputs = np.concatenate([points, np.eye(SUBTASKS)[subtask]], axis=1)
    targets = subtask_targets(points)[np.arange(n), subtask]
    return inputs.astype(np.float32), targets[:, None].astype(np.float32)


def load_conflict(info: DatasetInfo, seed: int, *, train: int = 2_000, test: int = 2_000) -> Dataset:
    """Draw training and test examples of all four sub-tasks; see `draw`."""
    require_min("train", train, 1)
    require_min("test", test, 1)
    first, second = split_rngs(seed)
    return Dataset.of(info, draw(train, first), draw(test, second))


ENTRIES = (DatasetEntry(CONFLICT, load_conflict),)
