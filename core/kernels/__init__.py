"""Inner loops that have two forms: NumPy's, which is always there, and one that numba compiles, if it is installed.

Both are functions of the same arguments that give the same numbers up to rounding (tests compare them). The
environment variable NEURALZOO_KERNELS=numpy or numba chooses; without it numba is used where it is installed
(`pip install "neuralzoo[kernels]"`). Nothing is imported or compiled before the first use.
"""

import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

VARIABLE = "NEURALZOO_KERNELS"
FORMS = {"numpy": "neuralzoo.core.kernels.numpy_backend", "numba": "neuralzoo.core.kernels.numba_backend"}


class UnknownForm(ValueError):
    """The environment asks for a form that there is not; the message says what there is."""


def choose(wanted: str | None = None) -> str:
    """Return the form to use: the one that is wanted, else the compiled one if it is possible.

    Raises: UnknownForm when the name is unknown, or numba is wanted and not installed.
    """
    possible = find_spec("numba") is not None
    if wanted in (None, ""):
        return "numba" if possible else "numpy"
    if wanted not in FORMS:
        raise UnknownForm(f"{VARIABLE} is {wanted!r}; it needs {' or '.join(FORMS)}")
    if wanted == "numba" and not possible:
        raise UnknownForm(f"{VARIABLE} is numba, which is not installed; it needs `pip install 'neuralzoo[kernels]'`")
    return wanted


@cache
def form() -> str:
    """Return the form that is used: chosen once, at the first use.

    Raises: UnknownForm when the environment asks for one that there is not.
    """
    return choose(os.environ.get(VARIABLE))


class Kernel:
    """A function of either form, found at the first call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.function: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Call the function of the form that is used."""
        if self.function is None:
            self.function = getattr(import_module(FORMS[form()]), self.name)
        return self.function(*arguments)


adam = Kernel("adam")
add_rows = Kernel("add_rows")
gelu_inside = Kernel("gelu_inside")
gelu_outside = Kernel("gelu_outside")
gelu_back = Kernel("gelu_back")
row_max = Kernel("row_max")
max_windows = Kernel("max_windows")
max_windows_back = Kernel("max_windows_back")
max_squares = Kernel("max_squares")
max_squares_back = Kernel("max_squares_back")
add_windows = Kernel("add_windows")
batch_norm = Kernel("batch_norm")
batch_norm_back = Kernel("batch_norm_back")
batch_norm_fixed = Kernel("batch_norm_fixed")
rectifier_back = Kernel("rectifier_back")
pair_planes = Kernel("pair_planes")
pair_sums = Kernel("pair_sums")
pair_sums_back = Kernel("pair_sums_back")
