"""Weight initializers: functions from a shape and a random generator to a float32 array.

A weight of shape (inputs, outputs) has fan_in = inputs and fan_out = outputs; one of shape (kernel..., inputs,
outputs) is a convolution kernel: both fans are multiplied by the number of its positions.
"""

import math
from collections.abc import Callable

import numpy as np

from neuralzoo.core.module import Array

Initializer = Callable[[tuple[int, ...], np.random.Generator], Array]


def normal(std: float) -> Initializer:
    """Return the initializer that draws normally with mean 0 and standard deviation `std`."""

    def initialize(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return _normal(shape, rng, std)

    return initialize


def uniform(limit: float) -> Initializer:
    """Return the initializer that draws uniformly from -limit to limit."""

    def initialize(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return _uniform(shape, rng, limit)

    return initialize


def glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Glorot (Xavier) uniform: variance 2 / (fan_in + fan_out), a compromise between forward and backward pass.

    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks,
    https://proceedings.mlr.press/v9/glorot10a.html
    """
    return _uniform(shape, rng, math.sqrt(6 / sum(fans(shape))))


def glorot_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Glorot (Xavier) normal: variance 2 / (fan_in + fan_out); see `glorot_uniform`."""
    return _normal(shape, rng, math.sqrt(2 / sum(fans(shape))))


def he_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """He (Kaiming) uniform: variance 2 / fan_in; see `he_normal`."""
    return _uniform(shape, rng, math.sqrt(6 / fans(shape)[0]))


def he_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """He (Kaiming) normal: variance 2 / fan_in, which makes up for ReLU halving the mean square.

    Source: He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852
    """
    return _normal(shape, rng, math.sqrt(2 / fans(shape)[0]))


def lecun_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """LeCun normal: variance 1 / fan_in, which keeps the variance of independent inputs.

    Source: LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, https://doi.org/10.1007/3-540-49430-8_2
    """
    return _normal(shape, rng, math.sqrt(1 / fans(shape)[0]))


def orthogonal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Orthogonal: a random matrix, of all axes but the last by the last, with orthonormal columns or rows.

    The smaller of the two sets is orthonormal: W.T @ W = 1 or W @ W.T = 1.

    Raises: ValueError when the shape has fewer than two axes.
    Source: Saxe, McClelland and Ganguli (2013), Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks, https://arxiv.org/abs/1312.6120
    """
    fans(shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)  # makes all directions equally likely
    return (q if rows >= columns else q.T).reshape(shape).astype(np.float32)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out): the number of inputs of one output, and of outputs of one input.

    Raises: ValueError when the shape has fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(
            f"a weight got shape {shape}; its initialization needs (inputs, outputs) or (kernel..., inputs, outputs)"
        )
    *kernel, inputs, outputs = shape
    positions = math.prod(kernel)
    return positions * inputs, positions * outputs


def _normal(shape: tuple[int, ...], rng: np.random.Generator, std: float) -> Array:
    values = rng.standard_normal(shape, dtype=np.float32)
    values *= std
    return values


def _uniform(shape: tuple[int, ...], rng: np.random.Generator, limit: float) -> Array:
    return rng.uniform(-limit, limit, shape).astype(np.float32)


INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
}
