"""Kernels: both backends agree, and the environment selects the backend."""

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
    """Return a kernel of both backends, NumPy's first; without numba the test is skipped."""
    pytest.importorskip("numba", reason="the numba backend needs the extra 'kernels'")
    numpy_backend, numba_backend = (import_module(module) for module in kernels.BACKENDS.values())
    return getattr(numpy_backend, name), getattr(numba_backend, name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 1000, 100_003])
def test_numba_and_numpy_adam_agree(size: int, dtype: Any) -> None:
    rng = np.random.default_rng(size)
    gradients = rng.standard_normal((5, size)).astype(dtype)
    results = []
    for kernel in both("adam"):
        w, m, v = (np.zeros(size, dtype) for _ in range(3))
        for g in gradients:
            kernel(w, g.copy(), m, v, 0.9, 0.99, 1e-2, 1e-8, 0.999)
        assert w.dtype == dtype
        results.append((w, m, v))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_adam_propagates_gradients_that_are_not_finite() -> None:
    for kernel in both("adam"):
        w, m, v = (np.zeros(3, np.float32) for _ in range(3))
        with np.errstate(invalid="ignore"):
            kernel(w, np.array([np.nan, np.inf, 1], np.float32), m, v, 0.9, 0.99, 1e-2, 1e-8, 1.0)
        assert np.isnan(w[:2]).all()
        assert np.isfinite(w[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("window", "stride", "length"), [(2, 2, 8), (2, 2, 7), (3, 2, 9), (3, 5, 12), (1, 1, 4), (4, 1, 4)]
)
def test_numba_and_numpy_max_pool_axis_agree(window: int, stride: int, length: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (5, length, 6)).astype(dtype)  # many are equal
    x[0, 1] = np.nan
    x = np.asfortranarray(x)
    positions = (length - window) // stride + 1
    results = []
    for forward, backward in zip(both("max_pool_axis"), both("max_pool_axis_backward"), strict=True):
        y, switches = np.empty((5, positions, 6), dtype), np.empty((window - 1, 5, positions, 6), dtype)
        forward(x, window, stride, y, switches)
        without_switches = np.empty_like(y)
        forward(x, window, stride, without_switches, np.empty((0, 0, 0, 0), dtype))
        np.testing.assert_array_equal(without_switches, y)
        dx = np.zeros(x.shape, dtype)
        dy = np.arange(y.size, dtype=dtype).reshape(y.shape)
        backward(dy, switches, window, stride, dx, np.empty((2, *y.shape), dtype))
        results.append((y, dx))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (2, 2)])
def test_numba_and_numpy_max_pool_2x2_agree(size: tuple[int, int], dtype: Any) -> None:
    x = np.random.default_rng(0).integers(0, 3, (3, *size, 5)).astype(dtype)  # many are equal
    x[0, 0, 1] = np.nan
    shape = (3, size[0] // 2, size[1] // 2, 5)
    results = []
    for forward, backward in zip(both("max_pool_2x2"), both("max_pool_2x2_backward"), strict=True):
        y, switches, before = np.empty(shape, dtype), np.empty((3, *shape), dtype), x.copy()
        forward(x, y, switches)
        np.testing.assert_array_equal(x, before)
        without_switches = np.empty_like(y)
        forward(x, without_switches, np.empty((0, 0, 0, 0, 0), dtype))
        np.testing.assert_array_equal(without_switches, y)
        dx = np.zeros(x.shape, dtype)
        backward(1 + np.arange(y.size, dtype=dtype).reshape(shape), switches, dx)
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
    ("columns", "kw", "stride", "dilation"), [(4, 3, 1, 1), (4, 3, 2, 1), (2, 5, 3, 1), (1, 4, 2, 1), (3, 2, 3, 2)]
)
def test_col2im_adds_every_window_to_the_positions_it_covers(
    columns: int, kw: int, stride: int, dilation: int, dtype: Any
) -> None:
    rng = np.random.default_rng(0)
    windows = rng.standard_normal((2, 3, columns, kw, 4)).astype(dtype)
    width = (columns - 1) * stride + (kw - 1) * dilation + 1
    before = rng.standard_normal((2, 8, width, 4)).astype(dtype)
    needed = before.copy()
    for r in range(3):
        for j in range(columns):
            for b in range(kw):
                needed[:, 1 + 2 * r, j * stride + b * dilation] += windows[:, r, j, b]
    for kernel in both("col2im_add"):
        image = before.copy()
        kernel(windows, 1, 2, stride, dilation, image)
        np.testing.assert_allclose(image, needed, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 1, 3), (64, 1, 16), (7, 30, 5), (64, 784, 16), (5, 3, 2000)])
