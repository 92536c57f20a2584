"""Every layer of `core.blocks` passes the conformance checks."""

import numpy as np
import pytest

from neuralzoo.core.blocks.activation import ACTIVATIONS, ExactGELU, ReLU, Tanh
from neuralzoo.core.blocks.combine import Parallel, Residual, Sequential
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.norm import LayerNorm
from neuralzoo.core.blocks.shape import Flatten, Reshape
from neuralzoo.core.testing import checks_for_layer

ROWS = np.random.default_rng(0).normal(size=(5, 4))
STEPS = np.random.default_rng(1).normal(size=(3, 2, 4))

LAYERS = {
    "dense": (lambda rng: Dense(4, 3, rng), ROWS),
    "dense_without_bias": (lambda rng: Dense(4, 3, rng, bias=False), ROWS),
    "dense_on_steps": (lambda rng: Dense(4, 3, rng), STEPS),
    "exact_gelu": (lambda rng: ExactGELU(), STEPS),
    "layer_norm": (lambda rng: LayerNorm(4), STEPS),
    "layer_norm_without_bias": (lambda rng: LayerNorm(4, bias=False), ROWS),
    "dropout": (lambda rng: Dropout(0.4), STEPS),
    "flatten": (lambda rng: Flatten(), STEPS),
    "reshape": (lambda rng: Reshape(4, -1), STEPS),
    "sequential": (lambda rng: Sequential(Dense(4, 6, rng), Tanh(), Dropout(0.3), Dense(6, 2, rng)), ROWS),
    "sequential_of_nothing": (lambda rng: Sequential(), ROWS),
    "residual": (lambda rng: Residual(Sequential(Dense(4, 4, rng), Tanh())), STEPS),
    "parallel": (lambda rng: Parallel(Dense(4, 2, rng), Sequential(Dense(4, 3, rng), ReLU()), Tanh()), STEPS),
} | {name: (lambda rng, kind=kind: kind(), STEPS) for name, kind in ACTIVATIONS.items()}

CHECKS = {f"{name}-{check}": check for name, (make, x) in LAYERS.items() for check in checks_for_layer(make, x)}


@pytest.mark.parametrize("name", CHECKS)
def test_a_block_conforms(name):
    CHECKS[name]()
