"""The transformer in PyTorch, with its fused attention."""

import torch
from torch.nn import functional

from neuralzoo.experiments.benchmark.against_torch.transformer import gpt
from neuralzoo.experiments.benchmark.peers.torch.layers import Built
from neuralzoo.experiments.benchmark.workload import Workload


def transformer(workload: Workload) -> Built:
    """Return the language model; its loss is the cross-entropy of all next tokens."""
    network = gpt(torch, workload.assembly.module)
    return network, lambda x, target: functional.cross_entropy(network(x).flatten(0, 1), target.flatten())
