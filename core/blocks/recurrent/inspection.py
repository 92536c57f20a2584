"""Inspection of a recurrent network: its states, its gates, and the gradients that flow back through it."""

import numpy as np

from neuralzoo.core.blocks.recurrent.cell import Cell
from neuralzoo.core.blocks.recurrent.layer import Recurrent, RecurrentState, StatePullback
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.blocks.recurrent.packing import PackedSequences
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.module import Array


def states_and_gates(network: SequenceNetwork, x: Array) -> tuple[Array, Array]:
    """Return the states of the first layer, read forwards, for one example, and its gates side by side.

    Shapes: x is (T, inputs), or (T,) tokens; states are (num_states, T, hidden), gates are (T, gates hidden).
    """
    cell = network.recurrent.layers[0][0]
    rows = _embed(network, x[None])[0]
    packing = PackedSequences(1, len(rows))
    _, z = cell.project(rows, Context())
    initial = [np.zeros((1, cell.hidden), z[0].dtype) for _ in range(cell.num_states)]
    states, _ = cell.unroll(z, packing, initial, Context())
    return np.stack([state[1:] for state in states]), np.concatenate(z, axis=1)


def gradient_norms(network: SequenceNetwork, x: Array, dy: Array) -> Array:
    """Return the norm of the gradient of the last step's output with respect to the state after each step.

        norms[m, n, t] = |dL/ds_t|          s_t is state m, such as h or c, as step t + 1 reads it

    The steps are chained one by one, so that the norms are exact, over all layers together. In a bidirectional network
    t counts the steps of each direction in its own order, and the norm is over both. The state after step T is read
    by the head alone, and the head reads h alone: all other states have norm 0 there.

    Shapes: x is (N, T, inputs), or (N, T) tokens, without padding; dy is (N, outputs), dL/d the output or the output
    of step T; the norms are (num_states, N, T).
    Raises: ValueError when the head reads the mean of all steps, or a bidirectional network has several layers or an
    output at each step.
    """
    if reason := why_no_gradient_by_lag(network):
        raise ValueError(f"gradient_norms got {network.name} that {reason}; it needs one whose head reads the last h")
    network = network.copy().astype(np.float64)  # in which gradients may become very small before they are 0
    rows = _embed(network, x).astype(np.float64, copy=False)
    dlast = dy @ network.head.weight.value.T
    recurrent = network.recurrent
    if len(recurrent.layers[0]) == 1:
        return np.asarray(np.sqrt(_squared_norms(recurrent, rows, dlast)))
    forward, backward = recurrent.cells
    dforward, dbackward = np.split(dlast, 2, axis=1)
    return np.asarray(
        np.sqrt(
            _squared_norms(_one_way(forward), rows, dforward)
            + _squared_norms(_one_way(backward), rows[:, ::-1], dbackward)
        )
    )


def why_no_gradient_by_lag(network: SequenceNetwork) -> str:
    """Return why no one lag belongs to a network's gradients, in a few words; an empty text if one does."""
    if network.readout == "mean":
        return "reads out the mean of all steps"
    if len(network.recurrent.layers[0]) == 1:
        return ""
    if network.readout is None:
        return "is bidirectional and has an output at each step"
    return "has several bidirectional layers" if len(network.recurrent.layers) > 1 else ""


def _embed(network: SequenceNetwork, x: Array) -> Array:
    return x if network.embedding is None else network.embedding.predict(x)


def _one_way(cell: Cell) -> Recurrent:
    """Return a recurrence of one existing cell."""
    return Recurrent(len(cell.weight_ih.value), lambda inputs, rng: cell, np.random.default_rng(0))


def _squared_norms(recurrent: Recurrent, x: Array, dlast: Array) -> Array:
    """Return the squares of the norms, for x (N, T, inputs) and dL/d the last h of the last layer (N, hidden)."""
    ctx = Context(grads=Gradients(recurrent))  # evaluation, but with pullbacks
    packing = PackedSequences(len(x), 1)
    state: RecurrentState | None = None
    pulls: list[StatePullback] = []
    for t in range(x.shape[1]):
        h, state, pull = recurrent.run_packed(np.ascontiguousarray(x[:, t]), packing, ctx, state, needs_dx=False)
        pulls.append(pull)
    dstate: RecurrentState = tuple(np.zeros_like(array) for array in state or ())
    dstate[0][-1] = dlast
    squares = []
    for pull in reversed(pulls):
        squares.append([(array**2).sum(axis=(0, 2)) for array in dstate])
        _, dstate = pull(np.zeros_like(h), dstate)
    return np.array(squares[::-1]).transpose(1, 2, 0)
