"""A small run in which every generator matters: dropout, shuffling, a schedule, Adam's moments."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.activation import ACTIVATIONS
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.blocks.schedules import cosine
from neuralzoo.core.learner import Supervised
from neuralzoo.core.trainer import Trainer


@dataclass
class SmallRun:
    """Makes trainers of the same run, each with its own network."""

    data: tuple[Any, ...] = field(init=False)

    def __post_init__(self):
        rng = np.random.default_rng(0)
        self.data = rng.normal(size=(22, 5)).astype(np.float32), rng.integers(0, 3, 22)

    def trainer(self, *hooks, seed=4, epochs=3, hidden=8, weights=0):
        rng = np.random.default_rng(weights)
        network = Sequential(Dense(5, hidden, rng), ACTIVATIONS["tanh"](), Dropout(0.5), Dense(hidden, 3, rng))
        learner = Supervised(network, CrossEntropy(), Adam(network, cosine(0.05, 18, warmup=3), clip=1.0))
        return Trainer(learner, epochs=epochs, seed=seed, hooks=hooks)

    def batches(self):
        return ArrayBatches(self.data, 4, shuffle=True), ArrayBatches(self.data, 9)

    def finish(self, trainer):
        trainer.run(*self.batches())
        return trainer


@pytest.fixture
def small_run():
    return SmallRun()


def bits(trainer):
    """Return all that two equal runs have in common."""
    state = trainer.state()
    state.pop("seconds")
    state["history"] = [{k: v for k, v in e.items() if not k.startswith("time/")} for e in state["history"]]
    arrays = trainer.learner.state()
    return state, {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}


@pytest.fixture(name="bits")
def bits_fixture():
    return bits
