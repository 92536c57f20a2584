"""Kernels with two backends: NumPy, which is always there, and numba, which compiles them if it is installed.

Both backends have the same functions with the same arguments, whose results are equal up to rounding. The environment
variable NEURALZOO_KERNELS=numpy or numba selects the backend; without it numba is used where it is installed
(`pip install "neuralzoo[kernels]"`). Nothing is imported or compiled before the first use.
"""

import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

VARIABLE = "NEURALZOO_KERNELS"
BACKENDS = {"numpy": "neuralzoo.core.kernels.numpy_backend", "numba": "neuralzoo.core.kernels.numba_backend"}


class UnknownBackendError(ValueError):
    """The environment names a backend that is unknown or not installed."""


def select_backend(name: str | None = None) -> str:
    """Return the name of the backend: the given one, else numba where it is installed, else numpy.

    Raises: UnknownBackendError when the name is unknown, or is numba and numba is not installed.
    """
    installed = find_spec("numba") is not None
    if name in (None, ""):
        return "numba" if installed else "numpy"
    if name not in BACKENDS:
        raise UnknownBackendError(f"{VARIABLE} is {name!r}; it needs {' or '.join(BACKENDS)}")
    if name == "numba" and not installed:
        raise UnknownBackendError(
            f"{VARIABLE} is numba, which is not installed; it needs `pip install 'neuralzoo[kernels]'`"
        )
    return name


@cache
def backend() -> str:
    """Return the name of the backend in use, selected once, at the first use.

    Raises: UnknownBackendError when the environment names an unknown one.
    """
    return select_backend(os.environ.get(VARIABLE))


class Kernel:
    """A function of the backend in use, looked up at the first call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.function: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the backend's function."""
        if self.function is None:
            self.function = getattr(import_module(BACKENDS[backend()]), self.name)
        return self.function(*arguments)


adam = Kernel("adam")
scatter_add_rows = Kernel("scatter_add_rows")
relu_backward = Kernel("relu_backward")
gelu_tanh_argument = Kernel("gelu_tanh_argument")
gelu_from_tanh = Kernel("gelu_from_tanh")
gelu_backward = Kernel("gelu_backward")
row_max = Kernel("row_max")
max_pool_axis = Kernel("max_pool_axis")
max_pool_axis_backward = Kernel("max_pool_axis_backward")
max_pool_2x2 = Kernel("max_pool_2x2")
max_pool_2x2_backward = Kernel("max_pool_2x2_backward")
batch_norm = Kernel("batch_norm")
batch_norm_backward = Kernel("batch_norm_backward")
batch_norm_inference = Kernel("batch_norm_inference")
col2im_add = Kernel("col2im_add")
winograd_input_transform = Kernel("winograd_input_transform")
winograd_output_transform = Kernel("winograd_output_transform")
winograd_output_transform_backward = Kernel("winograd_output_transform_backward")
