"""What checks look at a layer with: contexts, gradients and workspaces that notice things, and neighbours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzoo.core.layer import AddRows, Context, Gradients, Layer, Pullback, Workspace
from neuralzoo.core.module import Array, Module, Parameter
from neuralzoo.core.testing.checks import NotApplicable, require
from neuralzoo.core.testing.inputs import each, first_of, with_first

MOST_ENTRIES = 100
SEED = 20240607


@dataclass(frozen=True)
class LayerCase:
    """A layer to check: how to make a fresh one, and an example input whose first axis counts examples.

    The input is an array, or a tuple of arrays of which the first is the one that dL/dx is of.
    """

    make: Callable[[np.random.Generator], Layer]
    x: Any
    most_entries: int = MOST_ENTRIES

    def layer(self, dtype: npt.DTypeLike = np.float32, seed: int = 0) -> Layer:
        """Return a fresh layer whose parameters are moved off special values such as zero."""
        layer = self.make(np.random.default_rng([SEED, seed])).astype(dtype)
        unsettle(layer, seed)
        return layer

    def input(self, dtype: npt.DTypeLike = np.float32) -> Any:
        """Return a fresh copy of the example, its first array in the dtype; whole numbers stay whole."""
        x = each(np.copy, self.x)
        return with_first(x, first_of(x).astype(dtype)) if self.differentiable else x

    @property
    def differentiable(self) -> bool:
        """Whether the input is real numbers, so that there is a derivative with respect to it."""
        return first_of(self.x).dtype.kind == "f"


def unsettle(module: Module, seed: int = 0) -> None:
    """Move the parameters a little, off special values such as zero, where wrong gradients can hide."""
    rng = np.random.default_rng([SEED, 1, seed])
    for parameter in module.trainable().values():
        parameter.value += (0.05 * rng.standard_normal(parameter.value.shape)).astype(parameter.value.dtype)


def context(module: Module | None = None, *, training: bool = True, data: Array | None = None) -> Context:
    """Return a context with a freshly seeded generator, so that every evaluation draws the same."""
    return Context(training=training, rng=np.random.default_rng(SEED), grads=Gradients(module), data=data)


def direction(like: Array, seed: int = 0) -> Array:
    """Return random numbers of the shape and dtype of an array: a dy to pull back."""
    return np.random.default_rng([SEED, 2, seed]).standard_normal(like.shape).astype(like.dtype)


def mode(training: bool) -> str:
    """Name a mode."""
    return "training" if training else "evaluation"


def expect_equal(got: Array, needed: Array, message: str, tolerance: float = 0.0) -> None:
    """Raise CheckFailed with the message unless the arrays agree in shape and, to the tolerance, in value."""
    same = got.shape == needed.shape and (
        np.array_equal(got, needed, equal_nan=got.dtype.kind == "f")
        if tolerance == 0
        else np.allclose(got, needed, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(needed).max(initial=0))))
    )
    require(same, message)


def require_dtype(what: str, array: Array, dtype: npt.DTypeLike) -> None:
    """Raise CheckFailed unless an array has the dtype of what came in."""
    require(
        array.dtype == dtype,
        f"{what} is {array.dtype} where {np.dtype(dtype)} came in; use Python numbers and math.sqrt instead of NumPy "
        f"scalars, and the input's dtype for new arrays",
    )


def require_same_state(module: Module, before: Mapping[str, Array], message: str) -> None:
    """Raise CheckFailed with the message unless parameters are what they were."""
    after = module.state()
    for name, array in before.items():
        expect_equal(after[name], array, message.format(name))


def need_float_input(case: LayerCase) -> None:
    """Skip what is about the derivative with respect to the input where there is none."""
    if not case.differentiable:
        raise NotApplicable("the input is whole numbers, which have no derivative")


def need_parameters(module: Module) -> None:
    """Skip what is about trainable parameters where there are none."""
    if not module.trainable():
        raise NotApplicable("there are no trainable parameters")


def everything(layer: Layer, x: Any, workspace: Workspace | None = None, *, collect: bool = True) -> dict[str, Array]:
    """Return copies of all that a training pass and its pullback give."""
    ctx = replace(context(layer if collect else None), workspace=workspace)
    y, pull = layer(x, ctx)
    output = y.copy()
    dx = pull(direction(y))
    return {"output": output, "input gradient": np.array(dx), "parameter gradients": ctx.grads.vector.copy()}


class DtypeGradients(Gradients):
    """Gradients that refuse values of another dtype than the parameters'."""

    def add(self, parameter: Parameter, value: Array) -> None:
        """Add, if the dtype is right."""
        self._check(parameter, value)
        super().add(parameter, value)

    def add_product(self, parameter: Parameter, a: Array, b: Array) -> None:
        """Add the product, if the dtypes are right."""
        self._check(parameter, a, b)
        super().add_product(parameter, a, b)

    def add_at(self, parameter: Parameter, rows: Array, values: Array, add: AddRows = np.add.at) -> None:
        """Add to rows, if the dtype is right."""
        self._check(parameter, values)
        super().add_at(parameter, rows, values, add)

    def _check(self, parameter: Parameter, *values: Array) -> None:
        for value in values:
            require(
                value.dtype == parameter.value.dtype,
                f"{parameter} of {parameter.value.dtype} got a gradient computed in {value.dtype}; keep the dtype: "
                f"use Python numbers and math.sqrt, not NumPy scalars of float64",
            )


