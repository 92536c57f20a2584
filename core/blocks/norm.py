"""Normalisation layers: batch norm over the examples of a batch, layer norm over the features of each position."""

import math

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.layer import Context, Layer, Pullback, unrecorded_pullback, zero_grad_like
from neuralzoo.core.module import Array, Parameter
from neuralzoo.core.ranges import require_positive


class BatchNorm(Layer):
    """Batch normalisation: each feature to zero mean and unit variance over the batch, then rescaled.

        z = (x - mean) / sqrt(var + epsilon)          y = gain z + bias
        dbias = sum dy          dgain = sum dy z          dx = gain (dy - dbias / M - z dgain / M) / sqrt(var + epsilon)

    In training mean and variance are those of the batch, over the M values of a feature: all axes but the last. Each
    training pass moves the running ones, which are parameters that are not trained, towards them:

        running += momentum (batch - running)          of the variance with M - 1 instead of M in the denominator

    In evaluation the running ones replace those of the batch and are constants: dx = gain dy / sqrt(var + epsilon).
    Nothing but a training pass changes them. The conventions and defaults are PyTorch's.

    The last batch of an epoch may be small. One image or sequence has a value for each position, which is enough; a
    single row of features, or one image of a single pixel, is an error, since its variance is 0: choose a batch size
    that leaves no single example over.

    Shapes: x and y are (N, D), (N, T, D) or (N, H, W, D); gain, bias, running_mean and running_variance are (D,).
    Raises: ValueError when x has another last axis, when a training batch has fewer than two values for each
    feature, or when momentum or epsilon are out of range.
    Source: Ioffe and Szegedy (2015), Batch Normalization, https://arxiv.org/abs/1502.03167
    """

    def __init__(self, features: int, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        if features < 1 or not 0 <= momentum <= 1 or not 0 < epsilon < math.inf:
            raise ValueError(
                f"BatchNorm got features={features}, momentum={momentum} and epsilon={epsilon}; it needs at "
                "least 1, a number in [0, 1] and one above 0"
            )
        self.momentum, self.epsilon = momentum, epsilon
        self.gain = Parameter(np.ones(features, np.float32))
        self.bias = Parameter(np.zeros(features, np.float32))
        self.running_mean = Parameter(np.zeros(features, np.float32), trainable=False)
        self.running_variance = Parameter(np.ones(features, np.float32), trainable=False)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the normalised features and their pullback."""
        gain = self.gain.value
        features = len(gain)
        if x.ndim < 2 or x.shape[-1] != features:
            raise ValueError(f"BatchNorm got x of shape {x.shape}; it needs (N, ..., {features})")
        shape = (len(x), math.prod(x.shape[1:-1]), features)  # (N, positions, D)
        z = ctx.empty(shape, np.result_type(x, gain))
        if ctx.training:
            y = ctx.empty(shape, z.dtype)
            mean, std = self._standardise(x, z, y)
        else:
            y = ctx.empty(shape, z.dtype) if ctx.recording else z
            mean, std = self.running_mean.value.copy(), np.sqrt(self.running_variance.value + self.epsilon)
            kernels.batch_norm_inference(x.reshape(shape), mean, std, gain, self.bias.value, z, y)
        if not ctx.recording:
            return y.reshape(x.shape), unrecorded_pullback

        def pull(dy: Array) -> Array:
            dy = dy.reshape(shape)
            dx = ctx.empty(shape, z.dtype)
            dgain, dbias = kernels.batch_norm_backward(dy, x.reshape(shape), mean, std, gain, z, dx)
            ctx.grads.add(self.gain, dgain)
            ctx.grads.add(self.bias, dbias)
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            if not ctx.training:
                np.multiply(dy, gain / std, out=dx)
            return dx.reshape(x.shape)

        return y.reshape(x.shape), pull

    def _standardise(self, x: Array, z: Array, y: Array) -> tuple[Array, Array]:
        """Set z to standardised x and y to rescaled z, update the running statistics; return mean and std."""
        count = z.shape[0] * z.shape[1]
        if count < 2:
            raise ValueError(
                f"BatchNorm got a training batch of shape {x.shape}, a single value for each feature; it needs at "
                "least two, so a batch size that leaves no single example over"
            )
        arguments = x.reshape(z.shape), self.gain.value, self.bias.value, self.epsilon, z, y
        mean, variance = kernels.batch_norm(*arguments)
        for running, batch in (
            (self.running_mean.value, mean),
            (self.running_variance.value, variance * (count / (count - 1))),
        ):
            running += self.momentum * (batch - running)
        return mean, np.sqrt(variance + self.epsilon)


class LayerNorm(Layer):
    """Layer normalisation: each feature vector to zero mean and unit variance, then rescaled.

        z = (x - mean(x)) / sqrt(var(x) + epsilon)          y = gain z + bias
        g = gain dy          dx = (g - mean(g) - z mean(g z)) / sqrt(var(x) + epsilon)

    Shapes: x and y are (..., D); gain and bias are (D,).
    Raises: ValueError when the last axis of x is not D, or epsilon is not positive.
    Source: Ba, Kiros and Hinton (2016), Layer Normalization, https://arxiv.org/abs/1607.06450
    """

    def __init__(self, features: int, *, bias: bool = True, epsilon: float = 1e-5) -> None:
        require_positive("LayerNorm", epsilon=epsilon)
        self.gain = Parameter(np.ones(features, np.float32))
        self.bias = Parameter(np.zeros(features, np.float32)) if bias else None
        self.epsilon = epsilon

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the normalised vectors and their pullback."""
        gain = self.gain.value
        features = len(gain)
        if x.ndim == 0 or x.shape[-1] != features:
            raise ValueError(f"LayerNorm got x of shape {x.shape}; it needs a last axis of {features}")
        rows = x.reshape(-1, features)
        mean = np.full((features, 1), 1 / features, gain.dtype)  # products with it are means of rows
        z = np.subtract(rows, rows @ mean, out=ctx.empty(rows.shape, np.result_type(x, gain)))
        y = np.multiply(z, z, out=ctx.empty(z.shape, z.dtype))
        scale = y @ mean
        scale += self.epsilon
        np.sqrt(scale, out=scale)
        np.divide(1.0, scale, out=scale)
        z *= scale
        np.multiply(z, gain, out=y)
        if self.bias is not None:
            y += self.bias.value

        def pull(dy: Array) -> Array:
            dy = dy.reshape(-1, features)
            ones, gain_mean = np.ones(len(dy), dy.dtype), gain[:, None] * mean
            dx: Array = np.multiply(dy, z, out=ctx.empty(z.shape, z.dtype))
            ctx.grads.add(self.gain, ones @ dx)
            if self.bias is not None:
                ctx.grads.add(self.bias, ones @ dy)
            mean_gz, mean_g = dx @ gain_mean, dy @ gain_mean
            np.multiply(dy, gain, out=dx)
            dx -= mean_g
            dx -= z * mean_gz
            dx *= scale
            return dx.reshape(x.shape)

        return y.reshape(x.shape), pull
