import numpy as np
import pytest

from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.registry import Task, create, get

SEQUENCE = Task(kind="classification", input="sequence", shape=(12, 2), outputs=3)
NUMBERS = Task(kind="regression", input="image", shape=(8, 6, 2), outputs=2)
MARKS = Task(kind="classification", input="image", shape=(8, 8, 1), outputs=3, answer="marks")
VARIANTS = {
    "default": (None, {}),
    "sequence": (SEQUENCE, {"kernel": 5, "stride": 2, "pooling": None, "dropout": 0.2}),
    "sequence_residual": (SEQUENCE, {"channels": (4, 6), "residual": 1, "head": "max", "pooling": "average"}),
    "regression": (NUMBERS, {"channels": (4, 6), "head": "average", "norm": None, "activation": "gelu"}),
    "marks": (MARKS, {"channels": (4,), "hidden": ()}),
    "resnet": (None, {"preset": "resnet", "channels": (4, 6, 8)}),
}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, (task, settings) in VARIANTS.items()
        for check in checks_for_architecture(get("cnn"), task, settings=settings)
    ],
)
def test_cnn_conforms(check):
    check()
