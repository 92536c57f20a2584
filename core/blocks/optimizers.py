"""Optimizers: update rules for the weights.

They compute what PyTorch's optimizers of the same names and arguments compute. The formulas are evaluated in blocks
of the packed vectors that fit into the processor's cache, in place; the gradient is overwritten as scratch memory.

    w weights, g gradient, lr learning rate, t = 1, 2, ... step
"""

import math
from abc import abstractmethod

import numpy as np

from neuralzoo.core import kernels
from neuralzoo.core.kernels.numpy_backend.chunks import BLOCK_ELEMENTS
from neuralzoo.core.module import Array, Module
from neuralzoo.core.optimizer import Optimizer, Schedule
from neuralzoo.core.ranges import require_fraction, require_not_negative


class SGD(Optimizer):
    """SGD, stochastic gradient descent, optionally with momentum.

        g += weight_decay w          m = momentum m + g
        w -= lr m                    nesterov: w -= lr (g + momentum m)

    Raises: ValueError when a setting is out of range, or nesterov is set without momentum.
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
        require_fraction("SGD", momentum=momentum)
        require_not_negative("SGD", weight_decay=weight_decay)
        if nesterov and momentum == 0:
            raise ValueError("SGD got nesterov=True with momentum=0; it needs a momentum to look ahead along")
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.blocks = _blocks(self.weights.size)
        self.scratch = np.empty(BLOCK_ELEMENTS, self.weights.dtype)
        if momentum:
            self.moments = {"momentum": np.zeros_like(self.weights)}

    def update(self, gradient: Array, lr: float) -> None:
        """Update the weights by one step."""
        for block in self.blocks:
            w, g = self.weights[block], gradient[block]
            scratch = self.scratch[: w.size]
            if self.weight_decay:
                np.multiply(w, self.weight_decay, out=scratch)
                g += scratch
            if self.momentum:
                m = self.moments["momentum"][block]
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
    """RMSprop: the gradient divided by its running root mean square.

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
        require_fraction("RMSprop", decay=decay)
        require_not_negative("RMSprop", epsilon=epsilon)
        self.decay = decay
        self.epsilon = epsilon
        self.blocks = _blocks(self.weights.size)
        self.scratch = np.empty(BLOCK_ELEMENTS, self.weights.dtype)
        self.moments = {"mean_square": np.zeros_like(self.weights)}

    def update(self, gradient: Array, lr: float) -> None:
        """Update the weights by one step."""
        for block in self.blocks:
            w, g, v = self.weights[block], gradient[block], self.moments["mean_square"][block]
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


class _AdamBase(Optimizer):
    """The update rule of Adam and AdamW.

    The moments are the sums m / (1 - beta1) and v / (1 - beta2) instead of the means, which saves two passes; the
    constant factors go into the step size and epsilon.
    """

    def __init__(
        self, module: Module, lr: float | Schedule, clip: float | None, beta1: float, beta2: float, epsilon: float
    ) -> None:
        super().__init__(module, lr, clip=clip)
        require_fraction(type(self).__name__, beta1=beta1, beta2=beta2)
        require_not_negative(type(self).__name__, epsilon=epsilon)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.moments = {"sum": np.zeros_like(self.weights), "square_sum": np.zeros_like(self.weights)}

    def update(self, gradient: Array, lr: float) -> None:
        """Update the weights by one step."""
        mean_of_sum = (1 - self.beta1) / (1 - self.beta1**self.steps)
        root_of_sum = math.sqrt((1 - self.beta2) / (1 - self.beta2**self.steps))
        step_size, epsilon = lr * mean_of_sum / root_of_sum, self.epsilon / root_of_sum
        for run, decay_factor in self._decay_factors(lr):
            w, g, m, v = (a[run] for a in (self.weights, gradient, self.moments["sum"], self.moments["square_sum"]))
            kernels.adam(w, g, m, v, self.beta1, self.beta2, step_size, epsilon, decay_factor)

    @abstractmethod
    def _decay_factors(self, lr: float) -> list[tuple[slice, float]]:
        """Return the runs of the packed vector, each with the factor of its weights before the step."""


class Adam(_AdamBase):
    """Adam: the running mean of the gradient over its running root mean square.

        m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g²
        w -= lr m' / (sqrt(v') + epsilon),   m' = m / (1 - beta1^t),   v' = v / (1 - beta2^t)

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
        super().__init__(module, lr, clip, beta1, beta2, epsilon)

    def _decay_factors(self, lr: float) -> list[tuple[slice, float]]:
        return [(slice(None), 1.0)]


class AdamW(_AdamBase):
    """AdamW: Adam with decoupled weight decay.

        w -= lr weight_decay w
        m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g²
        w -= lr m' / (sqrt(v') + epsilon),   m' = m / (1 - beta1^t),   v' = v / (1 - beta2^t)

    `decay_only_matrices` decays only parameters of two or more axes, not biases and norm gains.

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
        super().__init__(module, lr, clip, beta1, beta2, epsilon)
        require_not_negative("AdamW", weight_decay=weight_decay)
        self.weight_decay = weight_decay
        self.decay_only_matrices = decay_only_matrices
        self.runs = _runs(module, decay_only_matrices)

    def _decay_factors(self, lr: float) -> list[tuple[slice, float]]:
        return [(run, 1 - lr * self.weight_decay if decayed else 1.0) for run, decayed in self.runs]


def _runs(module: Module, decay_only_matrices: bool) -> list[tuple[slice, bool]]:
    """Cut the packed vector into runs of neighbours that all decay or all do not."""
    runs: list[tuple[int, int, bool]] = []
    end = 0
    for parameter in module.trainable_parameters().values():
        start, end = end, end + parameter.value.size
        decayed = not decay_only_matrices or parameter.value.ndim > 1
        if runs and runs[-1][2] == decayed:
            start = runs.pop()[0]
        runs.append((start, end, decayed))
    return [(slice(start, end), decayed) for start, end, decayed in runs]


def _blocks(size: int) -> list[slice]:
    """Cut a packed vector of `size` elements into blocks that fit into the processor's cache."""
    return [slice(first, min(first + BLOCK_ELEMENTS, size)) for first in range(0, size, BLOCK_ELEMENTS)]
