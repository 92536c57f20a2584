"""Squash and routing by agreement: known values, invariances, the reference in plain equations, and gradients."""

import numpy as np
import pytest

from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_layer
from neuralzoo.plugins.capsnet import layers
from neuralzoo.plugins.capsnet.layers import Routing, Squash, routing_by_agreement, squash, squash_backward

RNG = np.random.default_rng(0)


def rows(*shape):
    return RNG.normal(size=shape)


LAYERS = {
    "squash": (lambda rng: Squash(), rows(3, 4, 5)),
    **{
        f"iterations-{n}": (lambda rng, n=n: Routing((6, 3), (4, 5), rng, iterations=n), rows(3, 6, 3))
        for n in (1, 2, 3, 4)
    },
    "shared": (lambda rng: Routing((2, 3), (4, 5), rng), rows(3, 6, 3)),
    "one-of-each": (lambda rng: Routing((1, 1), (1, 1), rng), rows(3, 1, 1)),
}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, (make, x) in LAYERS.items()
        for check in checks_for_layer(make, x)
    ],
)
def test_its_layers_conform(check):
    check()


def layer(lower=(6, 3), higher=(4, 5), **settings):
    """Return routing in float64 whose transformations are large enough for the couplings to differ."""
    return Routing(lower, higher, np.random.default_rng(1), **settings).astype(np.float64)


def backward(routing, u, dv):
    """Return the outputs, the gradient of u and that of the weights."""
    ctx = Context(training=True, grads=Gradients(routing))
    v, pull = routing(u, ctx)
    return v, pull(dv), ctx.grads[routing.weight]


@pytest.mark.parametrize(("length", "squashed"), [(0.0, 0.0), (0.1, 0.01 / 1.01), (1.0, 0.5), (3.0, 0.9), (7.0, 0.98)])
def test_a_vector_is_squashed_to_the_length_of_the_formula(length, squashed):
    direction = rows(4)
    direction /= np.linalg.norm(direction)
    np.testing.assert_allclose(squash(length * direction), squashed * direction, atol=1e-12)


def test_squashing_keeps_the_direction_and_stays_below_a_length_of_one():
    s = rows(50, 6) * np.logspace(-3, 3, 50)[:, None]
    v = squash(s)
    lengths = np.linalg.norm(v, axis=1)
    np.testing.assert_allclose(v / lengths[:, None], s / np.linalg.norm(s, axis=1, keepdims=True), rtol=1e-12)
    assert (np.diff(lengths[np.argsort(np.linalg.norm(s, axis=1))]) > 0).all()
    assert lengths.max() < 1


def test_a_vector_of_zero_is_squashed_to_zero_with_a_gradient_of_zero():
    for dtype in (np.float32, np.float64):
        zero, dv = np.zeros((2, 3), dtype), np.ones((2, 3), dtype)
        np.testing.assert_array_equal(squash(zero), 0)
        np.testing.assert_array_equal(squash_backward(zero, dv), 0)
        short = np.full((2, 3), 1e-30, dtype)  # its square underflows in float32
        assert np.isfinite(squash_backward(short, dv)).all()


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_routing_agrees_with_the_readable_reference(iterations):
    routing, u = layer(iterations=iterations), np.random.default_rng(2).normal(size=(4, 6, 3))
    expected = routing_by_agreement(u, routing.weight.value, iterations)
    np.testing.assert_allclose(routing.predict(u), expected, rtol=1e-10, atol=1e-12)


def test_one_iteration_has_uniform_couplings():
    routing = layer(iterations=1)
    u = rows(2, 6, 3)
    u_hat = np.einsum("nid,idjk->nijk", u, routing.weight.value)
    np.testing.assert_allclose(routing.predict(u), squash(u_hat.sum(axis=1) / 4), rtol=1e-12)
    np.testing.assert_allclose(routing.couplings(u), 1 / 4)


def test_couplings_sum_to_one_over_the_higher_capsules():
    couplings = layer(iterations=4).couplings(3 * rows(5, 6, 3))
    assert couplings.shape == (4, 5, 6, 4)
    np.testing.assert_allclose(couplings.sum(axis=3), 1, rtol=1e-12)
    assert couplings[-1].std() > 0.05  # they do differ


def test_agreement_raises_a_coupling_to_the_value_computed_by_hand():
    """Two lower capsules have equal votes for the first higher capsule and opposite ones for the second.

    First iteration: c = 1/2, s_1 = (1, 0), v_1 = (1/2, 0), s_2 = v_2 = 0. The agreement with v_1 is 1/2 for both.
    Second iteration: c_1 = exp(1/2) / (exp(1/2) + 1) = 0.622, s_1 = (1.245, 0), v_1 = 1.245² / (1 + 1.245²) = 0.608.
    """
    routing = Routing((2, 1), (2, 2), RNG, iterations=2).astype(np.float64)
    routing.weight.value[...] = np.array([[[[1, 0], [1, 0]]], [[[1, 0], [-1, 0]]]])  # (I, d, J, D)
    u = np.ones((1, 2, 1))
    share = np.exp(0.5) / (np.exp(0.5) + 1)
    expected = [[[[0.5, 0.5]] * 2], [[[share, 1 - share]] * 2]]
    np.testing.assert_allclose(routing.couplings(u), expected, rtol=1e-12)
    s = 2 * share
    np.testing.assert_allclose(routing.predict(u), [[[s**2 / (1 + s**2), 0], [0, 0]]], atol=1e-12)
    assert share == pytest.approx(0.622, abs=1e-3)


