"""What the networks written in PyTorch are made of, with our weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Built = tuple[nn.Module, Callable[..., Any]]
"""A network, and the loss of a batch."""

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU, "gelu": nn.GELU, "sigmoid": nn.Sigmoid}


def parameter(ours: Any) -> nn.Parameter:
    """Return a copy of one of our parameters."""
    return nn.Parameter(torch.tensor(ours.value))


def linear(ours: Any, channels: int | None = None) -> nn.Linear:
    """Return a linear layer with the weights of a dense layer.

    With `channels`, ours reads maps place by place, all channels of each, and this one channel by channel.
    """
    weight, (inputs, outputs) = ours.weight.value, ours.weight.value.shape
    if channels is not None:
        weight = weight.reshape(-1, channels, outputs).transpose(1, 0, 2).reshape(inputs, outputs)
    return _filled(nn.Linear(inputs, outputs, bias=ours.bias is not None), weight.T, ours.bias)


def convolution(ours: Any) -> nn.Conv2d:
    """Return a convolution with our kernels."""
    weight = ours.weight.value.transpose(3, 2, 0, 1)
    (top, bottom), (left, right) = ours.geometry.padding
    if (top, left) != (bottom, right):
        raise ValueError(f"a convolution got padding {ours.geometry.padding}; it needs as much at both ends")
    outputs, inputs, *kernel = weight.shape
    more = {"stride": ours.geometry.stride, "padding": (top, left), "bias": ours.bias is not None}
    return _filled(nn.Conv2d(inputs, outputs, kernel, **more), weight, ours.bias)


def batch_norm(ours: Any) -> nn.BatchNorm2d:
    """Return a normalisation of maps over the batch, as ours is."""
    layer = nn.BatchNorm2d(len(ours.gain.value), eps=ours.epsilon, momentum=ours.momentum)
    return _filled(layer, ours.gain.value, ours.bias)


def _filled(layer: Any, weight: Any, bias: Any) -> Any:
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias.value))
    return layer


class ChannelsFirst(nn.Module):
    """A view of images (N, H, W, C) as (N, C, H, W), which lie in memory channels last then."""

    def forward(self, x: Any) -> Any:
        """Return the view."""
        return x.permute(0, 3, 1, 2)


def classes(network: nn.Module) -> Callable[..., Any]:
    """Return the cross-entropy of a network's logits."""

    def loss(*batch: Any) -> Any:
        return functional.cross_entropy(network(*batch[:-1]), batch[-1])

    return loss
