"""Probes: contexts, gradients, workspaces and neighbouring layers that reveal what a layer does wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neuralzoo.core.layer import Context, Gradients, Layer, Pullback, ScatterAdd, Workspace
from neuralzoo.core.module import Array, Module, Parameter
from neuralzoo.core.testing.checks import NotApplicable, require
from neuralzoo.core.testing.inputs import each, first_of, with_first

MOST_ENTRIES = 100
SEED = 20240607


@dataclass(frozen=True)
class LayerCase:
    """A layer to check: how to make a fresh one, and an example input whose first axis is that of examples.

    The input is an array, or a tuple of arrays; dL/dx is of the first one.
    """

    make: Callable[[np.random.Generator], Layer]
    x: Any
    most_entries: int = MOST_ENTRIES

    def layer(self, dtype: npt.DTypeLike = np.float32, seed: int = 0) -> Layer:
        """Return a fresh layer with perturbed parameters."""
        layer = self.make(np.random.default_rng([SEED, seed])).astype(dtype)
        perturb(layer, seed)
        return layer

    def input(self, dtype: npt.DTypeLike = np.float32) -> Any:
        """Return a fresh copy of the input, its first array in the dtype; integers stay integers."""
        x = each(np.copy, self.x)
        return with_first(x, first_of(x).astype(dtype)) if self.differentiable else x

    @property
    def differentiable(self) -> bool:
        """Whether the input is floating-point, so that there is a derivative with respect to it."""
        return first_of(self.x).dtype.kind == "f"


def perturb(module: Module, seed: int = 0) -> None:
    """Perturb the parameters: at special values such as zero wrong gradients can go unnoticed."""
    rng = np.random.default_rng([SEED, 1, seed])
    for parameter in module.trainable_parameters().values():
        parameter.value += (0.05 * rng.standard_normal(parameter.value.shape)).astype(parameter.value.dtype)


def context(module: Module | None = None, *, training: bool = True, leaf: Array | None = None) -> Context:
    """Return a context with a freshly seeded generator, so that every pass draws the same; no gradient of `leaf`."""
    return Context(
        training=training, rng=np.random.default_rng(SEED), grads=Gradients(module), inputs_without_grad=leaf
    )


def random_cotangent(like: Array, seed: int = 0) -> Array:
    """Return a random dy of the shape and dtype of an array."""
    return np.random.default_rng([SEED, 2, seed]).standard_normal(like.shape).astype(like.dtype)


def mode(training: bool) -> str:
    """Return the name of a mode."""
    return "training" if training else "evaluation"


def expect_equal(got: Array, needed: Array, message: str, tolerance: float = 0.0) -> None:
    """Raise CheckFailedError with the message unless the arrays agree in shape and, to the tolerance, in value."""
    same = got.shape == needed.shape and (
        np.array_equal(got, needed, equal_nan=got.dtype.kind == "f")
        if tolerance == 0
        else np.allclose(got, needed, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(needed).max(initial=0))))
    )
    require(same, message)


def require_dtype(what: str, array: Array, dtype: npt.DTypeLike) -> None:
    """Raise CheckFailedError unless an array has the dtype of the input."""
    require(
        array.dtype == dtype,
        f"{what} is {array.dtype} where {np.dtype(dtype)} came in; use Python numbers and math.sqrt instead of NumPy "
        f"scalars, and the input's dtype for new arrays",
    )


def require_same_state(module: Module, before: Mapping[str, Array], message: str) -> None:
    """Raise CheckFailedError with the message unless the parameters are unchanged."""
    after = module.state()
    for name, array in before.items():
        expect_equal(after[name], array, message.format(name))


def need_float_input(case: LayerCase) -> None:
    """Raise NotApplicable where the input is not differentiable."""
    if not case.differentiable:
        raise NotApplicable("the input is integers, which have no derivative")


def need_parameters(module: Module) -> None:
    """Raise NotApplicable where there are no trainable parameters."""
    if not module.trainable_parameters():
        raise NotApplicable("there are no trainable parameters")


def outputs_and_gradients(
    layer: Layer, x: Any, workspace: Workspace | None = None, *, collect: bool = True, training: bool = True
) -> dict[str, Array]:
    """Return copies of the output and all gradients of a training pass, or of one in evaluation."""
    ctx = replace(context(layer if collect else None, training=training), workspace=workspace)
    y, pull = layer(x, ctx)
    output = y.copy()
    dx = pull(random_cotangent(y))
    return {"output": output, "input gradient": np.array(dx), "parameter gradients": ctx.grads.vector.copy()}


class DtypeGradients(Gradients):
    """Gradients that accept values of the parameters' dtype only."""

    def add(self, parameter: Parameter, value: Array) -> None:
        """Add, if the dtype is right."""
        self._check(parameter, value)
        super().add(parameter, value)

    def add_product(self, parameter: Parameter, a: Array, b: Array) -> None:
        """Add the product, if the dtypes are right."""
        self._check(parameter, a, b)
        super().add_product(parameter, a, b)

    def scatter_add(self, parameter: Parameter, rows: Array, values: Array, add: ScatterAdd = np.add.at) -> None:
        """Add to rows, if the dtype is right."""
        self._check(parameter, values)
        super().scatter_add(parameter, rows, values, add)

    def _check(self, parameter: Parameter, *values: Array) -> None:
        for value in values:
            require(
                value.dtype == parameter.value.dtype,
                f"{parameter} of {parameter.value.dtype} got a gradient computed in {value.dtype}; keep the dtype: "
                f"use Python numbers and math.sqrt, not NumPy scalars of float64",
            )


class DirtyWorkspace(Workspace):
    """A workspace whose arrays hold stale values, as after an earlier step."""

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Lend an array of stale values."""
        array = super().empty(shape, dtype)
        array.fill(np.nan if array.dtype.kind == "f" else 85)
        return array


class NonlinearProbe(Layer):
    """Smooth nonlinear layer, feature by feature; its outputs and gradients are read-only strided views.

        y = tanh(gain * x) + x / 2          dL/dx = (gain * (1 - tanh(gain * x)^2) + 1/2) * dL/dy

    Shapes: x and y have the same; gain is (D,) for x of (..., D).
    """

    def __init__(self, features: int, rng: np.random.Generator) -> None:
        self.gain = Parameter(rng.uniform(0.5, 1.5, features))

    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return y and its pullback."""
        gain = self.gain.value
        t = np.tanh(gain * x)

        def pull(dy: Array) -> Array:
            slope = (1 - t * t) * dy
            ctx.grads.add(self.gain, (slope * x).reshape(-1, x.shape[-1]).sum(axis=0))
            return strided_copy(gain * slope + dy / 2)

        return strided_copy(t + x / 2), pull


def strided_copy(array: Array) -> Array:
    """Return equal values in a read-only, non-contiguous view."""
    wide = np.full((*array.shape, 2), np.nan if array.dtype.kind == "f" else 0, array.dtype)
    wide[..., 0] = array
    view = wide[..., 0]
    view.flags.writeable = False
    return view


class Sandwich(Layer):
    """A layer between two others, as in a network; the one before reads the first array only."""

    def __init__(self, before: Layer | None, layer: Layer, after: Layer) -> None:
        self.before = before
        self.layer = layer
        self.after = after

    def __call__(self, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        """Return the output of the last layer and the pullback through all."""
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
    """Describe all attributes of a module and its submodules, except the values of parameters."""
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
