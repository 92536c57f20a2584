"""Normalisation over a batch: features of zero mean and unit variance, rescaled as training likes."""

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient, no_pullback
from neuralzoo.core.module import Array, Parameter


class BatchNorm(Layer):
    """Give each feature zero mean and unit variance over the batch, then rescale it.

        z = (x - mean) / sqrt(var + epsilon)          y = gain z + bias
        dbias = sum dy          dgain = sum dy z          dx = gain (dy - dbias / M - z dgain / M) / sqrt(var + epsilon)

    In training mean and variance are those of the batch, over the M numbers of a feature: all axes but the last. Each
    training pass moves the running ones, which are parameters that are not trained, towards them:

        running += momentum (batch - running)          of the variance with M - 1 instead of M in the denominator

    In evaluation the running ones take the place of the batch's and are constants: dx = gain dy / sqrt(var + epsilon).
    Nothing but a training pass changes them. The conventions and defaults are PyTorch's.

    The last batch of an epoch may be small. One image or sequence has a number for each place, which is enough; one
    row of features alone, or one image of a single pixel, is refused, since its variance is 0: choose a batch size
    that leaves no single example over.

    Shapes: x and y are (N, D), (N, T, D) or (N, H, W, D); gain, bias, running_mean and running_variance are (D,).
    Raises: ValueError when x has another last axis, when a training batch has fewer than two numbers for each
    feature, or when momentum or epsilon are out of range.
    Source: Ioffe and Szegedy (2015), Batch Normalization, https://arxiv.org/abs/1502.03167
    """

    def __init__(self, features: int, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        if features < 1 or not 0 <= momentum <= 1 or not epsilon > 0:
            raise ValueError(
                f"BatchNorm got features={features}, momentum={momentum} and epsilon={epsilon}; it needs a number of "
                "at least 1, one in [0, 1] and one above 0"
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
        places = x.size // (len(x) * features)
        whole = (len(x), places, features)
        z = ctx.empty(whole, np.result_type(x, gain))
        if ctx.training:
            y = ctx.empty(whole, z.dtype)
            mean, deviation = self._standardise(x, z, y)
        else:
            y = ctx.empty(whole, z.dtype) if ctx.recording else z
            mean, deviation = self.running_mean.value.copy(), np.sqrt(self.running_variance.value + self.epsilon)
            kernels.batch_norm_fixed(x.reshape(whole), mean, deviation, gain, self.bias.value, z, y)
        if not ctx.recording:
            return y.reshape(x.shape), no_pullback

        def pull(dy: Array) -> Array:
            dy = dy.reshape(whole)
            dx = ctx.empty(whole, z.dtype)
            dgain, dbias = kernels.batch_norm_back(dy, x.reshape(whole), mean, deviation, gain, z, dx)
            ctx.grads.add(self.gain, dgain)
            ctx.grads.add(self.bias, dbias)
            if ctx.skips(x):
                return no_gradient(x)
            if not ctx.training:
                np.multiply(dy, gain / deviation, out=dx)
            return dx.reshape(x.shape)

        return y.reshape(x.shape), pull

    def _standardise(self, x: Array, z: Array, y: Array) -> tuple[Array, Array]:
        """Set z to the standardised numbers, y to the rescaled ones, move what runs; return means and deviations."""
        count = z.shape[0] * z.shape[1]
        if count < 2:
            raise ValueError(
                f"BatchNorm got a training batch of shape {x.shape}, a single number for each feature; it needs at "
                "least two, so a batch size that leaves no single example over"
            )
        arguments = x.reshape(z.shape), self.gain.value, self.bias.value, self.epsilon, z, y
        mean, variance = kernels.batch_norm(*arguments)
        for running, found in (
            (self.running_mean.value, mean),
            (self.running_variance.value, variance * (count / (count - 1))),
        ):
            running += self.momentum * (found - running)
        return mean, np.sqrt(variance + self.epsilon)
