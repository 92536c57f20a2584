"""Optimizers: how a gradient changes the weights.

They compute what PyTorch's optimizers of the same names and arguments compute. The formulas are evaluated in blocks
of the packed vectors that fit into the processor's cache, in place; the gradient is used up as scratch memory.

    w weights, g gradient, lr learning rate, t = 1, 2, ... step
"""

import math

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.kernels.numpy_backend.chunks import BLOCK
from neuralzoo.core.module import Array, Module
from neuralzoo.core.optimizer import Optimizer, Schedule


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

        g += weight_decay w          m = momentum m + g
        w -= lr m                    nesterov: w -= lr (g + momentum m)

    Raises: ValueError when a setting is out of range, or nesterov is asked for without momentum.
    Source: Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum in deep
    learning, https://proceedings.mlr.press/v28/sutskever13.html
    """

    def __init__(
        self,
        module: Module,
        lr: float | Schedule,
        *,
        clip: float | None = None,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(module, lr, clip=clip)
        _check_share(self, momentum=momentum)
        _check_not_negative(self, weight_decay=weight_decay)
        if nesterov and momentum == 0:
            raise ValueError("SGD got nesterov=True with momentum=0; it needs a momentum to look ahead along")
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.blocks = _blocks(self.weights.size)
        self.scratch = np.empty(BLOCK, self.weights.dtype)
        if momentum:
            self.memory = {"momentum": np.zeros_like(self.weights)}

    def update(self, gradient: Array, lr: float) -> None:
        """Go one step down the gradient."""
        for block in self.blocks:
            w, g = self.weights[block], gradient[block]
            scratch = self.scratch[: w.size]
            if self.weight_decay:
                np.multiply(w, self.weight_decay, out=scratch)
                g += scratch
            if self.momentum:
                m = self.memory["momentum"][block]
                m *= self.momentum
                m += g
                if self.nesterov:
                    np.multiply(m, self.momentum, out=scratch)
                    g += scratch
                else:
                    g = m
            np.multiply(g, lr, out=scratch)
            w -= scratch


class RMSprop(Optimizer):
    """Gradient descent with the gradient divided by its running root mean square.

        v = decay v + (1 - decay) g²          w -= lr g / (sqrt(v) + epsilon)

    Raises: ValueError when a setting is out of range.
    Source: Tieleman and Hinton (2012), Lecture 6.5 - rmsprop,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    """

    def __init__(
        self,
        module: Module,
        lr: float | Schedule,
        *,
        clip: float | None = None,
        decay: float = 0.99,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(module, lr, clip=clip)
        _check_share(self, decay=decay)
        _check_not_negative(self, epsilon=epsilon)
        self.decay = decay
        self.epsilon = epsilon
        self.blocks = _blocks(self.weights.size)
        self.scratch = np.empty(BLOCK, self.weights.dtype)
        self.memory = {"mean_square": np.zeros_like(self.weights)}

    def update(self, gradient: Array, lr: float) -> None:
        """Go one step down the normalised gradient."""
        for block in self.blocks:
            w, g, v = self.weights[block], gradient[block], self.memory["mean_square"][block]
            scratch = self.scratch[: w.size]
            np.multiply(g, g, out=scratch)
            scratch *= 1 - self.decay
            v *= self.decay
            v += scratch
            np.sqrt(v, out=scratch)
            scratch += self.epsilon
            g /= scratch
            g *= lr
            w -= g


class AdamW(Optimizer):
    """Adam with weight decay apart from the gradient.

        w -= lr weight_decay w
        m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g²
        w -= lr m' / (sqrt(v') + epsilon),   m' = m / (1 - beta1^t),   v' = v / (1 - beta2^t)

    The memory holds the sums m / (1 - beta1) and v / (1 - beta2) instead of the means, which saves two passes; the
    constant factors go into the learning rate and epsilon. `decay_only_matrices` decays only parameters of two or more
    axes, not biases and norm gains.

    Raises: ValueError when a setting is out of range.
    Source: Kingma and Ba (2014), Adam, https://arxiv.org/abs/1412.6980; Loshchilov and Hutter (2017), Decoupled Weight
    Decay Regularization, https://arxiv.org/abs/1711.05101
    """

    def __init__(
        self,
        module: Module,
        lr: float | Schedule,
        *,
        clip: float | None = None,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        decay_only_matrices: bool = False,
    ) -> None:
        super().__init__(module, lr, clip=clip)
        _check_share(self, beta1=beta1, beta2=beta2)
        _check_not_negative(self, epsilon=epsilon, weight_decay=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.decay_only_matrices = decay_only_matrices
        self.runs = _runs(module, decay_only_matrices)
        self.memory = {"sum": np.zeros_like(self.weights), "square_sum": np.zeros_like(self.weights)}

    def update(self, gradient: Array, lr: float) -> None:
        """Go one step along the mean gradient, each weight at its own pace."""
        mean_of_sum = (1 - self.beta1) / (1 - self.beta1**self.steps)
        root_of_sum = math.sqrt((1 - self.beta2) / (1 - self.beta2**self.steps))
        rate, epsilon = lr * mean_of_sum / root_of_sum, self.epsilon / root_of_sum
        for run, decayed in self.runs:
            w, g, m, v = (a[run] for a in (self.weights, gradient, self.memory["sum"], self.memory["square_sum"]))
            keep = 1 - lr * self.weight_decay if decayed else 1.0
            kernels.adam(w, g, m, v, self.beta1, self.beta2, rate, epsilon, keep)


class Adam(AdamW):
    """Gradient descent along the running mean of the gradient over its running root mean square.

        m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g²
        w -= lr m' / (sqrt(v') + epsilon),   m' = m / (1 - beta1^t),   v' = v / (1 - beta2^t)

    It is `AdamW` without weight decay.

    Raises: ValueError when a setting is out of range.
    Source: Kingma and Ba (2014), Adam, https://arxiv.org/abs/1412.6980
    """

    def __init__(
        self,
        module: Module,
        lr: float | Schedule,
        *,
        clip: float | None = None,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(module, lr, clip=clip, beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=0.0)


def _runs(module: Module, decay_only_matrices: bool) -> list[tuple[slice, bool]]:
    """Cut the packed vector into runs of neighbours that all decay or all do not."""
    runs: list[tuple[int, int, bool]] = []
    end = 0
    for parameter in module.trainable().values():
        start, end = end, end + parameter.value.size
        decayed = not decay_only_matrices or parameter.value.ndim > 1
        if runs and runs[-1][2] == decayed:
            start = runs.pop()[0]
        runs.append((start, end, decayed))
    return [(slice(start, end), decayed) for start, end, decayed in runs]


def _blocks(size: int) -> list[slice]:
    """Cut a packed vector of `size` elements into blocks that fit into the processor's cache."""
    return [slice(first, min(first + BLOCK, size)) for first in range(0, size, BLOCK)]


def _check_share(optimizer: Optimizer, **settings: float) -> None:
    for name, value in settings.items():
        if not 0 <= value < 1:
            raise ValueError(f"{type(optimizer).__name__} got {name}={value}; it needs a number in [0, 1)")


def _check_not_negative(optimizer: Optimizer, **settings: float) -> None:
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{type(optimizer).__name__} got {name}={value}; it needs a number of at least 0")
