import math

import numpy as np
import pytest

from neuralzoo.core.blocks.init import INITIALIZERS, fans, normal, orthogonal, uniform

VARIANCES = {
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
}


@pytest.mark.parametrize("shape", [(300, 500), (3, 3, 120, 150)], ids=["matrix", "kernel"])
@pytest.mark.parametrize("name", VARIANCES)
def test_initial_weights_have_mean_zero_and_the_documented_variance(name, shape):
    weights = INITIALIZERS[name](shape, np.random.default_rng(0))
    positions = math.prod(shape[:-2])
    needed = VARIANCES[name](positions * shape[-2], positions * shape[-1])
    assert weights.shape == shape
    assert weights.dtype == np.float32
    assert abs(weights.mean()) < 5 * math.sqrt(needed / weights.size)
    assert weights.var() == pytest.approx(needed, rel=0.02)


@pytest.mark.parametrize("name", [name for name in VARIANCES if name.endswith("uniform")])
def test_uniform_weights_reach_their_limit_and_do_not_exceed_it(name):
    weights = INITIALIZERS[name]((300, 500), np.random.default_rng(0))
    limit = math.sqrt(3 * VARIANCES[name](300, 500))
    assert 0.999 * limit < abs(weights).max() <= limit * (1 + 1e-6)


@pytest.mark.parametrize("name", [name for name in VARIANCES if name.endswith("normal")])
def test_normal_weights_have_the_tails_of_a_normal_distribution(name):
    weights = INITIALIZERS[name]((300, 500), np.random.default_rng(0))
    beyond_two = np.mean(abs(weights) > 2 * weights.std())
    assert beyond_two == pytest.approx(0.0455, abs=0.002)


@pytest.mark.parametrize("shape", [(20, 20), (30, 7), (7, 30), (3, 3, 2, 5), (1, 1, 4, 9)])
def test_orthogonal_weights_have_orthonormal_rows_or_columns(shape):
    weights = orthogonal(shape, np.random.default_rng(0)).reshape(-1, shape[-1])
    rows, columns = weights.shape
    product = weights.T @ weights if rows >= columns else weights @ weights.T
    np.testing.assert_allclose(product, np.eye(min(rows, columns)), atol=1e-6)


def test_orthogonal_weights_have_no_preferred_direction():
    rng = np.random.default_rng(0)
    traces = [np.trace(orthogonal((4, 4), rng)) for _ in range(2000)]
    assert abs(np.mean(traces)) < 5 / math.sqrt(2000)
    assert np.var(traces) == pytest.approx(1, abs=0.15)


def test_normal_and_uniform_draw_with_the_given_std_and_limit():
    rng = np.random.default_rng(0)
    assert normal(0.02)((400, 400), rng).std() == pytest.approx(0.02, rel=0.02)
    even = uniform(0.3)((400, 400), rng)
    assert even.std() == pytest.approx(0.3 / math.sqrt(3), rel=0.02)
    assert abs(even).max() <= np.float32(0.3)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_equal_seeds_give_equal_weights(name):
    first, second, other = (INITIALIZERS[name]((4, 3), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_shape_of_a_vector_raises_one_sentence(name):
    with pytest.raises(ValueError, match=r"shape \(3,\); its initialization needs \(inputs, outputs\)"):
        INITIALIZERS[name]((3,), np.random.default_rng(0))


def test_fans_include_every_position_of_a_kernel():
    assert fans((7, 11)) == (7, 11)
    assert fans((3, 5, 7, 11)) == (105, 165)
