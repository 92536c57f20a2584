"""Layers and optimizers of the networks in PyTorch, with our weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from neuralzoo.experiments.benchmark.workload import Workload

Built = tuple[nn.Module, Callable[..., Any]]
"""The network, and the loss function of a batch."""

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU, "gelu": nn.GELU, "sigmoid": nn.Sigmoid}


def parameter(ours: Any) -> nn.Parameter:
    """Return a copy of one of our parameters."""
    return nn.Parameter(torch.tensor(ours.value))


def linear(ours: Any, channels: int | None = None) -> nn.Linear:
    """Return a linear layer with the weights of a dense layer.

    With `channels` its inputs are flattened feature maps, which are channels last in ours, channels first in PyTorch.
    """
    weight, (inputs, outputs) = ours.weight.value, ours.weight.value.shape
    if channels is not None:
        weight = weight.reshape(-1, channels, outputs).transpose(1, 0, 2).reshape(inputs, outputs)
    return filled(nn.Linear(inputs, outputs, bias=ours.bias is not None), weight.T, ours.bias)


def convolution(ours: Any) -> nn.Conv2d:
    """Return a convolution with our kernels."""
    weight = ours.weight.value.transpose(3, 2, 0, 1)
    (top, bottom), (left, right) = ours.geometry.padding
    if (top, left) != (bottom, right):
        raise ValueError(f"a convolution got padding {ours.geometry.padding}; it needs the same at both ends")
    outputs, inputs, *kernel = weight.shape
    options = {"stride": ours.geometry.stride, "padding": (top, left), "bias": ours.bias is not None}
    return filled(nn.Conv2d(inputs, outputs, kernel, **options), weight, ours.bias)


def batch_norm(ours: Any) -> nn.BatchNorm2d:
    """Return a batch normalisation with our parameters."""
    layer = nn.BatchNorm2d(len(ours.gain.value), eps=ours.epsilon, momentum=ours.momentum)
    return filled(layer, ours.gain.value, ours.bias)


def filled(layer: Any, weight: Any, bias: Any) -> Any:
    """Return a layer of PyTorch with a weight, and a bias of ours where there is one."""
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias.value))
    return layer


class ChannelsFirst(nn.Module):
    """A view of images (N, H, W, C) as (N, C, H, W), in channels-last memory format."""

    def forward(self, x: Any) -> Any:
        """Return the view."""
        return x.permute(0, 3, 1, 2)


def cross_entropy(network: nn.Module) -> Callable[..., Any]:
    """Return the cross-entropy of a network's logits."""

    def loss(*batch: Any) -> Any:
        return functional.cross_entropy(network(*batch[:-1]), batch[-1])

    return loss


def optimizer(parameters: Any, workload: Workload, lr_ratio: float = 1.0) -> Any:
    """Return the fused optimizer with the experiment's settings: its learning rate times `lr_ratio`, no schedule."""
    settings: Any = workload.assembly.experiment.optimizer
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.name]
    groups = decay_groups(parameters, settings) if settings.name == "adamw" else parameters
    betas = (settings.beta1, settings.beta2)
    return kind(groups, lr=lr_ratio * settings.lr, betas=betas, eps=settings.epsilon, fused=True)


def decay_groups(parameters: Any, settings: Any) -> list[dict[str, Any]]:
    """Return the parameter groups of PyTorch's AdamW: with weight decay, and without."""
    parameters = list(parameters)
    decayed = [p for p in parameters if not settings.decay_only_matrices or p.dim() > 1]
    undecayed = [p for p in parameters if settings.decay_only_matrices and p.dim() <= 1]
    groups = [(decayed, settings.weight_decay), (undecayed, 0.0)]
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]
