"""What goes on inside a recurrent network: its states, its gates, and the gradients that flow back through it."""

import numpy as np

from neuralzoo.core.blocks.recurrent.layer import Cell, PullPacked, Recurrent, State
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.core.blocks.recurrent.packing import Packing
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.module import Array


def states_and_gates(network: SequenceNetwork, x: Array) -> tuple[Array, Array]:
    """Return the states of the first level, read forwards, for one example, and its gates side by side.

    Shapes: x is (T, inputs), or (T,) tokens; states are (memories, T, hidden), gates are (T, gates hidden).
    """
    cell = network.recurrent.levels[0][0]
    rows = _rows(network, x[None])[0]
    packing = Packing(1, len(rows))
    _, z = cell.project(rows, Context())
    start = [np.zeros((1, cell.hidden), z[0].dtype) for _ in range(cell.memories)]
    states, _ = cell.unroll(z, packing, start, Context())
    return np.stack([state[1:] for state in states]), np.concatenate(z, axis=1)


def gradient_norms(network: SequenceNetwork, x: Array, dy: Array) -> Array:
    """Return how long the gradient of the last step's answer is after each step that it flows back.

        norms[m, n, t] = |dL/ds_t|          s_t is memory m, such as h or c, as step t + 1 reads it

    The steps are chained one by one, so that the norms are exact, over all levels together. In a network that reads in
    both directions, t counts the steps of each in its own order, and the norm is over both. What step T leaves is read
    by the answer alone, and the answer reads h alone: all other memories have norm 0 there.

    Shapes: x is (N, T, inputs), or (N, T) tokens, without padding; dy is (N, outputs), dL/d the answer or the answer
    of step T; the norms are (memories, N, T).
    Raises: ValueError when the answer reads the mean of all steps, or where a network that reads in both directions has
    several levels or answers at each step.
    """
    if reason := why_no_gradient_by_lag(network):
        raise ValueError(f"gradient_norms got {network.name} that {reason}; it needs one whose answer reads the last h")
    network = network.copy().astype(np.float64)  # in which gradients may become very small before they are 0
    rows = _rows(network, x).astype(np.float64, copy=False)
    dlast = dy @ network.head.weight.value.T
    recurrent = network.recurrent
    if len(recurrent.levels[0]) == 1:
        return np.asarray(np.sqrt(_squares(recurrent, rows, dlast)))
    forth, back = recurrent.cells
    dforth, dback = np.split(dlast, 2, axis=1)
    return np.asarray(np.sqrt(_squares(_one_way(forth), rows, dforth) + _squares(_one_way(back), rows[:, ::-1], dback)))


def why_no_gradient_by_lag(network: SequenceNetwork) -> str:
    """Return in a few words what about a network leaves its gradients without a lag, or nothing."""
    if network.readout == "mean":
        return "answers from the mean of all steps"
    if len(network.recurrent.levels[0]) == 1:
        return ""
    if network.readout is None:
        return "reads in both directions and answers at each step"
    return "has several levels that read in both directions" if len(network.recurrent.levels) > 1 else ""


def _rows(network: SequenceNetwork, x: Array) -> Array:
    return x if network.embedding is None else network.embedding.predict(x)


def _one_way(cell: Cell) -> Recurrent:
    """Return a recurrence of one cell that is there already."""
    return Recurrent(len(cell.weight_input.value), lambda inputs, rng: cell, np.random.default_rng(0))


def _squares(recurrent: Recurrent, x: Array, dlast: Array) -> Array:
    """Return the squares of the norms, for x (N, T, inputs) and dL/d the last h of the last level (N, hidden)."""
    ctx = Context(grads=Gradients(recurrent))  # evaluation, but with pullbacks
    packing = Packing(len(x), 1)
    state: State | None = None
    pulls: list[PullPacked] = []
    for t in range(x.shape[1]):
        _, state, pull = recurrent.run_packed(np.ascontiguousarray(x[:, t]), packing, ctx, state)
        pulls.append(pull)
    dstate: State = tuple(np.zeros_like(memory) for memory in state or ())
    dstate[0][-1] = dlast
    squares = []
    for pull in reversed(pulls):
        squares.append([(memory**2).sum(axis=(0, 2)) for memory in dstate])
        _, dstate = pull(None, dstate, False)
    return np.array(squares[::-1]).transpose(1, 2, 0)
