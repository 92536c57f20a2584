"""Weights that are interchangeable with PyTorch's `nn.RNN`, `nn.LSTM` and `nn.GRU`, as NumPy arrays by PyTorch's names.

The first level has `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0` and `bias_hh_l0`, the second `weight_ih_l1` and so on;
cells that read from the end to the start have `_reverse` behind it. PyTorch's matrices are transposed: (gates hidden,
inputs). The blocks of gates come in the same order as here: i, f, g, o in an LSTM, r, u (there z), n in a GRU.

PyTorch has two biases where one would do: they are added here, and `bias_hh` is 0 on the way back. Only the candidate
of a GRU needs both, because its reset gate acts on the second one, `bias_state`.
"""

from collections.abc import Mapping

import numpy as np

from neuralzoo.core.blocks.recurrent.layer import Cell, Recurrent
from neuralzoo.core.module import Array, State, load_arrays

COUNTERPARTS = {(1, 1, False), (4, 2, False), (3, 1, True)}
"""What PyTorch has, RNN, LSTM and GRU: how many gates and memories, and whether there is a `bias_state`."""


def torch_state(recurrent: Recurrent) -> State:
    """Return the weights as PyTorch names and arranges them: copies, for its `load_state_dict` once made to tensors.

    Raises: ValueError when PyTorch has no such cell.
    """
    state: State = {}
    for ending, cell in _named_cells(recurrent):
        bias_ih, bias_hh = cell.bias.value.copy(), np.zeros_like(cell.bias.value)
        if (of_state := _bias_state(cell)) is not None:
            bias_hh[-cell.hidden :] = of_state
        state |= {
            f"weight_ih_{ending}": cell.weight_input.value.T.copy(),
            f"weight_hh_{ending}": cell.weight_state.value.T.copy(),
            f"bias_ih_{ending}": bias_ih,
            f"bias_hh_{ending}": bias_hh,
        }
    return state


def load_torch_state(recurrent: Recurrent, state: Mapping[str, Array]) -> None:
    """Set the weights from PyTorch's: `{name: value.numpy() for name, value in theirs.state_dict().items()}`.

    Nothing is changed unless all of it fits.

    Raises: ValueError when a name is missing or unknown, a shape differs, or PyTorch has no such cell.
    """
    theirs = torch_state(recurrent)
    load_arrays(f"a recurrence of {type(recurrent.cells[0]).__name__}s", theirs, state)
    for ending, cell in _named_cells(recurrent):
        bias_ih, bias_hh = theirs[f"bias_ih_{ending}"], theirs[f"bias_hh_{ending}"]
        cell.weight_input.value[...] = theirs[f"weight_ih_{ending}"].T
        cell.weight_state.value[...] = theirs[f"weight_hh_{ending}"].T
        cell.bias.value[...] = bias_ih + bias_hh
        if (of_state := _bias_state(cell)) is not None:
            cell.bias.value[-cell.hidden :] = bias_ih[-cell.hidden :]
            of_state[...] = bias_hh[-cell.hidden :]


def _named_cells(recurrent: Recurrent) -> list[tuple[str, Cell]]:
    """Return the cells with what PyTorch's names of their weights end in."""
    for cell in recurrent.cells:
        if (cell.gates, cell.memories, _bias_state(cell) is not None) not in COUNTERPARTS:
            raise ValueError(
                f"{type(cell).__name__} has no counterpart in PyTorch; interchanging weights needs an RNN's, "
                f"an LSTM's or, reset after the product, a GRU's"
            )
    return [
        (f"l{level}{'_reverse' if direction else ''}", cell)
        for level, cells in enumerate(recurrent.levels)
        for direction, cell in enumerate(cells)
    ]


def _bias_state(cell: Cell) -> Array | None:
    parameter = cell.named_parameters().get("bias_state")
    return None if parameter is None else parameter.value
