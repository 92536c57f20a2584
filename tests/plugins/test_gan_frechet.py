import numpy as np
import pytest

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.experiments import datasets
from neuralzoo.plugins.gan.experiments import FULL, VARIATIONAL
from neuralzoo.plugins.gan.metrics import frechet
from neuralzoo.registry import Task, build, create, get

RNG = np.random.default_rng(0)


class FixedSamples:
    """A stand-in for a GAN whose samples are given images."""

    def __init__(self, images):
        self.images = images

    def sample(self, count, rng):
        return self.images[np.arange(count) % len(self.images)]


@pytest.fixture(scope="module")
def fashion_mnist():
    """Return a subset of Fashion-MNIST, with a small classifier trained on it."""
    whole = datasets.load("fashion-mnist-5k").with_task("generation")
    few = type(whole)(
        name="fashion-mnist-subset",
        task=whole.task,
        train=tuple(array[:1500] for array in whole.train),
        test=tuple(array[1500:1900] for array in whole.train),
        info=whole.info,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frechet, "EPOCHS", 2)
        patch.setattr(frechet, "SETTINGS", {"channels": [8], "hidden": [16]})
        frechet.reference_classifier(few)
        yield few
    frechet._CLASSIFIERS.clear()


def test_the_frechet_distance_of_normal_distributions_is_the_formula():
    a = RNG.normal(size=(200_000, 3)) * [1, 2, 3] + [0, 1, 0]
    b = RNG.normal(size=(200_000, 3)) * [2, 2, 1] + [3, 1, 0]
    needed = np.sqrt(9 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2)  # of means, and of standard deviations along common axes
    assert frechet.frechet_distance(a, b) == pytest.approx(needed, rel=0.01)
    assert frechet.frechet_distance(a, a) == pytest.approx(0, abs=1e-3)


def test_the_frechet_distance_agrees_with_scipys_matrix_square_root():
    linalg = pytest.importorskip("scipy.linalg", reason="the matrix root of scipy")
    a, b = RNG.normal(size=(50, 4)) @ RNG.normal(size=(4, 4)), RNG.normal(size=(60, 4)) @ RNG.normal(size=(4, 4)) + 1
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    difference = a.mean(axis=0) - b.mean(axis=0)
    root = np.real(linalg.sqrtm(covariance_a @ covariance_b))
    square = difference @ difference + np.trace(covariance_a + covariance_b - 2 * root)
    assert frechet.frechet_distance(a, b) == pytest.approx(np.sqrt(square), rel=1e-6)
    assert frechet.frechet_distance(b, a) == pytest.approx(np.sqrt(square), rel=1e-6)
    rotation = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    assert frechet.frechet_distance(a @ rotation, b @ rotation) == pytest.approx(np.sqrt(square), rel=1e-6)


@pytest.mark.parametrize(("name", "settings"), [("cnn", {"channels": [3], "hidden": [6]}), ("fnn", {"hidden": [7, 6]})])
def test_the_feature_extractor_returns_the_inputs_of_the_last_layer(name, settings):
    task = Task(kind="classification", input="image", shape=(8, 8, 1), outputs=4)
    network = build(get(name), settings, task, seed=0)
    x = RNG.random((5, 8, 8, 1)).astype(np.float32)
    before = network.predict(x)
    h = frechet.feature_extractor(network).predict(x)
    assert h.shape == (5, 6)
    last = [part for _, part in network.named_modules() if isinstance(part, Dense)][-1]
    np.testing.assert_allclose(h @ last.weight.value + last.bias.value, before, atol=1e-5)
    np.testing.assert_array_equal(network.predict(x), before)


def test_the_reference_classifier_is_trained_once_per_dataset(fashion_mnist):
    assert frechet.reference_classifier(fashion_mnist) is frechet.reference_classifier(fashion_mnist)


def test_the_frechet_distance_grows_from_real_to_noisy_images_to_noise(fashion_mnist):
    real = fashion_mnist.train[0][400:800]
    noisy = np.clip(real + 0.3 * RNG.normal(size=real.shape).astype(np.float32), 0, 1)
    floor, ceiling = frechet.frechet_floor(None, fashion_mnist), frechet.frechet_ceiling(None, fashion_mnist)
    distances = [frechet.frechet(FixedSamples(images), fashion_mnist) for images in (real, noisy)]
    assert distances[0] == pytest.approx(floor, rel=0.5)
    assert max(floor, distances[0]) < distances[1] < ceiling


def test_classes_without_samples_are_not_present(fashion_mnist):
    x, labels = fashion_mnist.train
    all_classes = frechet.classes_present(FixedSamples(x), fashion_mnist)
    assert all_classes >= 9  # the small classifier may never predict one
    assert frechet.classes_present(FixedSamples(x[labels == 1]), fashion_mnist) < all_classes / 2


def test_the_variational_autoencoder_has_the_same_decoder():
    gan = create("gan", inputs=(28, 28, 1), **FULL.model)
    variational = create("autoencoder", inputs=(28, 28, 1), **VARIATIONAL.model)
    ours, theirs = (
        [parameter.value.shape for name, parameter in part.named_parameters().items()]
        for part in (gan.generator, variational.decoder)
    )
    assert ours == theirs