def test_numba_and_numpy_batch_norm_agree_far_from_zero(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    features = shape[-1]
    x = (rng.standard_normal(shape) * rng.uniform(0.5, 2, features) + 5).astype(dtype)
    dy = rng.standard_normal(shape).astype(dtype)
    gain, bias = rng.standard_normal((2, features)).astype(dtype)
    results = []
    for forward, backward in zip(both("batch_norm"), both("batch_norm_backward"), strict=True):
        z, y, dx = (np.empty(shape, dtype) for _ in range(3))
        mean, variance = forward(x, gain, bias, 1e-5, z, y)
        dgain, dbias = backward(dy, x, mean, np.sqrt(variance + 1e-5), gain, z, dx)
        assert {each.dtype for each in (mean, variance, dgain, dbias)} == {np.dtype(dtype)}
        results.append((mean, variance, y, dx, dgain / shape[0], dbias / shape[0]))
    near = 20 * TOLERANCE[dtype] * max(1, shape[1] ** 0.5)
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=near, atol=near)
    np.testing.assert_allclose(results[1][0], x.astype(np.float64).mean(axis=(0, 1)), rtol=10 * TOLERANCE[dtype])


def test_batch_norm_computes_the_variance_where_the_first_value_is_an_outlier() -> None:
    x = (1000 + np.random.default_rng(0).standard_normal((64, 784, 3))).astype(np.float32)
    x[0, 0] = 0
    needed = x.astype(np.float64).var(axis=(0, 1))
    for kernel in both("batch_norm"):
        z, y = np.empty_like(x), np.empty_like(x)
        _, variance = kernel(x, np.ones(3, np.float32), np.zeros(3, np.float32), 1e-5, z, y)
        np.testing.assert_allclose(variance, needed, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("separate", [True, False])
def test_batch_norm_inference_uses_the_given_statistics(separate: bool, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((6, 12, 5)) + 3).astype(dtype)
    mean, gain, bias = rng.standard_normal((3, 5)).astype(dtype)
    std = rng.uniform(0.5, 2, 5).astype(dtype)
    for kernel in both("batch_norm_inference"):
        z = np.empty_like(x)
        y = np.empty_like(x) if separate else z
        kernel(x, mean, std, gain, bias, z, y)
        needed = (x - mean) / std
        near = 10 * TOLERANCE[dtype]
        np.testing.assert_allclose(y, gain * needed + bias, rtol=near, atol=near)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numba_and_numpy_gelu_agree(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((2, 7, 5)) * 3).astype(dtype)
    results = []
    for argument, from_tanh, backward in zip(
        *map(both, ("gelu_tanh_argument", "gelu_from_tanh", "gelu_backward")), strict=True
    ):
        t, y, dx = np.empty((3, *x.shape), dtype)
        argument(x, 0.8, 0.04, t)
        np.tanh(t, out=t)
        from_tanh(x, t, y)
        backward(dy, x, t, 0.8, 0.04, dx)
        results.append((t, y, dx))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=10 * TOLERANCE[dtype], atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("shape", [(0,), (50,), (5, 7)])
def test_scatter_add_accumulates_repeated_rows(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    rows, values = rng.integers(0, 6, shape), rng.standard_normal((*shape, 3)).astype(np.float32)
    before = rng.standard_normal((6, 3)).astype(np.float32)
    results = []
    for kernel in both("scatter_add_rows"):
        table = before.copy()
        kernel(table, rows, values)
        results.append(table)
    np.testing.assert_array_equal(*results)
    needed = before.copy()
    for row, value in zip(rows.ravel(), values.reshape(-1, 3), strict=True):
        needed[row] += value
    np.testing.assert_allclose(results[0], needed, rtol=1e-5)


def test_scatter_add_rejects_rows_out_of_bounds() -> None:
    for kernel in both("scatter_add_rows"):
        with pytest.raises(IndexError, match="out of bounds"):
            kernel(np.zeros((2, 3), np.float32), np.array([0, 2]), np.ones((2, 3), np.float32))


@pytest.mark.parametrize("width", [1, 3, 15, 16, 17, 47, 48, 100])
def test_row_max_is_the_maximum_of_each_row(width: int) -> None:
    x = np.random.default_rng(0).standard_normal((9, width)).astype(np.float32) - 5
    x[0], x[1, 0], x[2, -1] = -np.inf, np.inf, 7
    x[3, 0] = x[4, width // 2] = x[5, -1] = np.nan
    for kernel in both("row_max"):
        y = np.empty(9, np.float32)
        kernel(x, y)
        np.testing.assert_array_equal(y, x.max(axis=1))


def test_relu_backward_is_zero_where_the_output_is_not_positive() -> None:
    y = np.array([[2.0, 0.0, np.nan], [0.5, 0.0, 1.0]], np.float32)
    dy = np.array([[1.0, 2.0, 3.0], [np.inf, -5.0, -6.0]], np.float32)
    for kernel in both("relu_backward"):
        dx = np.empty((3, 2), np.float32)
        with np.errstate(invalid="ignore"):
            kernel(dy.T, y.T.copy(), dx)
        np.testing.assert_array_equal(dx.T, [[1, 0, 0], [np.inf, 0, -6]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 0), (0, 3))])
@pytest.mark.parametrize("rows", [1, 2, 5, 6])
def test_numba_and_numpy_winograd_transforms_agree(rows: int, padding: Any, dtype: Any) -> None:
    rng = np.random.default_rng(rows)
    (top, bottom), (left, _) = padding
    height, width = max(1, rows + 2 - top - bottom), 5
    rows = height + top + bottom - 2
    pairs = (rows + 1) // 2
    x, dy = rng.standard_normal((3, height, width, 4)).astype(dtype), rng.standard_normal((3, rows, 4)).astype(dtype)
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    m = rng.standard_normal((4, 3, pairs, 4)).astype(dtype)
    results = []
    for to_u, to_y, to_dm in zip(
        both("winograd_input_transform"),
        both("winograd_output_transform"),
        both("winograd_output_transform_backward"),
        strict=True,
    ):
        u, y, dm = np.empty((4, 3, pairs, *padded.shape[2:]), dtype), np.empty((3, rows, 4), dtype), np.empty_like(m)
        to_u(x, top, left, np.full_like(padded, np.nan), u)
        to_y(m, y)
        to_dm(dy, dm)
        np.testing.assert_array_equal(u[1, :, :1], padded[:, 1:2] + padded[:, 2:3])
        u[3, :, rows // 2 :] = 0  # needed by no output row
        results.append((u, y, dm))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    _, y, dm = results[0]
    np.testing.assert_allclose(np.vdot(dm, m), np.vdot(dy, y), rtol=1e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("backend", list(kernels.BACKENDS))
def test_every_kernel_exists_in_every_backend(backend: str) -> None:
    if backend == "numba":
        pytest.importorskip("numba", reason="the numba backend needs the extra 'kernels'")
    module = import_module(kernels.BACKENDS[backend])
    for each in vars(kernels).values():
        if isinstance(each, kernels.Kernel):
            assert callable(getattr(module, each.name))


def test_the_environment_selects_the_backend() -> None:
    code = "from neuralzoo.core import kernels; print(kernels.backend())"
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {kernels.VARIABLE: "numpy"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "numpy"


def test_an_unknown_backend_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="NEURALZOO_KERNELS is 'cuda'; it needs numpy or numba"):
        kernels.select_backend("cuda")


def test_numba_is_selected_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "find_spec", lambda name: object())
    assert kernels.select_backend() == "numba"
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    assert kernels.select_backend() == "numpy"
    with pytest.raises(ValueError, match="numba, which is not installed; it needs `pip install"):
        kernels.select_backend("numba")
