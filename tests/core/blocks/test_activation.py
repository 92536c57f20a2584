import math

import numpy as np
import pytest

from neuralzoo.core.blocks import activation
from neuralzoo.core.blocks.activation import (
    ACTIVATIONS,
    ELU,
    GELU,
    ExactGELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from neuralzoo.core.layer import Context, Workspace

FUNCTIONS = {
    "identity": lambda torch, x: x * 1,
    "relu": lambda torch, x: torch.relu(x),
    "leaky_relu": lambda torch, x: torch.nn.functional.leaky_relu(x, 0.01),
    "elu": lambda torch, x: torch.nn.functional.elu(x),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
    "exact_gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "silu": lambda torch, x: torch.nn.functional.silu(x),
    "tanh": lambda torch, x: torch.tanh(x),
    "sigmoid": lambda torch, x: torch.sigmoid(x),
    "softplus": lambda torch, x: torch.nn.functional.softplus(x, threshold=40),
    "softmax": lambda torch, x: torch.softmax(x, -1),
    "log_softmax": lambda torch, x: torch.log_softmax(x, -1),
}
LAYERS = ACTIVATIONS | {"exact_gelu": ExactGELU}


@pytest.mark.parametrize("workspace", [None, Workspace()], ids=["new_memory", "reused_memory"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-6)])
@pytest.mark.parametrize("name", LAYERS)
def test_every_activation_and_its_gradient_agree_with_pytorch(name, dtype, tolerance, workspace):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    rng = np.random.default_rng(3)
    x = np.concatenate([3 * rng.normal(size=(6, 5)), [[-90.0, -20.0, 0.0, 20.0, 90.0]]]).astype(dtype)
    dy = rng.normal(size=x.shape).astype(dtype)
    theirs = torch.tensor(x, requires_grad=True)
    needed = FUNCTIONS[name](torch, theirs)
    needed.backward(torch.tensor(dy))
    y, pull = LAYERS[name]()(x, Context(training=True, workspace=workspace))
    np.testing.assert_allclose(y, needed.detach().numpy(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(pull(dy), theirs.grad.numpy(), rtol=tolerance, atol=tolerance)


def test_every_activation_is_compared_with_pytorch():
    assert FUNCTIONS.keys() == LAYERS.keys()


@pytest.mark.parametrize(
    ("layer", "x", "needed"),
    [
        (ReLU(), [-2, 0, 3], [0, 0, 3]),
        (LeakyReLU(0.25), [-2, 0, 3], [-0.5, 0, 3]),
        (ELU(), [-math.log(2), 0, 3], [-0.5, 0, 3]),
        (Sigmoid(), [-math.log(3), 0, math.log(3)], [0.25, 0.5, 0.75]),
        (Tanh(), [-math.log(2), 0, math.log(2)], [-0.6, 0, 0.6]),
        (SiLU(), [0, math.log(3)], [0, 0.75 * math.log(3)]),
        (GELU(), [0, 1, 10, -10], [0, 0.841191990607477, 10, 0]),
        (Softplus(), [0, math.log(3)], [math.log(2), math.log(4)]),
        (Softmax(), [0, math.log(2), math.log(5)], [1 / 8, 2 / 8, 5 / 8]),
        (LogSoftmax(), [0, math.log(3)], [-math.log(4), math.log(3 / 4)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_activation_has_known_values(layer, x, needed):
    np.testing.assert_allclose(layer.predict(np.array([x], np.float64)), [needed], atol=1e-15)


def test_exact_gelu_is_x_times_the_normal_distribution_function_in_both_dtypes():
    known = {-3.0: -0.00404969409489031, -1.0: -0.15865525393145707, 0.0: 0.0, 2.0: 1.9544997361036416}
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 5e-7)):
        y = ExactGELU().predict(np.array([*known], dtype))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, [*known.values()], atol=tolerance)


@pytest.mark.parametrize("layer", [Softmax(), LogSoftmax()])
@pytest.mark.parametrize("columns", [3, 47, 48, 200])
def test_softmax_is_invariant_to_a_shift_of_its_input(layer, columns):
    x = np.random.default_rng(0).normal(size=(4, columns))
    np.testing.assert_allclose(layer.predict(x + 1000), layer.predict(x), atol=1e-12)


def test_softmax_rows_add_up_to_one_and_log_softmax_is_their_logarithm():
    x = np.random.default_rng(0).normal(size=(2, 3, 7))
    p = Softmax().predict(x)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    np.testing.assert_allclose(np.exp(LogSoftmax().predict(x)), p)


@pytest.mark.parametrize("name", LAYERS)
def test_large_inputs_cause_neither_a_warning_nor_a_nan(name):
    x = np.array([[-1e4, -100, 0, 100, 1e4]], np.float32)
    y, pull = LAYERS[name]()(x, Context(training=True))
    assert np.isfinite(y).all()
    assert np.isfinite(pull(np.ones_like(x))).all()


@pytest.mark.parametrize("name", LAYERS)
def test_every_activation_propagates_nan(name):
    assert np.isnan(LAYERS[name]().predict(np.array([[1.0, np.nan]], np.float32))).any()


def test_sigmoid_and_softplus_write_to_the_given_array():
    x = np.array([-3.0, 0.0, 2.0])
    for function in (activation.sigmoid, activation.softplus):
        out = np.empty_like(x)
        assert function(x, out=out) is out
        np.testing.assert_array_equal(function(x), out)


@pytest.mark.parametrize("slope", [-0.1, 1.0])
def test_a_leaky_relu_slope_out_of_range_raises(slope):
    with pytest.raises(ValueError, match=rf"LeakyReLU got slope={slope}; it needs a number in \[0, 1\)"):
        LeakyReLU(slope)