def test_more_iterations_raise_the_coupling_to_the_higher_capsule_of_equal_votes():
    routing = Routing((5, 2), (3, 4), RNG, iterations=5).astype(np.float64)
    routing.weight.value[:, :, 0] = routing.weight.value[:1, :, 0]  # equal votes for the first higher capsule
    u = np.broadcast_to(rows(1, 1, 2), (1, 5, 2)) * 3
    to_first = routing.couplings(u)[:, 0, :, 0].mean(axis=1)
    assert (np.diff(to_first) > 0).all()


def test_the_order_of_the_lower_capsules_does_not_matter():
    routing = layer()
    u, order = rows(2, 6, 3), np.random.default_rng(3).permutation(6)
    other = layer()
    other.weight.value[...] = routing.weight.value[order]
    np.testing.assert_allclose(other.predict(u[:, order]), routing.predict(u), rtol=1e-10)
    np.testing.assert_allclose(other.couplings(u[:, order]), routing.couplings(u)[:, :, order], rtol=1e-10)


def test_rotating_all_votes_rotates_the_higher_capsules():
    """Agreement is of scalar products, which a rotation keeps: the couplings are the same."""
    routing, rotated = layer(), layer()
    turn = np.linalg.qr(rows(5, 5))[0]
    rotated.weight.value[...] = routing.weight.value @ turn
    u = rows(2, 6, 3)
    np.testing.assert_allclose(rotated.predict(u), routing.predict(u) @ turn, atol=1e-12)
    np.testing.assert_allclose(rotated.couplings(u), routing.couplings(u), atol=1e-12)


def test_shared_transformations_are_equal_at_every_position_and_their_gradient_is_the_sum():
    shared, free = layer((2, 3)), layer((6, 3))
    free.weight.value[...] = np.tile(shared.weight.value, (3, 1, 1, 1))  # three positions of two types
    u, dv = rows(4, 6, 3), rows(4, 4, 5)
    (v, du, dweight), (v_free, du_free, dweight_free) = backward(shared, u, dv), backward(free, u, dv)
    np.testing.assert_allclose(v, v_free, rtol=1e-10)
    np.testing.assert_allclose(du, du_free, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(dweight, dweight_free.reshape(3, 2, 3, 4, 5).sum(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("examples", [1, 2, 3, 7])
def test_blocks_of_examples_give_the_results_of_one_block(examples, monkeypatch):
    u, dv = rows(7, 6, 3), rows(7, 4, 5)
    whole = backward(layer(), u, dv)
    monkeypatch.setattr(layers, "BLOCK_SIZE", examples * 6 * 4 * 5)
    for part, needed in zip(backward(layer(), u, dv), whole, strict=True):
        np.testing.assert_allclose(part, needed, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer().couplings(u).sum(axis=3), 1)


def test_without_backprop_through_all_iterations_couplings_are_constants():
    routing = layer(backprop_all_iterations=False)
    u, dv = rows(3, 6, 3), rows(3, 4, 5)
    v, du, dweight = backward(routing, u, dv)
    np.testing.assert_array_equal(v, layer().predict(u))
    c, weight = routing.couplings(u)[-1], routing.weight.value
    ds = squash_backward(np.einsum("nij,nid,idjk->njk", c, u, weight), dv)
    np.testing.assert_allclose(du, np.einsum("nij,njk,idjk->nid", c, ds, weight), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(dweight, np.einsum("nij,nid,njk->idjk", c, u, ds), rtol=1e-9, atol=1e-12)
    assert np.abs(du - backward(layer(), u, dv)[1]).max() > 1e-3  # it does make a difference


def test_initialized_higher_capsules_are_as_long_before_squash_as_lower_ones():
    u = rows(50, 200, 8).astype(np.float32)
    u /= 2 * np.linalg.norm(u, axis=2, keepdims=True)
    for types in (200, 20):
        routing = Routing((types, 8), (10, 16), np.random.default_rng(0), num_lower=200, iterations=1)
        v = np.linalg.norm(routing.predict(u), axis=2)
        s = np.sqrt(v / (1 - v))  # the length that v was squashed from
        assert np.sqrt(np.mean(s**2)) == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("shape", [(2, 6, 4), (2, 5, 3), (6, 3), (2, 0, 3)])
def test_lower_capsules_of_another_count_or_dimension_are_refused_in_one_sentence(shape):
    with pytest.raises(ValueError, match=r"^Routing got u of shape .*; it needs \(N, I, 3\), I being 6 or a multiple"):
        layer().predict(np.zeros(shape))


def test_zero_iterations_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"^Routing got 0 iterations; it needs at least 1$"):
        Routing((2, 3), (4, 5), RNG, iterations=0)
