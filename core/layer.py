"""What a layer is: a function that returns its output and its pullback."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neuralzoo.core import buffers as memory
from neuralzoo.core.buffers import Workspace
from neuralzoo.core.module import Array, Module, Parameter, split

__all__ = ["AddRows", "Context", "Gradients", "Layer", "Pullback", "Workspace", "no_gradient", "no_pullback"]

Pullback = Callable[[Array], Array]
AddRows = Callable[[Array, Array, Array], object]


class Gradients:
    """The gradients of a module's trainable parameters: one vector, with a view of it for each parameter.

    The vector is laid out like the one of `Module.pack`. Without a module it accepts gradients and drops them.
    """

    def __init__(self, module: Module | None = None) -> None:
        self.wanted = module is not None
        self.parameters = [] if module is None else list(module.trainable().values())
        self._vector = np.zeros_like(np.empty(0, np.float32) if module is None else module.pack())
        self._views = dict(zip(self.parameters, split(self._vector, self.parameters), strict=True))
        self._written: set[Parameter] = set()

    @property
    def vector(self) -> Array:
        """All gradients in one vector; those that nothing was added to are zero."""
        for parameter in self._views.keys() - self._written:
            self[parameter].fill(0)
        return self._vector

    def zero(self) -> None:
        """Forget what was added."""
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

    def add_at(self, parameter: Parameter, rows: Array, values: Array, add: AddRows = np.add.at) -> None:
        """Add values to the rows of a gradient that are named, to one that is named twice both of them."""
        if self._view(parameter) is not None:
            add(self[parameter], rows, values)

    def _view(self, parameter: Parameter) -> Array | None:
        view = self._views.get(parameter)
        if view is None and self.wanted and parameter.trainable:
            raise KeyError(f"Gradients got {parameter} of another module; they need one of their {len(self._views)}")
        return view


NOBODYS = Gradients()


@dataclass(frozen=True, slots=True)
class Context:
    """What a pass through a network needs besides its input: the mode, randomness, and where gradients go.

    `Context()` is evaluation. `data` is the array that no gradient is asked for, usually the examples: the layer
    that reads it may leave that gradient out (see `skips`).
    """

    training: bool = False
    rng: np.random.Generator | None = None
    grads: Gradients = NOBODYS
    data: Array | None = None
    workspace: Workspace | None = None

    @property
    def recording(self) -> bool:
        """Whether a pullback may be called: composites keep theirs only then."""
        return self.training or self.grads.wanted

    @property
    def random(self) -> np.random.Generator:
        """The random generator; a context that was made without one raises ValueError."""
        if self.rng is None:
            raise ValueError("Context has no random generator; a layer that draws needs Context(rng=default_rng(seed))")
        return self.rng

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return an array whose values are not set, valid until the next training step; in evaluation for good."""
        return memory.empty(shape, dtype) if self.workspace is None else self.workspace.empty(shape, dtype)

    def skips(self, x: Array) -> bool:
        """Whether nobody asks for the gradient of x: it is the data, or a view of it."""
        return self.data is not None and (x is self.data or x.base is self.data)


class Layer(Module, ABC):
    """A module that is a function of one array.

        y, pull = layer(x, ctx)          dx = pull(dy)

    `pull` takes dL/dy, adds the gradients of the layer's parameters to `ctx.grads` and returns dL/dx. Everything it
    needs is in its closure: a layer keeps no state but its parameters, computes in the dtype of x, and never edits x
    or dy. Instead of one array x may be a tuple, whose first array is the one that dL/dx is of (the others: lengths).
    """

    @abstractmethod
    def __call__(self, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        """Return the output and the function from dL/d output to dL/d input."""

    def predict(self, x: Array) -> Array:
        """Return the output in evaluation mode."""
        return self(x, Context())[0]


def no_gradient(x: Array) -> Array:
    """Return zeros of the shape of x that take no memory: the gradient that nobody asks for."""
    return np.ndarray(x.shape, x.dtype, bytes(x.itemsize), strides=(0,) * x.ndim)  # quicker than `broadcast_to`


def no_pullback(dy: Array) -> Array:
    """Raise a RuntimeError: stands in for the pullback of a pass that recorded nothing."""
    raise RuntimeError("the pullback of an evaluation pass was called; it needs Context(training=True) or grads")
