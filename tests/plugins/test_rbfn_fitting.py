import logging
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.plugins.rbfn import centres
from neuralzoo.plugins.rbfn.learner import LeastSquares, best_scale, leave_one_out
from neuralzoo.registry import Task, get

RNG = np.random.default_rng(0)


def fit(x, t, *, outputs=None, dtype=np.float64, batch=None, seed=0, **settings):
    """Return the learner of a network that has been fitted in closed form; whole-numbered targets are classes."""
    classes = t.dtype.kind == "i"
    outputs = outputs or (int(t.max()) + 1 if classes else t.shape[1])
    kind = "classification" if classes else "regression"
    task = Task(kind=kind, input="tabular", shape=x.shape[1:], outputs=outputs)
    architecture = get("rbfn")
    config = architecture.configure({"finetune": False} | settings)
    network = architecture.build(config, task, np.random.default_rng(seed)).astype(dtype)
    learner = architecture.learner(network, config, task, lambda module: Adam(module, 1e-3))
    learner.prepare(ArrayBatches((x, t), batch or len(x), shuffle=True), context(seed))
    return learner


def context(seed=0):
    return Context(training=True, rng=np.random.default_rng(seed))


def clusters(count=200, spread=0.3):
    middles = 3 * RNG.normal(size=(7, 2))
    return middles[RNG.integers(7, size=count)] + spread * RNG.normal(size=(count, 2))


@pytest.mark.parametrize("basis", ["gaussian", "multiquadric", "inverse_multiquadric", "inverse_quadratic"])
@pytest.mark.parametrize("where", ["kmeans", "examples"])
def test_with_a_centre_on_each_point_and_no_ridge_the_network_interpolates(basis, where):
    x, t = RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2))
    learner = fit(x, t, units=30, basis=basis, centres=where, ridge=0.0, width=1.0)
    c = learner.network.units.centres.value
    np.testing.assert_allclose(c[c[:, 0].argsort()], x[x[:, 0].argsort()])
    np.testing.assert_allclose(learner.network.predict(x), t, atol=1e-5)


@pytest.mark.parametrize("ridge", [0.0, 1e-4, 0.1])
def test_the_weights_are_those_of_numpys_least_squares(ridge):
    x, t = RNG.normal(size=(80, 2)), RNG.normal(size=(80, 3))
    learner = fit(x, t, units=6, ridge=ridge, batch=7)
    h, output = learner.network.features(x), learner.network.output
    # The ridge as further examples, which want every weight but not the bias to be zero.
    rows = np.vstack([np.hstack([h, np.ones((80, 1))]), np.sqrt(ridge * 80) * np.eye(6, 7)])
    needed = np.linalg.lstsq(rows, np.vstack([t, np.zeros((6, 3))]), rcond=None)[0]
    np.testing.assert_allclose(output.weight.value, needed[:-1], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(output.bias.value, needed[-1], rtol=1e-6, atol=1e-8)


def test_the_size_of_batches_and_of_blocks_does_not_change_the_fit(monkeypatch):
    x, t, classes = RNG.normal(size=(60, 2)), RNG.normal(size=(60, 1)), RNG.integers(3, size=60)
    h, sums, blocks = RNG.normal(size=(60, 5)), LeastSquares(5, 1), LeastSquares(5, 1)
    sums.add(h, t)
    for first in range(0, 60, 7):
        blocks.add(h[first : first + 7], t[first : first + 7])
    for one, other in zip(sums.solve(0.01), blocks.solve(0.01), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    whole = [fit(x, targets, units=8).network.predict(x) for targets in (t, classes)]
    monkeypatch.setattr(centres, "BLOCK_ROWS", 11)
    for targets, answers in zip((t, classes), whole, strict=True):
        np.testing.assert_allclose(fit(x, targets, units=8).network.predict(x), answers, rtol=1e-8)


def test_the_fit_minimises_the_loss():
    x, t = RNG.normal(size=(50, 2)), RNG.normal(size=(50, 1))
    learner = fit(x, t, units=5, ridge=0.0)
    best = learner.evaluate((x, t))["loss"]
    for parameter in (learner.network.output.weight, learner.network.output.bias):
        kept = parameter.value.copy()
        for step in (1e-3, -1e-3):
            parameter.value[0] = kept[0] + step
            assert learner.evaluate((x, t))["loss"] > best
        parameter.value[...] = kept


def test_a_leave_one_out_output_is_that_of_a_fit_without_the_example():
    h, t = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
    sums = LeastSquares(4, 2)
    sums.add(h, t)
    ridge = 0.03
    weight, bias, inverse = sums.solve(ridge)
    left_out, defined = leave_one_out(h, h @ weight + bias, t, sums, inverse)
    assert defined.all()
    for i in range(12):
        without = LeastSquares(4, 2)
        without.add(np.delete(h, i, axis=0), np.delete(t, i, axis=0))
        weight, bias, _ = without.solve(ridge * 12 / 11)  # the same pull in all
        np.testing.assert_allclose(left_out[i], h[i] @ weight + bias, rtol=1e-9)


def test_leave_one_out_is_undefined_where_each_example_determines_its_own_output():
    h, t = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 1))
    sums = LeastSquares(6, 1)
    sums.add(h, t)
    weight, bias, inverse = sums.solve(0.0)
    assert not leave_one_out(h, h @ weight + bias, t, sums, inverse)[1].any()


