"""Recurrences, and the networks around them, pass the checks that any layer has to pass, with lengths and without."""

from itertools import product

import numpy as np
import pytest

from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.testing import checks_for_layer
from neuralzoo.plugins.gru.network import EarlyResetGRUCell, GRUCell
from neuralzoo.plugins.lstm.network import LSTMCell
from neuralzoo.plugins.rnn.network import RNNCell


def rectified(inputs, hidden, rng):
    return RNNCell(inputs, hidden, rng, rectified=True)


CELLS = {"tanh": RNNCell, "relu": rectified, "lstm": LSTMCell, "gru": GRUCell, "early reset": EarlyResetGRUCell}
LENGTHS = np.array([2, 4, 1])
X = np.random.default_rng(0).normal(size=(3, 4, 3))
TOKENS = np.random.default_rng(1).integers(0, 5, (3, 4))


def recurrence(cell, levels, bidirectional, dropout=0.0):
    def make(rng):
        return Recurrent(
            3,
            lambda inputs, rng: cell(inputs, 3, rng),
            rng,
            levels=levels,
            bidirectional=bidirectional,
            dropout=dropout,
        )

    return make


def network(recurrent, readout, embedding=False, dropout=0.0):
    def make(rng):
        embedded = Embedding(5, 3, rng) if embedding else None
        return SequenceNetwork(recurrent(rng), 2, rng, embedding=embedded, readout=readout, dropout=dropout)

    return make


LAYERS = {"embedding": (lambda rng: Embedding(5, 3, rng), TOKENS)}
for (name, cell), levels, lengths in product(CELLS.items(), (1, 2), (False, True)):
    shape = f"{name} {'two levels both ways' if levels > 1 else 'one level'}{' lengths' * lengths}"
    LAYERS[shape] = recurrence(cell, levels, levels > 1), (X, LENGTHS) if lengths else X
for readout, both, tokens in product(("last", "mean", None), (False, True), (False, True)):
    shape = f"network {readout}{' both ways' * both}{' tokens' * tokens}"
    LAYERS[shape] = network(recurrence(LSTMCell, 1, both), readout, tokens), (TOKENS if tokens else X, LENGTHS)
    if both:
        LAYERS[f"{shape} whole"] = LAYERS[shape][0], TOKENS if tokens else X
for readout in ("last", None):
    with_dropout = network(recurrence(GRUCell, 2, True, dropout=0.3), readout, dropout=0.3)
    LAYERS[f"network {readout} with dropout"] = with_dropout, (X, LENGTHS)

CHECKS = {
    f"{name}-{check}": check
    for name, (make, x) in LAYERS.items()
    for check in checks_for_layer(make, x, most_entries=6)
    if isinstance(x, tuple) or str(check) != "padding_does_not_matter"
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_recurrence_conforms(name):
    CHECKS[name]()
