"""The PCA baseline, and the evaluators of the autoencoder's claims."""

import numpy as np
import pytest

from neuralzoo.experiments import datasets
from neuralzoo.plugins.autoencoder import claims
from neuralzoo.plugins.autoencoder.baselines import pca_code, pca_reconstruct, principal_components
from neuralzoo.plugins.autoencoder.metrics import class_labels, nearest_neighbour_hits, psnr, squared_errors
from neuralzoo.registry import create

RNG = np.random.default_rng(0)


def test_class_labels_are_found_for_each_task_and_none_without_classes():
    known = datasets.load("fashion-mnist-5k")
    for kind in ("reconstruction", "generation"):
        for split in ("train", "test"):
            np.testing.assert_array_equal(class_labels(known.with_task(kind), split), getattr(known, split)[1])
    series = datasets.load("sunspots").with_task("reconstruction")
    assert class_labels(series, "test") is None
    with pytest.raises(ValueError, match="sunspots has no classes"):
        claims.knn_accuracy(create("autoencoder", task=series.task, code=1), series)


def test_pca_reconstructs_examples_in_its_subspace():
    pytest.importorskip("sklearn", reason="PCA needs the extra 'experiments'")
    plane = 0.5 + 0.1 * np.random.default_rng(0).normal(size=(50, 2)) @ np.linalg.qr(RNG.normal(size=(6, 2)))[0].T
    x = plane.reshape(50, 2, 3, 1)
    assert squared_errors(pca_reconstruct(principal_components(x, 2), x), x).max() < 1e-20
    assert squared_errors(pca_reconstruct(principal_components(x, 1), x), x).mean() > 1e-3
    assert pca_code(principal_components(x, 2), x).shape == (50, 2)


def test_the_first_principal_components_are_those_of_a_smaller_decomposition():
    pytest.importorskip("sklearn", reason="PCA needs the extra 'experiments'")
    x = np.random.default_rng(0).random((40, 2, 3, 1))
    two, six = (principal_components(x, count) for count in (2, 6))
    np.testing.assert_allclose(pca_reconstruct(six, x, 2), pca_reconstruct(two, x), atol=1e-12)
    np.testing.assert_allclose(pca_reconstruct(six, x), x, atol=1e-12)


def test_the_pca_baseline_of_denoising_has_the_best_number_of_components_for_noisy_examples():
    pytest.importorskip("sklearn", reason="PCA needs the extra 'experiments'")
    rng = np.random.default_rng(0)
    plane = np.clip(0.5 + rng.normal(size=(300, 5)) @ np.linalg.qr(rng.normal(size=(36, 5)))[0].T, 0, 1)
    x = plane.reshape(300, 6, 6, 1).astype(np.float32)
    data = datasets.Dataset.of(datasets.info("fashion-mnist-5k"), (x[:200], x[:200]), (x[200:], x[200:]))

    class Clipping:
        def predict(self, x):
            return np.clip(x, 0, 1)

    noisy = claims.noisy_test_examples(data)
    ratios = {}
    for count in (2, 4, 8, 16, 30):
        components = principal_components(data.train[0], count)
        ratios[count] = psnr(pca_reconstruct(components, noisy), x[200:])
    assert max(ratios, key=lambda count: ratios[count].mean()) == 4
    loss = claims.psnr_gain_over_pca(Clipping(), data)
    needed = claims.bootstrap_lower_bound(psnr(np.clip(noisy, 0, 1), x[200:]) - ratios[4])
    # Four components of a decomposition into four and the first four of one into 36 differ by float32 rounding, and
    # how much depends on the machine's linear algebra library.
    assert loss == pytest.approx(needed, rel=1e-5)
    assert claims.psnr_gain_over_noisy_input(Clipping(), data) == 0


def test_the_bootstrap_lower_bound_is_about_two_standard_errors_below_the_mean():
    values = np.random.default_rng(1).normal(3, 2, 1000)
    needed = values.mean() - 1.96 * values.std() / 1000**0.5
    assert claims.bootstrap_lower_bound(values) == pytest.approx(needed, abs=0.02)
    assert claims.bootstrap_lower_bound(np.full(10, 0.5)) == 0.5


def test_a_nearest_neighbour_is_a_hit_if_it_is_of_the_same_class():
    pytest.importorskip("sklearn", reason="nearest neighbours need the extra 'experiments'")
    codes, labels = np.array([[0.0], [1.0], [2.0]]), np.array([4, 5, 6])
    hits = nearest_neighbour_hits(codes, labels, np.array([[0.1], [0.9], [1.9]]), np.array([4, 4, 6]))
    np.testing.assert_array_equal(hits, [1, 0, 1])