def test_the_scale_of_the_logits_minimises_the_cross_entropy():
    y, classes = RNG.normal(size=(300, 4)), RNG.integers(4, size=300)
    y[np.arange(300), classes] += 1.0
    found = minimize_scalar(lambda a: CrossEntropy()(a * y, classes)[0], bounds=(0.1, 100), method="bounded")
    assert best_scale(y, classes) == pytest.approx(found.x, rel=1e-4)


def test_classes_are_fitted_one_hot_and_then_scaled_to_logits():
    x = np.concatenate([RNG.normal(size=(100, 2)), RNG.normal(size=(100, 2)) + 2])
    classes = np.repeat([0, 1], 100)
    shares = fit(x, np.eye(2)[classes], units=10)
    learner = fit(x, classes, units=10)
    y, z = shares.network.predict(x), learner.network.predict(x)
    ratio = float(np.vdot(z, y) / np.vdot(y, y))
    np.testing.assert_allclose(z, ratio * y, rtol=1e-6)
    assert ratio > 2  # probabilities are underconfident logits
    assert learner.evaluate((x, classes))["loss"] < CrossEntropy()(y, classes)[0]


@pytest.mark.parametrize("where", ["kmeans", "examples"])
@pytest.mark.parametrize(("units", "shares"), [(6, [2, 2, 2]), (8, [3, 3, 2]), (2, [1, 1, 0])])
def test_by_class_each_class_has_equally_many_centres_however_few_its_examples(where, units, shares):
    classes = np.repeat([0, 1, 2], [150, 40, 10])
    x = RNG.normal(size=(200, 2)) + 100 * classes[:, None]
    learner = fit(x, classes, units=units, centres=where, by_class=True)
    class_of = (learner.network.units.centres.value[:, 0] / 100).round().astype(int)
    assert np.bincount(class_of, minlength=3).tolist() == shares
    unevenly = fit(x, classes, units=60, centres="examples").network.units.centres.value
    assert np.bincount((unevenly[:, 0] / 100).round().astype(int)).max() > 30


def test_by_class_changes_nothing_in_regression():
    x, t = RNG.normal(size=(50, 2)), RNG.normal(size=(50, 1))
    one, other = (fit(x, t, units=9, by_class=by_class).network for by_class in (False, True))
    np.testing.assert_array_equal(one.predict(x), other.predict(x))


