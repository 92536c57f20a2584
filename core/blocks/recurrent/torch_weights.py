"""Weights that are interchangeable with PyTorch's `nn.RNN`, `nn.LSTM` and `nn.GRU`, as NumPy arrays by PyTorch's names.

The first layer has `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0` and `bias_hh_l0`, the second `weight_ih_l1` and so on;
the backward direction has the suffix `_reverse`. PyTorch's matrices are transposed: (gates hidden,
inputs). The blocks of gates come in the same order as here: i, f, g, o in an LSTM, r, u (there z), n in a GRU.

PyTorch has two biases where one suffices: they are added here, and exported with `bias_hh` 0. Only the candidate
of a GRU needs both, because its reset gate multiplies the second one, `bias_hh`.
"""

from collections.abc import Mapping

import numpy as np

from neuralzoo.core.blocks.recurrent.cell import Cell
from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.module import Array, StateDict, load_arrays

COUNTERPARTS = {(1, 1, False), (4, 2, False), (3, 1, True)}
"""RNN, LSTM and GRU: the numbers of gates and states, and whether there is a `bias_hh`."""


def torch_state(recurrent: Recurrent) -> StateDict:
    """Return the weights by PyTorch's names and in its layout: copies, for `load_state_dict` once made tensors.

    Raises: ValueError when PyTorch has no such cell.
    """
    state: StateDict = {}
    for suffix, cell in _named_cells(recurrent):
        bias_ih, bias_hh = cell.bias.value.copy(), np.zeros_like(cell.bias.value)
        if (candidate_bias := _candidate_bias(cell)) is not None:
            bias_hh[-cell.hidden :] = candidate_bias
        state |= {
            f"weight_ih_{suffix}": cell.weight_ih.value.T.copy(),
            f"weight_hh_{suffix}": cell.weight_hh.value.T.copy(),
            f"bias_ih_{suffix}": bias_ih,
            f"bias_hh_{suffix}": bias_hh,
        }
    return state


def load_torch_state(recurrent: Recurrent, state: Mapping[str, Array]) -> None:
    """Set the weights from PyTorch's: `{name: value.numpy() for name, value in theirs.state_dict().items()}`.

    Nothing is changed unless all of it fits.

    Raises: ValueError when a name is missing or unknown, a shape differs, or PyTorch has no such cell.
    """
    theirs = torch_state(recurrent)
    load_arrays(f"a recurrence of {type(recurrent.cells[0]).__name__}s", theirs, state)
    for suffix, cell in _named_cells(recurrent):
        bias_ih, bias_hh = theirs[f"bias_ih_{suffix}"], theirs[f"bias_hh_{suffix}"]
        cell.weight_ih.value[...] = theirs[f"weight_ih_{suffix}"].T
        cell.weight_hh.value[...] = theirs[f"weight_hh_{suffix}"].T
        cell.bias.value[...] = bias_ih + bias_hh
        if (candidate_bias := _candidate_bias(cell)) is not None:
            cell.bias.value[-cell.hidden :] = bias_ih[-cell.hidden :]
            candidate_bias[...] = bias_hh[-cell.hidden :]


def _named_cells(recurrent: Recurrent) -> list[tuple[str, Cell]]:
    """Return the cells by the suffix of PyTorch's names of their weights."""
    for cell in recurrent.cells:
        if (cell.gates, cell.num_states, _candidate_bias(cell) is not None) not in COUNTERPARTS:
            raise ValueError(
                f"{type(cell).__name__} has no counterpart in PyTorch; interchanging weights needs an RNN's, "
                f"an LSTM's or, reset after the product, a GRU's"
            )
    return [
        (f"l{layer}{'_reverse' if direction else ''}", cell)
        for layer, cells in enumerate(recurrent.layers)
        for direction, cell in enumerate(cells)
    ]


def _candidate_bias(cell: Cell) -> Array | None:
    parameter = cell.named_parameters().get("bias_hh")
    return None if parameter is None else parameter.value
