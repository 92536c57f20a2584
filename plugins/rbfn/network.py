"""The radial basis function network: units that answer to how near an input is to their centre.

    d_j = |x - c_j|          q_j = (d_j / s_j)²          distance from the centre, in widths
    h_j = f(q_j)             j = 1 .. units              one radial unit, the same in all directions
    y   = h W + b            logits, or the answer itself in regression

With the Gaussian f(q) = exp(-q / 2) a unit answers only around its centre: far from all of them y = b, whatever the
input, which is no estimate of anything but is the same everywhere. Given centres c and widths s, y is linear in W and
b, so that squared errors have their least in closed form (`learner.py`); everything is differentiable, too.

Sources: Broomhead and Lowe (1988), Multivariable functional interpolation and adaptive networks, Complex Systems 2,
https://www.complex-systems.com/abstracts/v02_i03_a05/; Moody and Darken (1989), Fast learning in networks of
locally-tuned processing units, Neural Computation 1, https://doi.org/10.1162/neco.1989.1.2.281
"""

import math
from collections.abc import Callable

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.reductions import sum_of_rows
from neuralzoo.core.blocks.shape import Flatten
from neuralzoo.core.layer import Context, Layer, Pullback, no_gradient
from neuralzoo.core.module import Array, Parameter
from neuralzoo.plugins.rbfn.config import RBFNConfig
from neuralzoo.registry import Task

Kernel = Callable[[Array, Array], Callable[[Array], object]]
"""From q, the squared distance in widths, it sets f(q) in the second array; what it returns sets df/dq in another."""


def gaussian(q: Array, f: Array) -> Callable[[Array], object]:
    """Fall to nothing within a few widths: f = exp(-q / 2), df/dq = -f / 2."""
    np.multiply(q, -0.5, out=f)
    np.exp(f, out=f)
    return lambda slope: np.multiply(f, -0.5, out=slope)


def inverse_quadratic(q: Array, f: Array) -> Callable[[Array], object]:
    """Fall with the square of the distance: f = 1 / (1 + q), df/dq = -f²."""
    np.add(q, 1, out=f)
    np.reciprocal(f, out=f)
    return lambda slope: np.multiply(f, -f, out=slope)


def inverse_multiquadric(q: Array, f: Array) -> Callable[[Array], object]:
    """Fall with the distance: f = 1 / sqrt(1 + q), df/dq = -f³ / 2."""
    np.add(q, 1, out=f)
    np.sqrt(f, out=f)
    np.reciprocal(f, out=f)
    return lambda slope: np.multiply(f * f, f * -0.5, out=slope)


def multiquadric(q: Array, f: Array) -> Callable[[Array], object]:
    """Grow with the distance: f = sqrt(1 + q), df/dq = 1 / (2 f)."""
    np.add(q, 1, out=f)
    np.sqrt(f, out=f)
    return lambda slope: np.divide(0.5, f, out=slope)


def cubic(q: Array, f: Array) -> Callable[[Array], object]:
    """Grow with the cube of the distance: f = q^(3/2), df/dq = 3/2 sqrt(q)."""
    root = np.sqrt(q)
    np.multiply(q, root, out=f)
    return lambda slope: np.multiply(root, 1.5, out=slope)


def thin_plate(q: Array, f: Array) -> Callable[[Array], object]:
    """Bend like a thin sheet: f = q log(q) / 2, df/dq = (log(q) + 1) / 2, and both 0 at the centre."""
    log = np.log(q, out=np.zeros_like(q), where=q > 0)
    np.multiply(q * log, 0.5, out=f)
    return lambda slope: np.copyto(slope, np.where(q > 0, (log + 1) * 0.5, q))


KERNELS: dict[str, Kernel] = {
    "gaussian": gaussian,
    "inverse_quadratic": inverse_quadratic,
    "inverse_multiquadric": inverse_multiquadric,
    "multiquadric": multiquadric,
    "cubic": cubic,
    "thin_plate": thin_plate,
}


