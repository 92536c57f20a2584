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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("window", "stride", "length"), [(2, 2, 8), (2, 2, 7), (3, 2, 9), (3, 5, 12), (1, 1, 4), (4, 1, 4)]
)
def test_both_forms_find_the_same_maxima_and_give_them_the_same(
    window: int, stride: int, length: int, dtype: Any
) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (5, length, 6)).astype(dtype)  # many are equal
    x[0, 1] = np.nan
    x = np.asfortranarray(x)
    places = (length - window) // stride + 1
    results = []
    for forward, back in zip(both("max_windows"), both("max_windows_back"), strict=True):
        y, picks = np.empty((5, places, 6), dtype), np.empty((window - 1, 5, places, 6), dtype)
        forward(x, window, stride, y, picks)
        alone = np.empty_like(y)
        forward(x, window, stride, alone, np.empty((0, 0, 0, 0), dtype))
        np.testing.assert_array_equal(alone, y)
        dx = np.zeros(x.shape, dtype)
        dy = np.arange(y.size, dtype=dtype).reshape(y.shape)
        back(dy, picks, window, stride, dx, np.empty((2, *y.shape), dtype))
        results.append((y, dx))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (2, 2)])
def test_both_forms_find_the_same_maxima_of_squares(size: tuple[int, int], dtype: Any) -> None:
    x = np.random.default_rng(0).integers(0, 3, (3, *size, 5)).astype(dtype)  # many are equal
    x[0, 0, 1] = np.nan
    shape = (3, size[0] // 2, size[1] // 2, 5)
    results = []
    for forward, back in zip(both("max_squares"), both("max_squares_back"), strict=True):
        y, picks, before = np.empty(shape, dtype), np.empty((3, *shape), dtype), x.copy()
        forward(x, y, picks)
        np.testing.assert_array_equal(x, before)
        alone = np.empty_like(y)
        forward(x, alone, np.empty((0, 0, 0, 0, 0), dtype))
        np.testing.assert_array_equal(alone, y)
        dx = np.zeros(x.shape, dtype)
        back(1 + np.arange(y.size, dtype=dtype).reshape(shape), picks, dx)
        results.append((y, dx))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    windows = x[:, : 2 * shape[1], : 2 * shape[2]].reshape(3, shape[1], 2, shape[2], 2, 5).transpose(0, 1, 3, 5, 2, 4)
    windows = windows.reshape(*shape[:3], 5, 4)
    np.testing.assert_array_equal(results[0][0], windows.max(axis=-1))
    first = windows.argmax(axis=-1)[1:]  # of those without NaN
    found = results[0][1][1:, : 2 * shape[1], : 2 * shape[2]]
    found = found.reshape(2, shape[1], 2, shape[2], 2, 5).transpose(0, 1, 3, 5, 2, 4).reshape((*first.shape, 4))
    np.testing.assert_array_equal(found.argmax(axis=-1), first)
    assert np.count_nonzero(found) == first.size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("columns", "kw", "across", "dilation"), [(4, 3, 1, 1), (4, 3, 2, 1), (2, 5, 3, 1), (1, 4, 2, 1), (3, 2, 3, 2)]
)
def test_both_forms_add_windows_where_they_lie(columns: int, kw: int, across: int, dilation: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    product = rng.standard_normal((2, 3, columns, kw, 4)).astype(dtype)
    width = (columns - 1) * across + (kw - 1) * dilation + 1
    before = rng.standard_normal((2, 8, width, 4)).astype(dtype)
    needed = before.copy()
    for r in range(3):
        for j in range(columns):
            for b in range(kw):
                needed[:, 1 + 2 * r, j * across + b * dilation] += product[:, r, j, b]
    for form in both("add_windows"):
        image = before.copy()
        form(product, 1, 2, across, dilation, image)
        np.testing.assert_allclose(image, needed, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 1, 3), (64, 1, 16), (7, 30, 5), (64, 784, 16), (5, 3, 2000)])
def test_both_forms_of_batch_norm_agree_also_far_from_zero(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    features = shape[-1]
    x = (rng.standard_normal(shape) * rng.uniform(0.5, 2, features) + 5).astype(dtype)
    dy = rng.standard_normal(shape).astype(dtype)
    gain, bias = rng.standard_normal((2, features)).astype(dtype)
    results = []
    for forward, back in zip(both("batch_norm"), both("batch_norm_back"), strict=True):
        z, y, dx = (np.empty(shape, dtype) for _ in range(3))
        mean, variance = forward(x, gain, bias, 1e-5, z, y)
        dgain, dbias = back(dy, x, mean, np.sqrt(variance + 1e-5), gain, z, dx)
        assert {each.dtype for each in (mean, variance, dgain, dbias)} == {np.dtype(dtype)}
        results.append((mean, variance, y, dx, dgain / shape[0], dbias / shape[0]))
    near = 20 * TOLERANCE[dtype] * max(1, shape[1] ** 0.5)
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=near, atol=near)
    np.testing.assert_allclose(results[1][0], x.astype(np.float64).mean(axis=(0, 1)), rtol=10 * TOLERANCE[dtype])


