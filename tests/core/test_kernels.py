"""The inner loops: both forms give the same numbers, and the environment chooses the form."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from neuralzoo.core import kernels

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-14}


def both(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two forms of a kernel; without numba the test is skipped."""
    pytest.importorskip("numba", reason="compiled kernels need the extra 'kernels'")
    plain, compiled = (import_module(module) for module in kernels.FORMS.values())
    return getattr(plain, name), getattr(compiled, name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 1000, 100_003])
def test_both_forms_of_adam_take_the_same_steps(size: int, dtype: Any) -> None:
    rng = np.random.default_rng(size)
    gradients = rng.standard_normal((5, size)).astype(dtype)
    results = []
    for form in both("adam"):
        w, m, v = (np.zeros(size, dtype) for _ in range(3))
        for g in gradients:
            form(w, g.copy(), m, v, 0.9, 0.99, 1e-2, 1e-8, 0.999)
        assert w.dtype == dtype
        results.append((w, m, v))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_a_gradient_that_is_not_finite_stays_so_in_both_forms() -> None:
    for form in both("adam"):
        w, m, v = (np.zeros(3, np.float32) for _ in range(3))
        with np.errstate(invalid="ignore"):
            form(w, np.array([np.nan, np.inf, 1], np.float32), m, v, 0.9, 0.99, 1e-2, 1e-8, 1.0)
        assert np.isnan(w[:2]).all()
        assert np.isfinite(w[2])


@pytest.mark.parametrize("form", list(kernels.FORMS))
def test_every_kernel_has_both_forms(form: str) -> None:
    if form == "numba":
        pytest.importorskip("numba", reason="compiled kernels need the extra 'kernels'")
    module = import_module(kernels.FORMS[form])
    for kernel in vars(kernels).values():
        if isinstance(kernel, kernels.Kernel):
            assert callable(getattr(module, kernel.name))


def test_the_environment_chooses_the_form() -> None:
    code = "from neuralzoo.core import kernels; print(kernels.form())"
    chosen = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {kernels.VARIABLE: "numpy"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert chosen.stdout.strip() == "numpy"


def test_an_unknown_form_is_told_what_there_is() -> None:
    with pytest.raises(ValueError, match="NEURALZOO_KERNELS is 'cuda'; it needs numpy or numba"):
        kernels.choose("cuda")


def test_numba_is_the_choice_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "find_spec", lambda name: object())
    assert kernels.choose() == "numba"
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    assert kernels.choose() == "numpy"
    with pytest.raises(ValueError, match="numba, which is not installed; it needs `pip install"):
        kernels.choose("numba")