def squared_distances(x: Array, c: Array, out: Array | None = None) -> Array:
    """Return the squared distances of all rows of x from all rows of c, in one matrix product.

        d² = |x - m|² - 2 (x - m)·(c - m) + |c - m|²  =  (-2 (x - m), |x - m|², 1)·(c - m, 1, |c - m|²)

    m is the mean of c: subtracting it changes no distance and keeps squares small, so that data far from the origin
    lose no digits; what rounding makes negative is 0. The result is written to `out`, if it is given.

    Shapes: x is (N, D), c is (H, D), d² is (N, H).
    """
    m = c.mean(axis=0)
    x, c = x - m, c - m
    left = np.concatenate([x * -2, squared_norms(x)[:, None], np.ones((len(x), 1), x.dtype)], axis=1)
    right = np.concatenate([c, np.ones((len(c), 1), c.dtype), squared_norms(c)[:, None]], axis=1)
    squares: Array = np.matmul(left, right.T, out=out)
    return np.clip(squares, 0, math.inf, out=squares)  # faster than `maximum`


def squared_norms(x: Array) -> Array:
    """Return the squared length of each row."""
    norms: Array = np.einsum("nd,nd->n", x, x)
    return norms


class RadialUnits(Layer):
    """Let each unit answer to how near its centre is.

        q = |x - c|² / s²          y = f(q)          s = exp(log_width)
        g = dy f'(q)               dlog_width = -2 sum of the rows of g q
        dx = 2 sum_j g_j / s_j² (x - c_j)            dc_j = 2 sum_n g_j / s_j² (c_j - x)

    Shapes: x is (N, inputs), y is (N, units); centres are (units, inputs), log_width is (units,) or (1,) if shared.
    Raises: ValueError when x has another number of columns.
    """

    def __init__(self, inputs: int, units: int, kernel: Kernel, rng: np.random.Generator, *, shared: bool) -> None:
        self.kernel = kernel
        self.centres = Parameter(rng.standard_normal((units, inputs), np.float32))
        # So wide that units reach each other in any number of dimensions.
        self.log_width = Parameter(np.full(1 if shared else units, math.log(2 * inputs) / 2, np.float32))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the units' answers and their pullback."""
        c, log_width = self.centres.value, self.log_width.value
        if x.ndim != 2 or x.shape[1] != c.shape[1]:
            raise ValueError(f"RadialUnits got x of shape {x.shape}; it needs (N, {c.shape[1]})")
        scale = np.exp(-2 * log_width)  # 1 / s²
        shape, dtype = (len(x), len(c)), np.result_type(x, c)
        q = squared_distances(x, c, out=ctx.empty(shape, dtype))
        q *= scale
        y = ctx.empty(shape, dtype)
        set_slope = self.kernel(q, y)

        def pull(dy: Array) -> Array:
            g = ctx.empty(shape, dtype)
            set_slope(g)
            g *= dy  # dL/dq
            by_unit = -2 * np.einsum("nh,nh->h", g, q)
            ctx.grads.add(self.log_width, by_unit if log_width.size > 1 else by_unit.sum(keepdims=True))
            g *= scale  # dL/d d²
            m = c.mean(axis=0)
            near, middle = x - m, c - m
            ctx.grads.add(self.centres, 2 * (sum_of_rows(g)[:, None] * middle - g.T @ near))
            if ctx.skips(x):
                return no_gradient(x)
            dx: Array = 2 * (g.sum(axis=1, keepdims=True) * near - g @ middle)
            return dx

        return y, pull


class RBFN(Layer):
    """Radial units, and a weighted sum of them.

    Shapes: x is (N, ...), each example is flattened to `inputs` numbers; y is (N, outputs).
    Raises: ValueError when an example has another number of values.
    """

    def __init__(self, inputs: int, outputs: int, config: RBFNConfig, rng: np.random.Generator) -> None:
        self.flatten = Flatten()
        self.units = RadialUnits(inputs, config.units, KERNELS[config.kernel], rng, shared=config.shared_width)
        self.output = Dense(config.units, outputs, rng)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the logits and their pullback."""
        rows, unflatten = self.flatten(x, ctx)
        h, through_units = self.units(rows, ctx)
        y, through_output = self.output(h, ctx)
        return y, lambda dy: unflatten(through_units(through_output(dy)))

    def features(self, x: Array) -> Array:
        """Return what the radial units answer, in evaluation mode.

        Shapes: x is (N, ...), the answers are (N, units).
        """
        return self.units.predict(x.reshape(len(x), -1))


def build(config: RBFNConfig, task: Task, rng: np.random.Generator) -> RBFN:
    """Build the network for a task."""
    return RBFN(math.prod(task.shape), task.outputs, config, rng)