def test_both_forms_of_batch_norm_find_the_variance_where_the_first_number_is_far_from_all_others() -> None:
    x = (1000 + np.random.default_rng(0).standard_normal((64, 784, 3))).astype(np.float32)
    x[0, 0] = 0
    needed = x.astype(np.float64).var(axis=(0, 1))
    for form in both("batch_norm"):
        z, y = np.empty_like(x), np.empty_like(x)
        _, variance = form(x, np.ones(3, np.float32), np.zeros(3, np.float32), 1e-5, z, y)
        np.testing.assert_allclose(variance, needed, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("apart", [True, False])
def test_both_forms_of_batch_norm_agree_where_the_statistics_are_given(apart: bool, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((6, 12, 5)) + 3).astype(dtype)
    mean, gain, bias = rng.standard_normal((3, 5)).astype(dtype)
    deviation = rng.uniform(0.5, 2, 5).astype(dtype)
    for form in both("batch_norm_fixed"):
        z = np.empty_like(x)
        y = np.empty_like(x) if apart else z
        form(x, mean, deviation, gain, bias, z, y)
        needed = (x - mean) / deviation
        near = 10 * TOLERANCE[dtype]
        np.testing.assert_allclose(y, gain * needed + bias, rtol=near, atol=near)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_forms_of_the_parts_of_gelu_agree(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((2, 7, 5)) * 3).astype(dtype)
    results = []
    for inside, outside, back in zip(*(both(f"gelu_{part}") for part in ("inside", "outside", "back")), strict=True):
        t, y, dx = np.empty((3, *x.shape), dtype)
        inside(x, 0.8, 0.04, t)
        np.tanh(t, out=t)
        outside(x, t, y)
        back(dy, x, t, 0.8, 0.04, dx)
        results.append((t, y, dx))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=10 * TOLERANCE[dtype], atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("shape", [(0,), (50,), (5, 7)])
def test_both_forms_add_to_the_same_rows_the_same(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    rows, values = rng.integers(0, 6, shape), rng.standard_normal((*shape, 3)).astype(np.float32)
    before = rng.standard_normal((6, 3)).astype(np.float32)
    results = []
    for form in both("add_rows"):
        table = before.copy()
        form(table, rows, values)
        results.append(table)
    np.testing.assert_array_equal(*results)
    needed = before.copy()
    for row, value in zip(rows.ravel(), values.reshape(-1, 3), strict=True):
        needed[row] += value
    np.testing.assert_allclose(results[0], needed, rtol=1e-5)


def test_a_row_that_is_not_there_is_refused_by_both_forms() -> None:
    for form in both("add_rows"):
        with pytest.raises(IndexError, match="out of bounds"):
            form(np.zeros((2, 3), np.float32), np.array([0, 2]), np.ones((2, 3), np.float32))


@pytest.mark.parametrize("width", [1, 3, 15, 16, 17, 47, 48, 100])
def test_both_forms_find_the_largest_of_each_row(width: int) -> None:
    x = np.random.default_rng(0).standard_normal((9, width)).astype(np.float32) - 5
    x[0], x[1, 0], x[2, -1] = -np.inf, np.inf, 7
    x[3, 0] = x[4, width // 2] = x[5, -1] = np.nan
    for form in both("row_max"):
        largest = np.empty(9, np.float32)
        form(x, largest)
        np.testing.assert_array_equal(largest, x.max(axis=1))


def test_both_forms_of_the_rectifiers_pullback_agree() -> None:
    y = np.array([[2.0, 0.0, np.nan], [0.5, 0.0, 1.0]], np.float32)
    dy = np.array([[1.0, 2.0, 3.0], [np.inf, -5.0, -6.0]], np.float32)
    for form in both("rectifier_back"):
        dx = np.empty((3, 2), np.float32)
        with np.errstate(invalid="ignore"):
            form(dy.T, y.T.copy(), dx)
        np.testing.assert_array_equal(dx.T, [[1, 0, 0], [np.inf, 0, -6]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 0), (0, 3))])
@pytest.mark.parametrize("rows", [1, 2, 5, 6])
def test_both_forms_make_and_add_up_the_same_planes_of_pairs(rows: int, padding: Any, dtype: Any) -> None:
    rng = np.random.default_rng(rows)
    (top, bottom), (left, _) = padding
    height, width = max(1, rows + 2 - top - bottom), 5
    rows = height + top + bottom - 2
    pairs = (rows + 1) // 2
    x, dy = rng.standard_normal((3, height, width, 4)).astype(dtype), rng.standard_normal((3, rows, 4)).astype(dtype)
    whole = np.pad(x, ((0, 0), *padding, (0, 0)))
    m = rng.standard_normal((4, 3, pairs, 4)).astype(dtype)
    results = []
    for planes, sums, back in zip(both("pair_planes"), both("pair_sums"), both("pair_sums_back"), strict=True):
        u, y, dm = np.empty((4, 3, pairs, *whole.shape[2:]), dtype), np.empty((3, rows, 4), dtype), np.empty_like(m)
        planes(x, top, left, np.full_like(whole, np.nan), u)
        sums(m, y)
        back(dy, dm)
        np.testing.assert_array_equal(u[1, :, :1], whole[:, 1:2] + whole[:, 2:3])
        u[3, :, rows // 2 :] = 0  # needed by no result
        results.append((u, y, dm))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    _, y, dm = results[0]
    np.testing.assert_allclose(np.vdot(dm, m), np.vdot(dy, y), rtol=1e-4 if dtype == np.float32 else 1e-12)


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