def test_kmeans_agrees_with_scikit_learn_from_the_same_initialization():
    from sklearn.cluster import KMeans

    x = clusters()
    initial = x[centres.kmeans_plus_plus(x, 9, np.random.default_rng(1))]
    ours = centres.kmeans(x, initial, 300)
    theirs = KMeans(9, init=initial, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(x)
    assert centres.nearest_centre(x, ours)[1].sum() == pytest.approx(theirs.inertia_, rel=1e-9)
    np.testing.assert_allclose(ours, theirs.cluster_centers_, atol=1e-9)


def test_no_step_of_kmeans_makes_the_squared_distances_larger():
    x = clusters()
    initial = x[:12] + 0.0
    initial[3:6] = initial[3]  # two of them are nearest to no example
    sums = [centres.nearest_centre(x, centres.kmeans(x, initial, steps))[1].sum() for steps in range(12)]
    assert all(after <= before + 1e-9 for before, after in pairwise(sums))
    assert len(np.unique(centres.nearest_centre(x, centres.kmeans(x, initial, 12))[0])) == 12


def test_a_centre_that_is_nearest_to_no_example_moves_to_the_farthest_one():
    x = np.array([[0.0], [1.0], [2.0], [10.0]])
    np.testing.assert_array_equal(centres.kmeans(x, np.array([[1.0], [50.0]]), 1), [[3.25], [10.0]])


def test_kmeans_plus_plus_draws_by_squared_distance():
    x = np.array([[0.0], [1.0], [3.0]])
    rng = np.random.default_rng(0)
    pairs = [tuple(centres.kmeans_plus_plus(x, 2, rng)) for _ in range(6000)]
    second = [b for a, b in pairs if a == 0]
    assert second.count(2) / len(second) == pytest.approx(9 / 10, abs=0.03)
    assert all(a != b for a, b in pairs)


def test_reservoir_sampling_is_uniform():
    x = np.arange(40.0)[:, None]
    counts = np.zeros(40)
    rng = np.random.default_rng(0)
    for _ in range(2000):
        kept, targets = centres.reservoir_sample(ArrayBatches((x, x), 7).epoch(rng), 10, rng)
        assert kept.shape == (10, 1)
        np.testing.assert_array_equal(kept, targets)
        counts[kept[:, 0].astype(int)] += 1
    assert np.abs(counts / 2000 - 0.25).max() < 0.05
    assert len(np.unique(kept)) == 10
    np.testing.assert_array_equal(centres.reservoir_sample(ArrayBatches((x, x), 7).epoch(rng), 99, rng)[0], x)


def test_a_width_is_the_mean_distance_to_the_nearest_others_without_duplicates():
    c = np.array([[0.0, 0], [3, 4], [0, 1], [0, 1]])
    np.testing.assert_allclose(centres.widths(c, c, 1), [1, np.hypot(3, 3), 1, 1])
    np.testing.assert_allclose(centres.widths(c[:3], c, 2), [3, (5 + np.hypot(3, 3)) / 2, (1 + np.hypot(3, 3)) / 2])
    x = np.array([[1.0, 0], [-1, 0]])
    np.testing.assert_allclose(centres.widths(np.zeros((2, 2)), x, 3), [1, 1])
    np.testing.assert_allclose(centres.widths(np.zeros((2, 2)), np.zeros((5, 2)), 3), [1, 1])


def test_a_shared_width_is_the_mean_of_all():
    x, t = RNG.normal(size=(50, 2)), RNG.normal(size=(50, 1))
    each, shared = fit(x, t, units=9), fit(x, t, units=9, shared_width=True)
    mean = np.exp(each.network.units.log_width.value).mean()
    np.testing.assert_allclose(np.exp(shared.network.units.log_width.value), [mean])
    assert each.network.num_parameters - shared.network.num_parameters == 8


@pytest.mark.parametrize("where", ["kmeans", "examples"])
@pytest.mark.parametrize("ridge", [0.0, 1e-6])
def test_surplus_units_lie_between_examples_and_the_fit_stays_exact(where, ridge):
    x, t = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 1))
    learner = fit(x, t, units=20, centres=where, ridge=ridge, width=1.0)
    c = learner.network.units.centres.value
    assert (c >= x.min(axis=0) - 1e-9).all()
    assert (c <= x.max(axis=0) + 1e-9).all()
    np.testing.assert_allclose(learner.network.predict(x), t, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ridge", [0.0, 1e-6])
def test_of_constant_inputs_the_network_learns_the_mean_of_the_targets(dtype, ridge):
    x, t = np.full((20, 3), 7.3, dtype), RNG.normal(size=(20, 2)).astype(dtype)
    learner = fit(x, t, units=5, ridge=ridge, dtype=dtype)
    np.testing.assert_allclose(learner.network.predict(x[:1])[0], t.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_duplicate_units_have_equal_weights():
    x = np.repeat(RNG.normal(size=(2, 2)), 10, axis=0)
    t = np.repeat([[1.0], [2.0]], 10, axis=0)
    learner = fit(x, t, units=6, centres="examples", ridge=0.0, seed=3)
    c, weight = learner.network.units.centres.value, learner.network.output.weight.value
    for place in np.unique(x, axis=0):
        here = weight[np.isclose(c, place).all(axis=1)]
        assert len(here) > 1
        np.testing.assert_allclose(here, np.broadcast_to(here[0], here.shape), rtol=1e-6)
    np.testing.assert_allclose(learner.network.predict(x), t, atol=1e-6)


@pytest.mark.parametrize(
    ("part", "units", "words"),
    [
        (0, 20, "the inputs are not all finite; RBFN needs finite"),
        (0, 1, "not.* finite; RBFN needs finite"),
        (1, 4, "the sums of the least squares are not finite; RBFN needs finite inputs and targets"),
    ],
)
def test_values_that_are_not_finite_raise_an_error_in_the_sample_or_outside(part, units, words):
    arrays = RNG.normal(size=(20, 2)), RNG.normal(size=(20, 1))
    arrays[part][3, 0] = np.nan
    with pytest.raises(DivergenceError, match=words):
        fit(*arrays, units=units, sample=units)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_inputs_whose_squares_overflow_or_underflow_raise_an_error(size):
    x = (size * RNG.normal(size=(20, 2))).astype(np.float32)
    with pytest.raises(DivergenceError, match="scaled to about 1"):
        fit(x, RNG.normal(size=(20, 1)).astype(np.float32), units=4, dtype=np.float32)


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_memory_does_not_grow_with_examples_times_units(kind):
    x = RNG.normal(size=(60_000, 4)).astype(np.float32)
    t = x[:, :1] ** 2 if kind == "regression" else (x[:, 0] > 0).astype(np.int64)
    tracemalloc.start()
    try:
        fit(x, t, units=100, sample=60_000, lloyd_steps=2, dtype=np.float32)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20e6  # all features would be 48 MB in float64, and 24 MB in float32


def test_more_units_than_examples_log_one_warning(caplog):
    with caplog.at_level(logging.WARNING):
        fit(RNG.normal(size=(6, 2)), RNG.normal(size=(6, 1)), units=20)
        fit(RNG.normal(size=(6, 2)), RNG.normal(size=(6, 1)), units=6)
    (record,) = caplog.records
    assert record.getMessage().startswith("rbfn got 20 units for 6 examples; the other 14 are placed between examples")


def test_reservoir_sampling_of_more_than_fits_into_memory_takes_all_examples():
    x, t = np.arange(12.0).reshape(6, 2), np.arange(6)
    batches = [(x[:4], t[:4]), (x[4:], t[4:])]
    inputs, targets = centres.reservoir_sample(batches, 10**13, np.random.default_rng(0))
    assert np.array_equal(inputs, x)
    assert np.array_equal(targets, t)


def test_widths_do_not_depend_on_the_block_size(monkeypatch):
    x = np.random.default_rng(0).standard_normal((50, 3))
    whole = centres.widths(x, x, 4)
    monkeypatch.setattr(centres, "BLOCK_ROWS", 7)
    np.testing.assert_allclose(centres.widths(x, x, 4), whole, rtol=1e-12)
