import numpy as np
import pytest

from neuralzoo.experiments.datasets import load, mnist_variants


def blobs(n, rng):
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = rng.integers(1, 256, size=(n, 20, 20))
    return images


def test_translation_keeps_every_pixel_and_reaches_every_position():
    rng = np.random.default_rng(0)
    images = np.full((3000, 2, 3), 7, np.uint8)
    translated = mnist_variants.translated(images, 6, rng)
    assert translated.shape == (3000, 14, 15)
    assert (translated.sum(axis=(1, 2)) == 42).all()
    corners = {tuple(np.argwhere(image)[0]) for image in translated}
    assert corners == {(row, column) for row in range(13) for column in range(13)}


def test_the_identity_map_only_translates():
    images = blobs(3, np.random.default_rng(1))
    same = np.broadcast_to(np.eye(2), (3, 2, 2))
    centred = mnist_variants.affine(images, same, np.zeros((3, 2)))
    assert np.array_equal(np.rint(centred[:, 6:34, 6:34, 0] * 255), images)
    right_and_down = mnist_variants.affine(images, same, np.tile([2.0, 3.0], (3, 1)))
    assert np.array_equal(np.rint(right_and_down[:, 9:37, 8:36, 0] * 255), images)


def test_a_quarter_rotation_is_exact():
    images = blobs(2, np.random.default_rng(2))
    rotation = np.broadcast_to(np.array([[0.0, -1.0], [1.0, 0.0]]), (2, 2, 2))  # x to the right becomes y down
    rotated = mnist_variants.affine(images, rotation, np.zeros((2, 2)))
    expected = np.rot90(images, k=-1, axes=(1, 2))
    assert np.array_equal(np.rint(rotated[:, 6:34, 6:34, 0] * 255), expected)


def test_interpolation_agrees_with_scipy():
    ndimage = pytest.importorskip("scipy.ndimage", reason="agreement needs scipy")
    rng = np.random.default_rng(3)
    images, maps = blobs(20, rng), mnist_variants.transforms(20, rng)
    translations = mnist_variants.placements(images, maps, rng)
    ours = mnist_variants.affine(images, maps, translations)[..., 0] * 255
    for image, matrix, translation, our in zip(images, maps, translations, ours, strict=True):
        back = np.linalg.inv(matrix)[::-1, ::-1]  # (row, column) instead of (x, y)
        offset = 13.5 - back @ (19.5 + translation[::-1])
        theirs = ndimage.affine_transform(
            np.pad(image, 1).astype(float), back, offset + 1, output_shape=(40, 40), order=1
        )
        np.testing.assert_allclose(our, theirs, atol=1e-3)


def test_affine_transformed_images_keep_their_ink_on_the_canvas():
    rng = np.random.default_rng(4)
    images, maps = np.full((2000, 28, 28), 0, np.uint8), mnist_variants.transforms(2000, rng)
    images[:, 4:24, 4:24] = 200  # as large as the digits are
    transformed = mnist_variants.affine(images, maps, mnist_variants.placements(images, maps, rng))
    ink = transformed.sum(axis=(1, 2, 3)) * 255 / (200 * 400)
    np.testing.assert_allclose(ink, np.abs(np.linalg.det(maps)), rtol=0.02)


def test_rotation_shear_and_scale_stay_within_their_ranges():
    maps = mnist_variants.transforms(5000, np.random.default_rng(5))
    angle = np.rad2deg(np.arctan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert -20 <= angle.min() < -19.9
    assert 19.9 < angle.max() <= 20
    width = np.hypot(maps[:, 0, 0], maps[:, 1, 0])
    assert 0.8 <= width.min() < 0.801
    assert 1.199 < width.max() <= 1.2
    height = np.linalg.det(maps) / width
    assert 0.8 <= height.min() < 0.801
    shear = (maps[:, :, 0] * maps[:, :, 1]).sum(axis=1) / width / height
    assert 0.19 < np.abs(shear).max() <= 0.2 + 1e-9


def test_overlapping_digits_are_of_two_classes_and_saturate():
    rng = np.random.default_rng(6)
    labels = rng.integers(10, size=300)
    images = np.broadcast_to((20 * labels + 70).astype(np.uint8)[:, None, None], (300, 28, 28))
    both, classes = mnist_variants.overlaid(images, labels, 1000, rng)
    assert (classes[:, 0] != classes[:, 1]).all()
    assert np.array_equal(classes[:, 0], labels[np.arange(1000) % 300])
    sums = np.minimum((20 * classes + 70).sum(axis=1), 255)
    assert np.array_equal(both[:, 8:28, 8:28].max(axis=(1, 2)), sums)


@pytest.mark.parametrize("name", ["translated-mnist", "affine-mnist", "multi-mnist"])
def test_mnist_variants_are_a_function_of_the_seed(name, public_data):
    first, again, other = (load(name, seed=seed, train=100, test=50) for seed in (1, 1, 2))
    assert first.train[0].shape == (100, *first.task.shape)
    assert first.test[0].tobytes() == again.test[0].tobytes()
    assert first.train[0].tobytes() == again.train[0].tobytes()
    assert not np.array_equal(first.test[0], other.test[0])


def test_translated_digits_have_the_pixels_of_mnist(public_data):
    plain, translated = load("mnist"), load("translated-mnist", train=500, test=100)
    assert np.array_equal(translated.train[1], plain.train[1][:500])
    ink = plain.train[0][:500].sum(axis=(1, 2, 3))
    np.testing.assert_allclose(translated.train[0].sum(axis=(1, 2, 3)), ink, rtol=1e-5)


def test_affine_mnist_trains_on_translated_digits(public_data):
    transformed, translated = (load(name, train=300, test=100) for name in ("affine-mnist", "translated-mnist"))
    assert np.array_equal(transformed.train[0], translated.train[0])
    assert not np.array_equal(transformed.test[0], translated.test[0])
    images, digits = transformed.extra_test_sets["translated"]
    assert np.array_equal(digits, transformed.test[1])
    assert not np.array_equal(images, translated.test[0])  # at other positions, the same ink
    np.testing.assert_allclose(images.sum(axis=(1, 2, 3)), translated.test[0].sum(axis=(1, 2, 3)), rtol=1e-5)
