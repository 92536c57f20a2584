"""PyTorch with `torch.compile`, which makes one program of a whole loss and its gradient."""

from neuralzoo.experiments.benchmark.peers import Rival, torch_eager
from neuralzoo.experiments.benchmark.workload import Workload

PACKAGE = "torch"


def rival(workload: Workload) -> Rival | None:
    """Return the workload in PyTorch, compiled, with our weights."""
    import torch

    return torch_eager.rival(workload, compiled=torch.compile)
