"""Truths about echo state networks."""

import numpy as np
import pytest
from neuralzoo import create
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.testing import checks_for, checks_for_layer

from echo_state.config import EchoStateConfig
from echo_state.learner import solve
from echo_state.network import Reservoir, with_radius

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("check", checks_for("esn"), ids=str)
def test_esn_conforms(check):
    check()


@pytest.mark.parametrize(
    "check",
    checks_for_layer(lambda rng: Reservoir(2, EchoStateConfig(units=5), rng), RNG.normal(size=(3, 4, 2))),
    ids=str,
)
def test_reservoir_conforms(check):
    check()


def test_states_satisfy_the_equations():
    reservoir = Reservoir(1, EchoStateConfig(units=3, density=1, leak=0.25), RNG).astype(np.float64)
    w_in, b, w = (parameter.value for parameter in reservoir.named_parameters().values())
    x, h, states = RNG.normal(size=(5, 1)), np.zeros(3), []
    for step in x:
        h = 0.75 * h + 0.25 * np.tanh(step @ w_in + h @ w + b)
        states.append(h)
    np.testing.assert_allclose(reservoir.predict(x[None])[0], [*np.mean(states, axis=0), *h], rtol=1e-12)


@pytest.mark.parametrize("radius", [0.3, 0.99])
def test_the_largest_eigenvalue_is_the_radius(radius):
    scaled = with_radius(RNG.normal(size=(30, 30)), radius)
    assert np.abs(np.linalg.eigvals(scaled)).max() == pytest.approx(radius)


def test_a_nilpotent_matrix_is_unchanged():
    nilpotent = np.triu(np.ones((4, 4)), 1)
    assert with_radius(nilpotent, 0.9) is nilpotent


def test_the_state_does_not_depend_on_early_inputs():
    reservoir = Reservoir(1, EchoStateConfig(units=50, radius=0.5, leak=1), RNG).astype(np.float64)
    ending = RNG.normal(size=(60, 1))
    starts = RNG.normal(size=(2, 10, 1))
    last = reservoir.predict(np.stack([np.concatenate([start, ending]) for start in starts]))[:, 50:]
    np.testing.assert_allclose(last[0], last[1], atol=1e-9)


def test_ridge_regression_without_ridge_is_least_squares_with_a_bias():
    z, t = RNG.normal(size=(40, 5)), RNG.normal(size=(40, 2))
    v, c = solve(z, t, 0)
    expected = np.linalg.lstsq(np.column_stack([z, np.ones(40)]), t, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([v, c]), expected, atol=1e-8)


def test_the_gradient_of_the_ridge_regression_is_zero_where_it_is_solved():
    z, t, ridge = RNG.normal(size=(40, 5)), RNG.normal(size=(40, 2)), 0.3
    v, c = solve(z, t, ridge)
    residual = z @ v + c - t
    np.testing.assert_allclose(z.T @ residual + ridge * 40 * v, 0, atol=1e-6)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-9)


def test_only_the_readout_can_be_trained():
    network = create("esn", units=10)
    assert list(network.trainable_parameters()) == ["readout", "bias"]
    x = RNG.normal(size=(4, 6, 3)).astype(np.float32)
    grads = Gradients(network)
    y, pull = network(x, Context(training=True, grads=grads))
    pull(np.ones_like(y))
    assert grads.vector.size == network.num_parameters == 2 * 10 * 3 + 3
