"""Recurrent layers and sequence networks pass the checks of a layer, with lengths and without."""

from itertools import product

import numpy as np
import pytest

from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.testing import checks_for_layer
from neuralzoo.plugins.gru.network import GRUCell, ResetBeforeGRUCell
from neuralzoo.plugins.lstm.network import LSTMCell
from neuralzoo.plugins.rnn.network import RNNCell


def relu_cell(inputs, hidden, rng):
    return RNNCell(inputs, hidden, rng, activation="relu")


CELLS = {"tanh": RNNCell, "relu": relu_cell, "lstm": LSTMCell, "gru": GRUCell, "reset before": ResetBeforeGRUCell}
LENGTHS = np.array([2, 4, 1])
X = np.random.default_rng(0).normal(size=(3, 4, 3))
TOKENS = np.random.default_rng(1).integers(0, 5, (3, 4))


def recurrence(cell, layers, bidirectional, dropout=0.0):
    def make(rng):
        return Recurrent(
            3,
            lambda inputs, rng: cell(inputs, 3, rng),
            rng,
            layers=layers,
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
for (name, cell), layers, lengths in product(CELLS.items(), (1, 2), (False, True)):
    shape = f"{name} {'two layers bidirectional' if layers > 1 else 'one layer'}{' lengths' * lengths}"
    LAYERS[shape] = recurrence(cell, layers, layers > 1), (X, LENGTHS) if lengths else X
for readout, both, tokens in product(("last", "mean", None), (False, True), (False, True)):
    shape = f"network {readout}{' bidirectional' * both}{' tokens' * tokens}"
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
