"""The radial basis function network: a linear combination of functions of the distance from centres.

    d_j = |x - c_j|          q_j = (d_j / s_j)²          distance from the centre, in widths
    h_j = f(q_j)             j = 1 .. units              radial unit
    y   = h W + b            logits, or the prediction itself in regression

The Gaussian f(q) = exp(-q / 2) is local: far from all centres y = b for every input. Given centres c and widths s, y is
linear in W and b, so that the least squares are found in closed form (`learner.py`); everything is differentiable, too.

Sources: Broomhead and Lowe (1988), Multivariable functional interpolation and adaptive networks, Complex Systems 2,
https://www.complex-systems.com/abstracts/v02_i03_a05/; Moody and Darken (1989), Fast learning in networks of
locally-tuned processing units, Neural Computation 1, https://doi.org/10.1162/neco.1989.1.2.281
"""

import math
from collections.abc import Callable

import numpy as np

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.reductions import sum_leading_axes
from neuralzoo.core.blocks.shape import Flatten
from neuralzoo.core.layer import Context, Layer, Pullback, zero_grad_like
from neuralzoo.core.module import Array, Parameter
from neuralzoo.plugins.rbfn.config import RBFNConfig
from neuralzoo.registry import Task

BasisFunction = Callable[[Array, Array], Callable[[Array], object]]
"""Of (q, f): writes f(q) into the second array, and returns a function that writes df/dq into its argument."""


def gaussian(q: Array, f: Array) -> Callable[[Array], object]:
    """Gaussian: f = exp(-q / 2), df/dq = -f / 2."""
    np.multiply(q, -0.5, out=f)
    np.exp(f, out=f)
    return lambda slope: np.multiply(f, -0.5, out=slope)


def inverse_quadratic(q: Array, f: Array) -> Callable[[Array], object]:
    """Inverse quadratic: f = 1 / (1 + q), df/dq = -f²."""
    np.add(q, 1, out=f)
    np.reciprocal(f, out=f)
    return lambda slope: np.multiply(f, -f, out=slope)


def inverse_multiquadric(q: Array, f: Array) -> Callable[[Array], object]:
    """Inverse multiquadric: f = 1 / sqrt(1 + q), df/dq = -f³ / 2."""
    np.add(q, 1, out=f)
    np.sqrt(f, out=f)
    np.reciprocal(f, out=f)
    return lambda slope: np.multiply(f * f, f * -0.5, out=slope)


def multiquadric(q: Array, f: Array) -> Callable[[Array], object]:
    """Multiquadric: f = sqrt(1 + q), df/dq = 1 / (2 f)."""
    np.add(q, 1, out=f)
    np.sqrt(f, out=f)
    return lambda slope: np.divide(0.5, f, out=slope)


def cubic(q: Array, f: Array) -> Callable[[Array], object]:
    """Cubic: f = q^(3/2), df/dq = 3/2 sqrt(q)."""
    root = np.sqrt(q)
    np.multiply(q, root, out=f)
    return lambda slope: np.multiply(root, 1.5, out=slope)


def thin_plate(q: Array, f: Array) -> Callable[[Array], object]:
    """Thin-plate spline: f = q log(q) / 2, df/dq = (log(q) + 1) / 2, and both 0 at the centre."""
    log = np.log(q, out=np.zeros_like(q), where=q > 0)
    np.multiply(q * log, 0.5, out=f)
    return lambda slope: np.copyto(slope, np.where(q > 0, (log + 1) * 0.5, q))


BASIS_FUNCTIONS: dict[str, BasisFunction] = {
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
    lose no precision; negative results of rounding become 0. The result is written to `out`, if it is given.

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
    """Radial units: a basis function of the distance of the input from each centre.

        q = |x - c|² / s²          y = f(q)          s = exp(log_width)
        g = dy f'(q)               dlog_width = -2 sum of the rows of g q
        dx = 2 sum_j g_j / s_j² (x - c_j)            dc_j = 2 sum_n g_j / s_j² (c_j - x)

    Shapes: x is (N, inputs), y is (N, units); centres are (units, inputs), log_width is (units,) or (1,) if shared.
    Raises: ValueError when x has another number of columns.
    """

    def __init__(
        self, inputs: int, units: int, basis: BasisFunction, rng: np.random.Generator, *, shared: bool
    ) -> None:
        self.basis = basis
        self.centres = Parameter(rng.standard_normal((units, inputs), np.float32))
        # Wide enough for units to overlap in any number of dimensions.
        self.log_width = Parameter(np.full(1 if shared else units, math.log(2 * inputs) / 2, np.float32))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the units' outputs and their pullback."""
        c, log_width = self.centres.value, self.log_width.value
        if x.ndim != 2 or x.shape[1] != c.shape[1]:
            raise ValueError(f"RadialUnits got x of shape {x.shape}; it needs (N, {c.shape[1]})")
        scale = np.exp(-2 * log_width)  # 1 / s²
        shape, dtype = (len(x), len(c)), np.result_type(x, c)
        q = squared_distances(x, c, out=ctx.empty(shape, dtype))
        q *= scale
        y = ctx.empty(shape, dtype)
        set_slope = self.basis(q, y)

        def pull(dy: Array) -> Array:
            g = ctx.empty(shape, dtype)
            set_slope(g)
            g *= dy  # dL/dq
            by_unit = -2 * np.einsum("nh,nh->h", g, q)
            ctx.grads.add(self.log_width, by_unit if log_width.size > 1 else by_unit.sum(keepdims=True))
            g *= scale  # dL/d d²
            m = c.mean(axis=0)
            near, middle = x - m, c - m
            ctx.grads.add(self.centres, 2 * (sum_leading_axes(g)[:, None] * middle - g.T @ near))
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            dx: Array = 2 * (g.sum(axis=1, keepdims=True) * near - g @ middle)
            return dx

        return y, pull


class RBFN(Layer):
    """Radial basis function network: radial units and a linear layer.

    Shapes: x is (N, ...), each example is flattened to `inputs` features; y is (N, outputs).
    Raises: ValueError when an example has another number of values.
    """

    def __init__(self, inputs: int, outputs: int, config: RBFNConfig, rng: np.random.Generator) -> None:
        self.flatten = Flatten()
        self.units = RadialUnits(inputs, config.units, BASIS_FUNCTIONS[config.basis], rng, shared=config.shared_width)
        self.output = Dense(config.units, outputs, rng)

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the logits and their pullback."""
        rows, unflatten = self.flatten(x, ctx)
        h, pull_units = self.units(rows, ctx)
        y, pull_output = self.output(h, ctx)
        return y, lambda dy: unflatten(pull_units(pull_output(dy)))

    def features(self, x: Array) -> Array:
        """Return the outputs of the radial units, in evaluation mode.

        Shapes: x is (N, ...), the features are (N, units).
        """
        x = self.as_input(x)
        return self.units.predict(x.reshape(len(x), math.prod(x.shape[1:])))


def build(config: RBFNConfig, task: Task, rng: np.random.Generator) -> RBFN:
    """Build the network for a task."""
    return RBFN(math.prod(task.shape), task.outputs, config, rng)
