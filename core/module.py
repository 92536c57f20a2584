"""Parameters, and the modules that own, name, pack and save them."""

import copy
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from neuralzoo.core.inputs import Array as Array
from neuralzoo.core.inputs import as_array, as_floats, as_tokens

StateDict = dict[str, Array]


class Parameter:
    """An array that belongs to a module and is saved with it.

    `value` is changed in place only: an optimizer works on one vector of which it is a view.
    A parameter that is not `trainable` (a running mean, a frozen weight) is saved but gets no gradient.
    """

    __slots__ = ("trainable", "value")

    def __init__(self, value: Array, *, trainable: bool = True) -> None:
        self.value = value
        self.trainable = trainable

    def __repr__(self) -> str:
        return f"Parameter{self.value.shape}"


class Module:
    """Base class of everything that owns parameters, directly or through submodules.

    Parameters and submodules are found in the attributes (and in lists, tuples and dicts there), in the order in
    which they were set, and named by their path: `layers.0.weight`. A shared one keeps its first name.

    Integers that come in are numbers, and computed with as floats, unless it `reads_tokens`: a layer that looks up a
    vector for each token says so, in its class or for itself; of a network for a task with tokens the registry does.

    It is `trained` once it has learned from a batch or got its parameters from a state: a trainer then leaves out
    `Learner.prepare`, which would replace them.
    """

    reads_tokens: bool = False
    trained: bool = False

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield this module and its submodules with their dotted names, parents first."""
        yield prefix, self
        for name, child in _members(vars(self), prefix, Module):
            yield from child.named_modules(name)

    def named_parameters(self) -> dict[str, Parameter]:
        """Return every parameter once, by its dotted name."""
        found: dict[str, Parameter] = {}
        seen: set[Parameter] = set()
        for path, module in self.named_modules():
            for name, parameter in _members(vars(module), path, Parameter):
                if parameter not in seen:
                    seen.add(parameter)
                    found[name] = parameter
        return found

    @property
    def has_parameters(self) -> bool:
        """Whether there is any parameter, trainable or not."""
        if any(isinstance(value, Parameter) for value in vars(self).values()):  # decides for most layers
            return True
        return any(
            next(_members(vars(module), path, Parameter), None) is not None for path, module in self.named_modules()
        )

    def trainable_parameters(self) -> dict[str, Parameter]:
        """Return the trainable parameters by their dotted names."""
        return {name: p for name, p in self.named_parameters().items() if p.trainable}

    @property
    def is_frozen(self) -> bool:
        """Whether it has parameters and none of them is trainable: in training it then computes as in evaluation."""
        found = False
        for path, module in self.named_modules():
            for _, parameter in _members(vars(module), path, Parameter):
                if parameter.trainable:
                    return False
                found = True
        return found

    def freeze(self) -> Self:
        """Make no parameter trainable, before optimizers are made, and return the module."""
        for parameter in self.named_parameters().values():
            parameter.trainable = False
        return self

    @property
    def num_parameters(self) -> int:
        """Number of trainable parameters (scalars)."""
        return sum(p.value.size for p in self.trainable_parameters().values())

    @property
    def compute_dtype(self) -> np.dtype[Any] | None:
        """The dtype in which it computes, that of its floating-point parameters; None without any."""
        for path, module in self.named_modules():
            for _, parameter in _members(vars(module), path, Parameter):
                dtype: np.dtype[Any] = parameter.value.dtype
                if dtype.kind == "f":
                    return dtype
        return None

    def as_input(self, x: Any) -> Any:
        """Return x as the module reads it; an array that needs no change is returned itself.

        Integers, bool and floats of any size and byte order, in arrays or lists, become floats of `compute_dtype`.
        Tokens stay integers, and so does what a module passes on to a layer in it that reads tokens. Of a tuple the
        first is converted like that, and the others to arrays.

        Raises: ValueError when x is not made of numbers, or one is too large for the dtype.
        """
        name = type(self).__name__
        if isinstance(x, tuple) and x:
            return (self.as_input(x[0]), *(as_array(name, each) for each in x[1:]))
        if self.reads_tokens:
            return as_tokens(name, x)
        passes_on = any(module.reads_tokens for _, module in self.named_modules())
        return as_array(name, x) if passes_on else as_floats(name, x, self.compute_dtype)

    def pack(self) -> Array:
        """Lay all trainable parameters out in one vector, of which they become views, and return it.

        Raises: ValueError when the parameters have different dtypes.
        """
        parameters = list(self.trainable_parameters().values())
        if (vector := _vector_under(parameters)) is not None:
            return vector
        dtypes = sorted({str(p.value.dtype) for p in parameters})
        if len(dtypes) > 1:
            raise ValueError(f"{type(self).__name__} has parameters of {', '.join(dtypes)}; packing needs one dtype")
        vector = np.empty(sum(p.value.size for p in parameters), dtypes[0] if dtypes else np.float32)
        for parameter, view in zip(parameters, split(vector, parameters), strict=True):
            view[...] = parameter.value
            parameter.value = view
        return vector

    def state(self) -> StateDict:
        """Return a copy of every parameter by its dotted name."""
        return {name: p.value.copy() for name, p in self.named_parameters().items()}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Set every parameter from `state`; nothing is changed unless all of it fits.

        Raises: ValueError when a name is missing or unknown, or a shape differs.
        """
        load_arrays(type(self).__name__, {name: p.value for name, p in self.named_parameters().items()}, state)
        self.trained = True

    def astype(self, dtype: npt.DTypeLike) -> Self:
        """Convert every parameter to `dtype`, in this module, and return it."""
        for parameter in self.named_parameters().values():
            parameter.value = parameter.value.astype(dtype)
        return self

    def copy(self) -> Self:
        """Return an independent copy."""
        return copy.deepcopy(self)


