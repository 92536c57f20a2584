"""PyTorch with `torch.compile` of the loss and of the network.

Each batch size is compiled separately (`dynamic=False`), which is faster than one program for all. Recurrent layers
stay eager: `torch.compile` traces neither `pack_padded_sequence` nor `nn.RNN`, `nn.LSTM` and `nn.GRU`, so that of these
networks only the head is compiled.
"""

from functools import partial

from neuralzoo.experiments.benchmark.peers import Counterpart
from neuralzoo.experiments.benchmark.peers.torch import eager
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "torch"


def counterpart(workload: Workload) -> Counterpart | None:
    """Return the workload in PyTorch, compiled, with our weights."""
    import torch

    return eager.counterpart(workload, compiled=partial(torch.compile, dynamic=False))
