"""Feed-forward network (multilayer perceptron): affine layers with activation functions between them.

    h_0 = x                                        the flattened example
    h_l = f(h_{l-1} W_l + b_l)     l = 1 .. L      hidden layers
    y   = h_L W_{L+1} + b_{L+1}                    logits, or the prediction itself in regression

With one hidden layer and any f that is not a polynomial it is a universal approximator of continuous functions (Leshno
et al. 1993); with f the identity it is a linear model, however deep. Gradients come from the chain rule, applied from
the last layer back to the first.

Sources: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors, Nature 323,
https://doi.org/10.1038/323533a0; dropout: Srivastava et al. (2014), https://jmlr.org/papers/v15/srivastava14a.html
"""

import math

import numpy as np

from neuralzoo.core.blocks.activation import ACTIVATIONS
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.init import INITIALIZERS, glorot_uniform
from neuralzoo.core.blocks.shape import Flatten
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array
from neuralzoo.plugins.fnn.config import FNNConfig
from neuralzoo.registry import Task


class FNN(Layer):
    """Feed-forward network: a stack of dense layers.

    Shapes: x is (N, ...), each example is flattened to `inputs` values; y is (N, outputs).
    Raises: ValueError when an example has another number of values.
    """

    def __init__(self, inputs: int, outputs: int, config: FNNConfig, rng: np.random.Generator) -> None:
        layers: list[Layer] = [Flatten()]
        if config.input_dropout:
            layers.append(Dropout(config.input_dropout))
        width = inputs
        for hidden in config.hidden:
            layers.append(Dense(width, hidden, rng, init=INITIALIZERS[config.init]))
            layers.append(ACTIVATIONS[config.activation]())
            if config.dropout:
                layers.append(Dropout(config.dropout))
            width = hidden
        layers.append(Dense(width, outputs, rng, init=glorot_uniform))
        self.layers = Sequential(*layers)

    @property
    def dense(self) -> list[Dense]:
        """The dense layers, first to last."""
        return [layer for layer in self.layers.layers if isinstance(layer, Dense)]

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the logits and their pullback."""
        return self.layers(x, ctx)


def build(config: FNNConfig, task: Task, rng: np.random.Generator) -> FNN:
    """Build the network for a task."""
    return FNN(math.prod(task.shape), task.outputs, config, rng)