def split(vector: Array, parameters: list[Parameter]) -> list[Array]:
    """Return consecutive views of a vector, one of the shape of each parameter."""
    starts = accumulate((p.value.size for p in parameters), initial=0)
    return [vector[i : i + p.value.size].reshape(p.value.shape) for i, p in zip(starts, parameters, strict=False)]


def load_arrays(owner: str, current: Mapping[str, Array], new: Mapping[str, Array]) -> None:
    """Write `new` into the arrays of `current` that have the same names, all or nothing.

    Raises: ValueError when a name is missing or unknown, a shape differs, or the dtype is of another kind.
    """
    if missing := sorted(current.keys() - new.keys()):
        raise ValueError(f"{owner} got no value for {_some(missing)}; it needs all of its {len(current)} arrays")
    if unknown := sorted(new.keys() - current.keys()):
        raise ValueError(f"{owner} got {_some(unknown)}, which it does not have; it has {_some(sorted(current))}")
    for name, array in current.items():
        if new[name].shape != array.shape:
            raise ValueError(f"{owner} got {name} of shape {new[name].shape}; it needs {array.shape}")
        if not np.can_cast(new[name].dtype, array.dtype, "same_kind"):
            raise ValueError(f"{owner} got {name} of {new[name].dtype}; it needs {array.dtype}")
    for name, array in current.items():
        array[...] = new[name]


def _members(value: Any, path: str, kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the instances of `kind` in nested dicts, lists and tuples, but not inside submodules."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        name = f"{path}.{key}" if path else str(key)
        if isinstance(item, kind):
            yield name, item
        elif isinstance(item, dict | list | tuple):
            yield from _members(item, name, kind)


def _vector_under(parameters: list[Parameter]) -> Array | None:
    """Return the vector of which the parameters are consecutive views, if they are."""
    base = parameters[0].value.base if parameters else None
    if not isinstance(base, np.ndarray) or base.ndim != 1 or base.dtype != parameters[0].value.dtype:
        return None
    address = base.ctypes.data
    for value in (parameter.value for parameter in parameters):
        if value.base is not base or value.ctypes.data != address or not value.flags.c_contiguous:
            return None
        address += value.nbytes
    return base if address == base.ctypes.data + base.nbytes else None


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
