import math

import numpy as np
import pytest

from neuralzoo.core.blocks.conv import Conv2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.layer import Context
from neuralzoo.plugins.gan.layers import FourierFeatures, MinibatchStddev, Pack, SpectralNorm
from neuralzoo.plugins.gan.metrics.modes import mode_metrics, sample_metrics

RNG = np.random.default_rng(0)


def training():
    return Context(training=True, rng=np.random.default_rng(0))


def ring(count, rng=RNG, std=0.02):
    labels = np.arange(count) % 8
    means = 2 * np.stack([np.cos(labels * math.pi / 4), np.sin(labels * math.pi / 4)], axis=1)
    return means + std * rng.normal(size=(count, 2)), labels


def test_fourier_features_approximate_a_gaussian_kernel_of_the_configured_scale():
    layer = FourierFeatures(2, 5000, 3.0, np.random.default_rng(0)).astype(np.float64)
    x = RNG.normal(size=(4, 2))
    y = layer.predict(x)
    np.testing.assert_array_equal(y[:, :2], x)
    np.testing.assert_allclose(y[:, 2:5002] ** 2 + y[:, 5002:] ** 2, 1)
    # The inner product of the features of two points is exp(-scale² distance² / 2) in the mean.
    squared_distance = np.square(x[0] - x[1]).sum()
    assert y[0, 2:] @ y[1, 2:] / 5000 == pytest.approx(np.exp(-9 * squared_distance / 2), abs=0.05)
    assert not layer.trainable_parameters()


def test_the_spectral_norm_follows_the_largest_singular_value():
    layer = SpectralNorm(Dense(6, 4, RNG, bias=False)).astype(np.float64)
    x = RNG.normal(size=(5, 6))
    for _ in range(30):
        weight = layer.layer.weight.value
        largest = np.linalg.svd(weight)[1][0]
        assert layer.norm == pytest.approx(largest, rel=1e-2)
        np.testing.assert_allclose(layer.predict(x), x @ weight / layer.norm + layer.bias.value)
        weight += 0.01 * RNG.normal(size=weight.shape)
        for _ in range(5):
            layer.power_iteration()


def test_the_spectral_norm_of_a_kernel_is_that_of_its_matrix():
    layer = SpectralNorm(Conv2D(3, 5, 4, RNG, bias=False)).astype(np.float64)
    weight = layer.layer.weight.value
    assert layer.norm == pytest.approx(np.linalg.svd(weight.reshape(48, 5))[1][0])


def test_power_iteration_converges_from_a_random_vector():
    layer = SpectralNorm(Dense(6, 4, RNG, bias=False)).astype(np.float64)
    layer.u.value[...] = RNG.normal(size=6)
    layer.u.value /= np.linalg.norm(layer.u.value)
    for _ in range(500):
        layer.power_iteration()
    assert layer.norm == pytest.approx(np.linalg.svd(layer.layer.weight.value)[1][0], rel=1e-6)


def test_a_spectrally_normalised_layer_is_1_lipschitz():
    layer = SpectralNorm(Dense(6, 4, RNG, bias=False)).astype(np.float64)
    layer.layer.weight.value *= 50
    a, b = RNG.normal(size=(2, 100, 6))
    ratios = np.linalg.norm(layer.predict(a) - layer.predict(b), axis=1) / np.linalg.norm(a - b, axis=1)
    assert ratios.max() <= 1 + 1e-6


def test_packs_are_consecutive_examples_concatenated():
    x = np.arange(10.0).reshape(5, 2)
    y, pull = Pack(2)(x, training())
    np.testing.assert_array_equal(y, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]])  # the first one fills up
    np.testing.assert_array_equal(pull(np.ones((3, 4)))[:, 0], [2, 1, 1, 1, 1])
    images = RNG.normal(size=(6, 4, 3, 2))
    packs, _ = Pack(3)(images, training())
    assert packs.shape == (2, 4, 3, 6)
    for index in range(3):
        np.testing.assert_array_equal(packs[..., 2 * index : 2 * index + 2], images[index::3])


def test_the_minibatch_std_is_appended_to_every_example():
    x = RNG.normal(size=(50, 3)) * [1, 2, 3]
    y, _ = MinibatchStddev()(x, training())
    np.testing.assert_allclose(y[:, 3], x.std(axis=0).mean(), rtol=1e-6)
    np.testing.assert_allclose(MinibatchStddev()(np.ones((50, 3)), training())[0][:, 3], 0, atol=1e-3)


def test_the_energy_distance_agrees_with_loops_and_vanishes_for_equal_sets():
    a, b = RNG.normal(size=(7, 2)), RNG.normal(size=(5, 2)) + 1
    mean = {
        name: np.mean([[math.dist(p, q) for q in two] for p in one])
        for name, one, two in (("ab", a, b), ("aa", a, a), ("bb", b, b))
    }
    found = sample_metrics(a, b)
    assert found["loss"] == pytest.approx(2 * mean["ab"] - mean["aa"] - mean["bb"])
    same = sample_metrics(a, a)
    assert same["loss"] == pytest.approx(0, abs=1e-6)
    assert same["std_ratio"] == pytest.approx(1)
    assert same["coverage"] == 1
    assert sample_metrics(a, np.zeros((5, 2)))["std_ratio"] == 0


def test_modes_are_covered_only_by_samples_near_them():
    real, labels = ring(4000)
    made, own = ring(2500)
    whole = mode_metrics(real, labels, made)
    assert whole["modes_covered"] == 8
    assert whole["high_quality_fraction"] == pytest.approx(
        1 - math.exp(-4.5), abs=0.01
    )  # of a normal distribution in the plane
    three = mode_metrics(real, labels, made[own < 3])
    assert three["modes_covered"] == 3
    far = np.where((own < 3)[:, None], made, 5.0)
    assert mode_metrics(real, labels, far)["high_quality_fraction"] == pytest.approx(np.mean(own < 3), abs=0.02)
    few = np.concatenate([made[own == 0], made[own == 1][:5], made[own == 2][:30]])
    assert mode_metrics(real, labels, few[np.arange(2500) % len(few)])["modes_covered"] >= 2
    scarce = np.concatenate([made[own == 0][:100].repeat(24, axis=0), made[own == 1][:19], made[own == 2][:21]])
    found = mode_metrics(real, labels, np.concatenate([scarce, np.full((2500 - len(scarce), 2), 9.0)]))
    assert found["modes_covered"] == 2  # 19 of 2,500 are too few, 21 are enough
