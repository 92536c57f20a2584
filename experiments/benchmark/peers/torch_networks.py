"""The networks of the zoo written plainly in PyTorch, as a user of it would, with our weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from neuralzoo.core.blocks.torch_weights import torch_state
from neuralzoo.experiments.benchmark.workload import Workload

Built = tuple[nn.Module, Callable[..., Any]]
"""A network, and the loss of a batch."""


def _dense(ours: Any) -> nn.Linear:
    """Return a linear layer with the weights of a dense layer."""
    inputs, outputs = ours.weight.value.shape
    layer = nn.Linear(inputs, outputs, bias=ours.bias is not None)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(ours.weight.value.T))
        if ours.bias is not None:
            layer.bias.copy_(torch.from_numpy(ours.bias.value))
    return layer


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU, "gelu": nn.GELU, "sigmoid": nn.Sigmoid}


def _classes(network: nn.Module) -> Callable[..., Any]:
    def loss(*batch: Any) -> Any:
        return functional.cross_entropy(network(*batch[:-1]), batch[-1])

    return loss


def fnn(workload: Workload) -> Built:
    """Return the feed-forward network."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    layers: list[nn.Module] = [nn.Flatten()]
    if config.input_dropout:
        layers.append(nn.Dropout(config.input_dropout))
    for dense in ours.dense[:-1]:
        layers += [_dense(dense), ACTIVATIONS[config.activation]()]
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
    network = nn.Sequential(*layers, _dense(ours.dense[-1]))
    return network, _classes(network)


class Reader(nn.Module):
    """A recurrence over sequences of several lengths, and an answer read from the last outputs."""

    def __init__(self, recurrent: nn.Module, dropout: float, head: nn.Linear) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.dropout = nn.Dropout(dropout)
        self.head = head

    def forward(self, x: Any, lengths: Any) -> Any:
        """Return the answer of each sequence."""
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, end = self.recurrent(packed)
        last = end[0] if isinstance(end, tuple) else end
        return self.head(self.dropout(last[-2:].transpose(0, 1).flatten(1)))


def recurrent(workload: Workload) -> Built:
    """Return the recurrent network, LSTM or GRU, that reads in both directions."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[workload.name]
    inputs = workload.assembly.data.task.shape[-1]
    layer = kind(inputs, config.hidden, config.layers, batch_first=True, bidirectional=config.bidirectional)
    layer.load_state_dict({name: torch.from_numpy(array) for name, array in torch_state(ours.recurrent).items()})
    network = Reader(layer, config.dropout, _dense(ours.head))
    return network, _classes(network)


def autoencoder(workload: Workload) -> Built:
    """Return the dense autoencoder; its loss is the cross-entropy of pixels, summed over each picture."""
    config: Any = workload.assembly.config
    ours: Any = workload.assembly.module
    activation = ACTIVATIONS[config.activation]
    layers: list[nn.Module] = [nn.Flatten()]
    for dense in _denses(ours.encoder):
        layers += [_dense(dense), activation()]
    layers.append(_dense(ours.mean))
    for number, dense in enumerate(_denses(ours.decoder)):
        layers += [activation(), _dense(dense)] if number else [_dense(dense)]
    network = nn.Sequential(*layers)

    def loss(*batch: Any) -> Any:
        x = batch[0].flatten(1)
        return functional.binary_cross_entropy_with_logits(network(batch[0]), x, reduction="sum") / len(x)

    return network, loss


def _denses(sequential: Any) -> list[Any]:
    return [layer for layer in sequential.layers if hasattr(layer, "weight")]


class Radial(nn.Module):
    """Gaussian units and a weighted sum of them."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.from_numpy(ours.units.centres.value.copy()))
        self.log_width = nn.Parameter(torch.from_numpy(ours.units.log_width.value.copy()))
        self.output = _dense(ours.output)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        x, c = x.flatten(1), self.centres
        squares = (x * x).sum(1, keepdim=True) - 2 * x @ c.T + (c * c).sum(1)
        return self.output(torch.exp(-squares.clamp(min=0) * torch.exp(-2 * self.log_width) / 2))


def rbfn(workload: Workload) -> Built:
    """Return the radial basis function network."""
    network = Radial(workload.assembly.module)
    return network, lambda x, target: functional.mse_loss(network(x), target)


NETWORKS: dict[str, Callable[[Workload], Built]] = {
    "autoencoder": autoencoder,
    "fnn": fnn,
    "gru": recurrent,
    "lstm": recurrent,
    "rbfn": rbfn,
    "rnn": recurrent,
}
