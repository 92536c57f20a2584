"""Convolution layers, and the algorithms that compute them."""

from neuralzoo.core.blocks.conv.layers import Conv1D, Conv2D
from neuralzoo.core.blocks.conv.transposed import ConvTranspose1D, ConvTranspose2D

__all__ = ["Conv1D", "Conv2D", "ConvTranspose1D", "ConvTranspose2D"]
