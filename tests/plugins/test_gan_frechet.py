import numpy as np
import pytest

from neuralzoo.core.blocks.dense import Dense
from neuralzoo.experiments import datasets
from neuralzoo.plugins.gan.experiments import FULL, VARIATIONAL
from neuralzoo.plugins.gan.metrics import frechet as judge
from neuralzoo.registry import Task, build, create, get

RNG = np.random.default_rng(0)


class Drawn:
    """Stands for a generator: its samples are what it was given."""

    def __init__(self, images):
        self.images = images

    def sample(self, count, rng):
        return np.resize(self.images, (count, *self.images.shape[1:]))


@pytest.fixture(scope="module")
def clothes():
    """Return a little of the clothes, and a quick classifier of them."""
    whole = datasets.load("fashion-mnist-5k").asked_for("generation")
    few = type(whole)(
        name="a few clothes",
        task=whole.task,
        train=tuple(array[:1500] for array in whole.train),
        test=tuple(array[1500:1900] for array in whole.train),
        info=whole.info,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "EPOCHS", 2)
        patch.setattr(judge, "SETTINGS", {"channels": [8], "hidden": [16]})
        judge.classifier(few)
        yield few
    judge._trained.clear()


def test_the_distance_of_normal_distributions_is_the_formula():
    a = RNG.normal(size=(200_000, 3)) * [1, 2, 3] + [0, 1, 0]
    b = RNG.normal(size=(200_000, 3)) * [2, 2, 1] + [3, 1, 0]
    needed = np.sqrt(9 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2)  # of means, and of deviations along common axes
    assert judge.frechet_distance(a, b) == pytest.approx(needed, rel=0.01)
    assert judge.frechet_distance(a, a) == pytest.approx(0, abs=1e-3)


def test_the_distance_is_that_of_scipys_matrix_root():
    linalg = pytest.importorskip("scipy.linalg", reason="the matrix root of scipy")
    a, b = RNG.normal(size=(50, 4)) @ RNG.normal(size=(4, 4)), RNG.normal(size=(60, 4)) @ RNG.normal(size=(4, 4)) + 1
    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    gap = a.mean(axis=0) - b.mean(axis=0)
    square = gap @ gap + np.trace(one + other - 2 * np.real(linalg.sqrtm(one @ other)))
    assert judge.frechet_distance(a, b) == pytest.approx(np.sqrt(square), rel=1e-6)
    assert judge.frechet_distance(b, a) == pytest.approx(np.sqrt(square), rel=1e-6)
    turned = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    assert judge.frechet_distance(a @ turned, b @ turned) == pytest.approx(np.sqrt(square), rel=1e-6)


@pytest.mark.parametrize(("name", "settings"), [("cnn", {"channels": [3], "hidden": [6]}), ("fnn", {"hidden": [7, 6]})])
def test_what_a_classifier_sees_is_what_its_last_layer_reads(name, settings):
    task = Task(kind="classification", input="image", shape=(8, 8, 1), outputs=4)
    network = build(get(name), settings, task, seed=0)
    x = RNG.random((5, 8, 8, 1)).astype(np.float32)
    before = network.predict(x)
    h = judge.eyes(network).predict(x)
    assert h.shape == (5, 6)
    last = [part for _, part in network.named_modules() if isinstance(part, Dense)][-1]
    np.testing.assert_allclose(h @ last.weight.value + last.bias.value, before, atol=1e-5)
    np.testing.assert_array_equal(network.predict(x), before)


def test_the_classifier_is_trained_once_for_a_data_set(clothes):
    assert judge.classifier(clothes) is judge.classifier(clothes)


def test_real_images_are_nearer_than_noisy_ones_and_those_nearer_than_noise(clothes):
    real = clothes.train[0][400:800]
    noisy = np.clip(real + 0.3 * RNG.normal(size=real.shape).astype(np.float32), 0, 1)
    floor, ceiling = judge.frechet_floor(None, clothes), judge.frechet_ceiling(None, clothes)
    found = [judge.frechet(Drawn(images), clothes) for images in (real, noisy)]
    assert found[0] == pytest.approx(floor, rel=0.5)
    assert max(floor, found[0]) < found[1] < ceiling


def test_a_class_that_nobody_draws_is_missed(clothes):
    x, labels = clothes.train
    whole = judge.classes_present(Drawn(x), clothes)
    assert whole >= 9  # the quick classifier may be blind to one
    assert judge.classes_present(Drawn(x[labels == 1]), clothes) < whole / 2


def test_the_variational_rival_has_the_same_decoder():
    gan = create("gan", inputs=(28, 28, 1), **FULL.model)
    rival = create("autoencoder", inputs=(28, 28, 1), **VARIATIONAL.model)
    ours, theirs = (
        [parameter.value.shape for name, parameter in part.named_parameters().items()]
        for part in (gan.generator, rival.decoder)
    )
    assert ours == theirs
