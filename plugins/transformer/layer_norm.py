"""Layer normalisation: each feature vector for itself gets zero mean and unit variance."""

import numpy as np

from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array, Parameter


class LayerNorm(Layer):
    """Give each feature vector zero mean and unit variance, then rescale it.

        z = (x - mean(x)) / sqrt(var(x) + epsilon)          y = gain z + bias
        g = gain dy          dx = (g - mean(g) - z mean(g z)) / sqrt(var(x) + epsilon)

    Shapes: x and y are (..., D); gain and bias are (D,).
    Raises: ValueError when the last axis of x is not D.
    Source: Ba, Kiros and Hinton (2016), Layer Normalization, https://arxiv.org/abs/1607.06450
    """

    def __init__(self, features: int, *, bias: bool = True, epsilon: float = 1e-5) -> None:
        self.gain = Parameter(np.ones(features, np.float32))
        self.bias = Parameter(np.zeros(features, np.float32)) if bias else None
        self.epsilon = epsilon

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the rescaled vectors and their pullback."""
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
            along, level = dx @ gain_mean, dy @ gain_mean  # mean(g z) and mean(g)
            np.multiply(dy, gain, out=dx)
            dx -= level
            dx -= z * along
            dx *= scale
            return dx.reshape(x.shape)

        return y.reshape(x.shape), pull
