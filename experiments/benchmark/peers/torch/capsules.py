"""The capsule network in PyTorch."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from neuralzoo.experiments.benchmark.peers.torch.layers import Built, ChannelsFirst, convolution, linear, parameter
from neuralzoo.experiments.benchmark.workload import Workload


def squash(s: Any) -> Any:
    """Return squashed vectors, of lengths below 1."""
    length = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
    return s * (length / (1 + length * length))


class Capsules(nn.Module):
    """Convolutions, primary capsules, and a capsule for each class; gradients go through all routing iterations."""

    def __init__(self, ours: Any, iterations: int) -> None:
        super().__init__()
        features, primary = convolution(ours.features.layers[0]), convolution(ours.primary)
        self.read = nn.Sequential(ChannelsFirst(), features, nn.ReLU(), primary).to(memory_format=torch.channels_last)
        self.weight = parameter(ours.routing.weight)
        self.iterations = iterations
        first, second, last = (linear(layer) for layer in ours.decoder.layers[::2])
        self.decoder = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last, nn.Sigmoid())

    def capsules(self, x: Any) -> Any:
        """Return the class capsules, (N, J, D)."""
        maps = self.read(x).permute(0, 2, 3, 1)
        u = squash(maps.reshape(len(x), len(self.weight), -1))
        votes = torch.einsum("nid,idjk->njik", u, self.weight).contiguous()
        b = votes.new_zeros(votes.shape[:3])
        for iteration in range(self.iterations):
            v = squash((b.softmax(1)[:, :, None] @ votes)[:, :, 0])
            if iteration < self.iterations - 1:
                b = b + (votes @ v[..., None])[..., 0]
        return v

    def reconstruct(self, v: Any, chosen: Any) -> Any:
        """Return the reconstructions from the chosen capsules, flattened."""
        there = functional.one_hot(chosen, v.shape[1]).to(v.dtype)
        return self.decoder((v * there[:, :, None]).flatten(1))

    def forward(self, x: Any) -> Any:
        """Return the lengths of the class capsules."""
        return torch.linalg.vector_norm(self.capsules(x), dim=-1)


def capsnet(workload: Workload) -> Built:
    """Return the capsule network; its loss is the margin loss plus that of reconstruction.

    As in ours, an example is reconstructed from the capsule of its class in training, else from the longest one.
    """
    config: Any = workload.assembly.config
    network = Capsules(workload.assembly.module, config.routing_iterations)

    def loss(x: Any, target: Any) -> Any:
        v = network.capsules(x)
        length = torch.linalg.vector_norm(v, dim=-1)
        there = functional.one_hot(target, length.shape[1])
        missing, excess = functional.relu(config.m_plus - length), functional.relu(length - config.m_minus)
        margin = (there * missing**2 + config.lambda_absent * (1 - there) * excess**2).sum()
        chosen = target if network.training else length.argmax(1)
        error = functional.mse_loss(network.reconstruct(v, chosen), x.flatten(1), reduction="sum")
        return (margin + config.reconstruction * error) / len(x)

    return network, loss
