"""What a layer is: a function that returns its output and its pullback."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from neuralzoo.core import buffers
from neuralzoo.core.buffers import Workspace
from neuralzoo.core.inputs import FLOAT32, predict_rows
from neuralzoo.core.module import Array, Module, Parameter, split

__all__ = [
    "Context",
    "Gradients",
    "Layer",
    "Pullback",
    "ScatterAdd",
    "Workspace",
    "unrecorded_pullback",
    "zero_grad_like",
]

Pullback = Callable[[Array], Array]
ScatterAdd = Callable[[Array, Array, Array], object]


class Gradients:
    """Gradients of a module's trainable parameters: one vector, with a view of it for each parameter.

    The vector is laid out like the one of `Module.pack`. Without a module, gradients are accepted and discarded.
    """

    def __init__(self, module: Module | None = None) -> None:
        self.enabled = module is not None
        self._frozen = {} if module is None else {id(each): each.is_frozen for _, each in module.named_modules()}
        self.parameters = [] if module is None else list(module.trainable_parameters().values())
        self._vector = np.zeros_like(np.empty(0, np.float32) if module is None else module.pack())
        self._views = dict(zip(self.parameters, split(self._vector, self.parameters), strict=True))
        self._written: set[Parameter] = set()

    @property
    def vector(self) -> Array:
        """All gradients in one vector, zero where none was added."""
        for parameter in self._views.keys() - self._written:
            self[parameter].fill(0)
        return self._vector

    def zero(self) -> None:
        """Set all gradients to zero."""
        self._written.clear()

    def __getitem__(self, parameter: Parameter) -> Array:
        """Return the gradient of a parameter, to be read or added to in place."""
        view = self._views[parameter]
        if parameter not in self._written:
            view.fill(0)
            self._written.add(parameter)
        return view

    def add(self, parameter: Parameter, value: Array) -> None:
        """Add to the gradient of a parameter.

        Raises: KeyError when the parameter belongs to another module.
        """
        if (view := self._view(parameter)) is None:
            return
        if parameter in self._written:
            view += value
        else:
            view[...] = value
            self._written.add(parameter)

    def add_product(self, parameter: Parameter, a: Array, b: Array) -> None:
        """Add the matrix product a @ b to the gradient of a parameter, which must be a matrix."""
        if (view := self._view(parameter)) is None:
            return
        if parameter in self._written:
            view += a @ b
        else:
            np.matmul(a, b, out=view)
            self._written.add(parameter)

    def scatter_add(self, parameter: Parameter, rows: Array, values: Array, add: ScatterAdd = np.add.at) -> None:
        """Add `values` to rows of a gradient, accumulating where a row index repeats (scatter-add)."""
        if self._view(parameter) is not None:
            add(self[parameter], rows, values)

    def freezes(self, module: Module) -> bool:
        """Return whether a module is frozen; of those with gradients here it is known, without counting anew."""
        known = self._frozen.get(id(module))
        return module.is_frozen if known is None else known

    def _view(self, parameter: Parameter) -> Array | None:
        view = self._views.get(parameter)
        if view is None and self.enabled and parameter.trainable:
            raise KeyError(f"Gradients got {parameter} of another module; they need one of their {len(self._views)}")
        return view


DISCARD = Gradients()
OF_NOTHING = Gradients(Module())
"""Gradients of no parameters: with them a pass records its pullback."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a pass through a network needs besides its input: mode, random generator, gradients, workspace.

    `Context()` is evaluation mode. `inputs_without_grad` is the array whose gradient is not needed, usually the
    examples: the layer that reads it may leave dL/dx out (see `needs_grad`).
    """

    training: bool = False
    rng: np.random.Generator | None = None
    grads: Gradients = DISCARD
    inputs_without_grad: Array | None = None
    workspace: Workspace | None = None

    @property
    def recording(self) -> bool:
        """Whether the pullback may be called: in training mode, or when gradients are collected."""
        return self.training or self.grads.enabled

    @property
    def random(self) -> np.random.Generator:
        """The random generator.

        Raises: ValueError when the context has none.
        """
        if self.rng is None:
            raise ValueError("Context has no random generator; a layer that draws needs Context(rng=default_rng(seed))")
        return self.rng

    def of(self, module: Module) -> "Context":
        """Return the context of a pass through a part: a frozen one is passed as in evaluation, and recorded.

        Its batch statistics stay, and nothing is dropped. `Layer.__call__` is always given this context; a method
        beside it that draws at random, or passes other layers, starts with `ctx = ctx.of(self)`.
        """
        if not self.training or not self.grads.freezes(module):
            return self
        return replace(self, training=False, grads=self.grads if self.grads.enabled else OF_NOTHING)

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return an uninitialized array, valid until the next training step; in evaluation without limit."""
        return buffers.empty(shape, dtype) if self.workspace is None else self.workspace.empty(shape, dtype)

    def needs_grad(self, x: Array) -> bool:
        """Whether dL/dx is needed: x is neither `inputs_without_grad` nor a view of it."""
        without = self.inputs_without_grad
        return without is None or (x is not without and x.base is not without)


