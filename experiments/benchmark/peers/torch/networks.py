"""The networks of the zoo in PyTorch, in its usual style, with our weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from neuralzoo.core.blocks.activation import ReLU
from neuralzoo.core.blocks.conv import Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.norm import BatchNorm
from neuralzoo.core.blocks.pooling import MaxPool2D
from neuralzoo.core.blocks.recurrent.torch_weights import torch_state
from neuralzoo.core.blocks.shape import Flatten
from neuralzoo.experiments.benchmark.peers.torch import attention, capsules
from neuralzoo.experiments.benchmark.peers.torch.layers import (
    ACTIVATIONS,
    Built,
    ChannelsFirst,
    batch_norm,
    convolution,
    cross_entropy,
    linear,
    parameter,
)
from neuralzoo.experiments.benchmark.workload import Workload


def fnn(workload: Workload) -> Built:
    """Return the feed-forward network."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    layers: list[nn.Module] = [nn.Flatten()]
    if config.input_dropout:
        layers.append(nn.Dropout(config.input_dropout))
    for dense in ours.dense[:-1]:
        layers += [linear(dense), ACTIVATIONS[config.activation]()]
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
    network = nn.Sequential(*layers, linear(ours.dense[-1]))
    return network, cross_entropy(network)


class RecurrentClassifier(nn.Module):
    """A recurrent layer over packed sequences, and a linear head on its final states."""

    def __init__(self, recurrent: nn.Module, dropout: float, head: nn.Linear) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.dropout = nn.Dropout(dropout)
        self.head = head

    def forward(self, x: Any, lengths: Any) -> Any:
        """Return the logits of each sequence."""
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, end = self.recurrent(packed)
        last = end[0] if isinstance(end, tuple) else end
        return self.head(self.dropout(last[-2:].transpose(0, 1).flatten(1)))


def recurrent(workload: Workload) -> Built:
    """Return the bidirectional RNN, LSTM or GRU."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[workload.name]
    inputs = workload.assembly.data.task.shape[-1]
    layer = kind(inputs, config.hidden, config.layers, batch_first=True, bidirectional=config.bidirectional)
    layer.load_state_dict({name: torch.from_numpy(array) for name, array in torch_state(ours.recurrent).items()})
    network = RecurrentClassifier(layer, config.dropout, linear(ours.head))
    return network, cross_entropy(network)


class Reconstructor(nn.Module):
    """Layers that end in the logits of pixels."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.logits = nn.Sequential(nn.Flatten(), *layers)

    def forward(self, x: Any) -> Any:
        """Return the reconstructions."""
        return self.logits(x).sigmoid().view_as(x)


def autoencoder(workload: Workload) -> Built:
    """Return the dense autoencoder; its loss is the cross-entropy of pixels, summed over each image."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    activation = ACTIVATIONS[config.activation]
    layers: list[nn.Module] = []
    for dense in _denses(ours.encoder):
        layers += [linear(dense), activation()]
    layers.append(linear(ours.mean))
    for number, dense in enumerate(_denses(ours.decoder)):
        layers += [activation(), linear(dense)] if number else [linear(dense)]
    network = Reconstructor(*layers)

    def loss(*batch: Any) -> Any:
        x = batch[0].flatten(1)
        return functional.binary_cross_entropy_with_logits(network.logits(batch[0]), x, reduction="sum") / len(x)

    return network, loss


def _denses(sequential: Any) -> list[Any]:
    return [layer for layer in sequential.layers if hasattr(layer, "weight")]


class Radial(nn.Module):
    """Gaussian radial basis functions and a linear output."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.centres = parameter(ours.units.centres)
        self.log_width = parameter(ours.units.log_width)
        self.output = linear(ours.output)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        x, c = x.flatten(1), self.centres
        squares = (x * x).sum(1, keepdim=True) - 2 * x @ c.T + (c * c).sum(1)
        return self.output(torch.exp(-squares.clamp(min=0) * torch.exp(-2 * self.log_width) / 2))


def rbfn(workload: Workload) -> Built:
    """Return the radial basis function network."""
    network = Radial(workload.assembly.module)
    return network, lambda x, target: functional.mse_loss(network(x), target)


def cnn(workload: Workload) -> Built:
    """Return the convolutional network, in channels-last memory format."""
    ours: Any = workload.assembly.module
    layers: list[nn.Module] = [ChannelsFirst()]
    channels: int | None = None
    for layer in [layer for part in (*ours.stages, ours.head) for layer in part.layers]:
        match layer:
            case Conv2D():
                layers.append(convolution(layer))
                channels = layers[-1].out_channels
            case BatchNorm():
                layers.append(batch_norm(layer))
            case ReLU():
                layers.append(nn.ReLU())
            case MaxPool2D():
                layers.append(nn.MaxPool2d(layer.window, layer.stride))
            case Flatten():
                layers.append(nn.Flatten())
            case Dropout():
                layers.append(nn.Dropout(layer.rate))
            case Dense():
                layers.append(linear(layer, channels))
                channels = None
            case _:
                raise ValueError(f"cnn got a {type(layer).__name__}; it needs a layer of its reference configuration")
    network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    return network, cross_entropy(network)


class Mixture(nn.Module):
    """Experts of one hidden layer, computed as a batch, and a linear gate."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        inner, outer = zip(*(expert.dense for expert in ours.experts), strict=True)
        self.inner, self.inner_bias = _stacked(inner)
        self.outer, self.outer_bias = _stacked(outer)
        self.gate = linear(ours.gate.dense[0])

    def forward(self, x: Any) -> Any:
        """Return the logarithms of the mixture's probabilities."""
        h = torch.tanh(torch.baddbmm(self.inner_bias, x.expand(len(self.inner), -1, -1), self.inner))
        log_p = torch.baddbmm(self.outer_bias, h, self.outer).log_softmax(2)  # (E, N, K)
        log_gate = self.gate(x).log_softmax(1).T[:, :, None]
        return torch.logsumexp(log_p + log_gate, 0)


def _stacked(layers: Any) -> tuple[nn.Parameter, nn.Parameter]:
    """Return the weights (E, inputs, outputs) and biases (E, 1, outputs) of dense layers."""
    weights, biases = ([torch.tensor(getattr(layer, name).value) for layer in layers] for name in ("weight", "bias"))
    return nn.Parameter(torch.stack(weights)), nn.Parameter(torch.stack(biases)[:, None])


def modular(workload: Workload) -> Built:
    """Return the mixture of experts; its loss is the negative log-likelihood of the mixture."""
    network = Mixture(workload.assembly.module)
    return network, lambda x, target: functional.nll_loss(network(x), target)


NETWORKS: dict[str, Callable[[Workload], Built]] = {
    "autoencoder": autoencoder,
    "capsnet": capsules.capsnet,
    "cnn": cnn,
    "fnn": fnn,
    "gru": recurrent,
    "lstm": recurrent,
    "modular": modular,
    "rbfn": rbfn,
    "rnn": recurrent,
    "transformer": attention.transformer,
}
