"""Echo state network: a fixed random recurrent network (the reservoir), and a linear readout of its states.

    h_t = (1 - a) h_(t-1) + a tanh(x_t W_in + h_(t-1) W + b)          t = 1 .. T, h_0 = 0, a the leak
    z   = [ mean of h_1 .. h_T,  h_T ]                                features of a sequence
    y   = z V + c                                                     logits, or a continuous target

W_in, W and b are random and fixed. W is sparse and scaled to a spectral radius; where it is small enough the state does
not depend on the initial state and is an echo of the latest inputs. Only V and c are learned, by ridge regression.

Sources: Jaeger (2001), The "echo state" approach to analysing and training recurrent neural networks, GMD Report 148,
https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf; leaky units: Jaeger, Lukosevicius, Popovici and Siewert
(2007), https://doi.org/10.1016/j.neunet.2007.04.016
"""

from typing import Any

import numpy as np
from neuralzoo.core.layer import Context, Layer, Pullback
from neuralzoo.core.module import Array, Parameter
from neuralzoo.registry import Task

from echo_state.config import EchoStateConfig


class Reservoir(Layer):
    """A leaky recurrent network with fixed random weights; its features are the mean state and the last one.

    Shapes: x is (N, T, inputs), alone or as (x, lengths); features are (N, 2 units).
    """

    def __init__(self, inputs: int, config: EchoStateConfig, rng: np.random.Generator) -> None:
        units = config.units
        self.leak = config.leak
        self.input_weight = fixed(config.input_scale * rng.standard_normal((inputs, units)))
        self.bias = fixed(0.1 * rng.standard_normal(units))
        drawn = rng.standard_normal((units, units)) * (rng.random((units, units)) < config.density)
        self.weight = fixed(with_radius(drawn, config.radius))

    def __call__(self, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        """Return the mean of the states and the last state, and the pullback through time."""
        x, lengths = x if isinstance(x, tuple) else (x, np.full(len(x), x.shape[1]))
        w, a = self.weight.value, self.leak
        drive = x @ self.input_weight.value + self.bias.value  # (N, T, units)
        inside = (
            np.arange(x.shape[1]) < lengths[:, None]
        )  # (N, T): beyond its length the state of a sequence is constant
        states = np.zeros((x.shape[1] + 1, len(x), len(w)), drive.dtype)
        new = np.empty_like(states[1:])
        for t in range(x.shape[1]):
            new[t] = np.tanh(drive[:, t] + states[t] @ w)
            states[t + 1] = np.where(inside[:, t, None], (1 - a) * states[t] + a * new[t], states[t])
        weight = (inside / lengths[:, None]).astype(drive.dtype)  # of each step in the mean
        mean = np.einsum("tnu,nt->nu", states[1:], weight)

        def pull(dz: Array) -> Array:
            dmean, dh = np.split(dz, 2, axis=1)
            ddrive = np.zeros_like(drive)
            for t in reversed(range(x.shape[1])):
                dh = dh + weight[:, t, None] * dmean
                ddrive[:, t] = np.where(inside[:, t, None], a * dh * (1 - new[t] ** 2), 0)
                dh = np.where(inside[:, t, None], (1 - a) * dh, dh) + ddrive[:, t] @ w.T
            dx: Array = ddrive @ self.input_weight.value.T
            return dx

        return np.concatenate([mean, states[-1]], axis=1), pull


class EchoState(Layer):
    """A reservoir and its readout.

    Shapes: x is (N, T, inputs), alone or as (x, lengths); y is (N, outputs).
    """

    def __init__(self, inputs: int, outputs: int, config: EchoStateConfig, rng: np.random.Generator) -> None:
        self.reservoir = Reservoir(inputs, config, rng)
        self.readout = Parameter(np.zeros((2 * config.units, outputs), np.float32))
        self.bias = Parameter(np.zeros(outputs, np.float32))

    def __call__(self, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        """Return the outputs and their pullback."""
        z, through_reservoir = self.reservoir(x, ctx)
        v = self.readout.value

        def pull(dy: Array) -> Array:
            ctx.grads.add_product(self.readout, z.T, dy)
            ctx.grads.add(self.bias, dy.sum(axis=0))
            return through_reservoir(dy @ v.T)

        return z @ v + self.bias.value, pull


def fixed(value: Array) -> Parameter:
    """Return a parameter that is saved and not trained."""
    return Parameter(value.astype(np.float32), trainable=False)


def with_radius(weight: Array, radius: float) -> Array:
    """Scale a matrix so that its largest eigenvalue has this absolute value; a nilpotent one is unchanged."""
    largest = float(np.abs(np.linalg.eigvals(weight)).max())
    return weight * (radius / largest) if largest > 0 else weight


def build(config: EchoStateConfig, task: Task, rng: np.random.Generator) -> EchoState:
    """Build the network for a task."""
    return EchoState(task.shape[-1], task.outputs, config, rng)