class Layer(Module, ABC):
    """A module that is a function of one array.

        y, pull = layer(x, ctx)          dx = pull(dy)

    `pull` takes dL/dy, adds the gradients of the layer's parameters to `ctx.grads` and returns dL/dx. Everything it
    needs is in its closure: a layer keeps no state but its parameters, computes in the dtype of x, and never modifies
    x or dy. Instead of one array x may be a tuple; dL/dx is then of its first array (the others: lengths).

    `__call__` gets x as `as_input` returns it: float32, or the dtype of the parameters (float64 in gradient checks),
    whatever the caller has, and integers only if the layer or one in it sets `reads_tokens = True`.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "__call__" in vars(cls):
            setattr(cls, "__call__", _with_inputs_converted(cls.__call__))  # noqa: B010 - mypy: a method is assigned

    @abstractmethod
    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the output and the function from dL/d output to dL/d input."""

    def predict(self, x: Any) -> Array:
        """Return the output in evaluation mode; x is what `as_input` takes, and may have no examples."""
        return predict_rows(lambda x: self(x, Context())[0], self.as_input(x))


Call = Callable[[Any, Any, Context], tuple[Array, Pullback]]


def _with_inputs_converted(call: Call) -> Call:
    """Return a layer's `__call__` behind the door at which inputs are converted; float32 goes through at once.

    There a frozen layer gets the context of evaluation, too (see `Context.of`).
    """

    ndarray = np.ndarray  # a local name, for speed

    @wraps(call)
    def converting_call(self: Layer, x: Any, ctx: Context) -> tuple[Array, Pullback]:
        if ctx.training and ctx.grads.freezes(self):
            ctx = ctx.of(self)
        if type(x) is ndarray and x.dtype is FLOAT32 and not self.reads_tokens:
            return call(self, x, ctx)
        first = x[0] if type(x) is tuple and x else x
        converted = self.as_input(x)
        new = converted[0] if type(converted) is tuple else converted
        if new is not first and isinstance(first, ndarray) and not ctx.needs_grad(first):
            ctx = replace(ctx, inputs_without_grad=new)
        return call(self, converted, ctx)

    return converting_call


def zero_grad_like(x: Array) -> Array:
    """Return zeros of the shape of x that take no memory: stands in for a gradient that is not needed."""
    return np.ndarray(x.shape, x.dtype, bytes(x.itemsize), strides=(0,) * x.ndim)  # quicker than `broadcast_to`


def unrecorded_pullback(*gradients: object) -> NoReturn:
    """Raise a RuntimeError: the pullback, of any number of gradients, of a pass that recorded nothing."""
    raise RuntimeError("the pullback of an evaluation pass was called; it needs Context(training=True) or grads")