class DirtyWorkspace(Workspace):
    """A workspace whose arrays are full of what an earlier step left."""

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Lend an array of values that nobody may rely on."""
        array = super().empty(shape, dtype)
        array.fill(np.nan if array.dtype.kind == "f" else 85)
        return array


class Bend(Layer):
    """A smooth curve for each feature; its outputs and gradients are views with gaps that can't be written to.

        y = tanh(gain * x) + x / 2          dL/dx = (gain * (1 - tanh(gain * x)^2) + 1/2) * dL/dy

    Shapes: x and y have the same; gain is (D,) for x of (..., D).
    """

    def __init__(self, features: int, rng: np.random.Generator) -> None:
        self.gain = Parameter(rng.uniform(0.5, 1.5, features))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the curve's values."""
        gain = self.gain.value
        t = np.tanh(gain * x)

        def pull(dy: Array) -> Array:
            slope = (1 - t * t) * dy
            ctx.grads.add(self.gain, (slope * x).reshape(-1, x.shape[-1]).sum(axis=0))
            return spread(gain * slope + dy / 2)

        return spread(t + x / 2), pull


def spread(array: Array) -> Array:
    """Return equal values in a read-only view whose entries do not lie side by side."""
    wide = np.full((*array.shape, 2), np.nan if array.dtype.kind == "f" else 0, array.dtype)
    wide[..., 0] = array
    view = wide[..., 0]
    view.flags.writeable = False
    return view


class Between(Layer):
    """A layer with a neighbour on each side, as it stands in a network; the one before reads the first array only."""

    def __init__(self, before: Layer | None, layer: Layer, after: Layer) -> None:
        self.before = before
        self.layer = layer
        self.after = after

    def __call__(self, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        """Return what comes out behind the last of them."""
        pulls: list[Pullback] = []
        if self.before is not None:
            bent, pull = self.before(first_of(x), ctx)
            x = with_first(x, bent)
            pulls.append(pull)
        for layer in (self.layer, self.after):
            x, pull = layer(x, ctx)
            pulls.append(pull)

        def pull_all(dy: Array) -> Array:
            for pull in reversed(pulls):
                dy = pull(dy)
            return dy

        return x, pull_all


def attributes(module: Module) -> dict[str, Any]:
    """Describe everything that hangs on a module and those below it, except the values of parameters."""
    return {
        f"{path}.{name}".lstrip("."): _describe(value)
        for path, part in module.named_modules()
        for name, value in vars(part).items()
    }


def _describe(value: Any) -> Any:
    if isinstance(value, Parameter | Module):
        return id(value)
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, dict):
        return [(key, _describe(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_describe(item) for item in value]
    return id(value) if hasattr(value, "__dict__") else repr(value)
