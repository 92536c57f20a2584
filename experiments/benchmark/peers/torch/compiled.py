"""PyTorch with `torch.compile`, which makes one program of a whole loss and its gradient.

Each batch size gets a program of its own, which is faster than one for all of them. Recurrences stay eager: as it is,
`torch.compile` traces neither `pack_padded_sequence` nor `nn.RNN`, `nn.LSTM` and `nn.GRU`, so that of these networks
only what follows is compiled.
"""

from functools import partial

from neuralzoo.experiments.benchmark.peers import Rival
from neuralzoo.experiments.benchmark.peers.torch import eager as torch_eager
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "torch"


def rival(workload: Workload) -> Rival | None:
    """Return the workload in PyTorch, compiled, with our weights."""
    import torch

    return torch_eager.rival(workload, compiled=partial(torch.compile, dynamic=False))
