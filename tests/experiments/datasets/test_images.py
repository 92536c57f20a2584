import gzip

import numpy as np
import pytest

from neuralzoo.experiments.datasets import DataError, images, info, load
from neuralzoo.experiments.datasets import mnist_variants as warped


@pytest.fixture(scope="module")
def subset():
    return load("fashion-mnist-5k")


def flat(part):
    return part[0].reshape(len(part[0]), -1), part[1]


def test_the_shipped_part_of_fashion_mnist_has_as_many_of_each_class(subset):
    assert np.bincount(subset.train[1]).tolist() == [500] * 10
    assert np.bincount(subset.test[1]).tolist() == [100] * 10
    assert subset.classes[8] == "Bag"


def test_nearest_neighbour_on_the_shipped_part_is_right_as_often_as_known(subset):
    (x, y), (x_test, y_test) = flat(subset.train), flat(subset.test)
    distance = (x**2).sum(axis=1) - 2 * x_test @ x.T
    assert np.mean(y[distance.argmin(axis=1)] == y_test) == pytest.approx(0.781, abs=1e-9)


def test_ridge_regression_on_the_shipped_part_is_right_as_often_as_known(subset):
    (x, y), (x_test, y_test) = flat(subset.train), flat(subset.test)
    x, x_test = (np.column_stack([part, np.ones(len(part))]).astype(np.float64) for part in (x, x_test))
    weights = np.linalg.solve(x.T @ x + 10 * np.eye(785), x.T @ (2 * np.eye(10)[y] - 1))
    assert np.mean((x_test @ weights).argmax(axis=1) == y_test) == pytest.approx(0.798, abs=0.003)


@pytest.mark.parametrize(
    ("name", "sums", "first_labels"),
    [
        ("mnist", (1_567_298_545, 264_923_200, 27_525), [5, 0, 4, 1, 9]),
        ("fashion-mnist", (3_431_114_169, 573_469_082, 76_247), [9, 0, 0, 3, 0]),
    ],
)
def test_the_canonical_files_have_their_known_pixels_and_labels(name, sums, first_labels, public_data):
    x, y, x_test, y_test = images.raw_arrays(info(name).files)
    assert (x.sum(dtype=np.int64), x_test.sum(dtype=np.int64), x[0].sum(dtype=np.int64)) == sums
    assert y[:5].tolist() == first_labels
    assert np.bincount(y_test).sum() == 10_000


def test_mnist_classes_are_as_frequent_as_known(public_data):
    data = load("mnist")
    assert np.bincount(data.train[1]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.test[1]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_shipped_part_is_part_of_fashion_mnist(subset, public_data):
    whole = {picture.tobytes() for picture in load("fashion-mnist").train[0]}
    assert all(picture.tobytes() in whole for picture in subset.train[0])


def test_grey_values_keep_every_byte():
    pictures = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    numbers = images.grey(pictures)
    assert numbers.dtype == np.float32
    assert (numbers.min(), numbers.max()) == (0, 1)
    assert np.array_equal(np.rint(numbers[..., 0] * 255), pictures)


def test_an_idx_file_is_read_by_its_own_sizes():
    content = b"\0\0\x08\x03" + np.array([2, 3, 4], ">u4").tobytes() + bytes(range(24))
    assert np.array_equal(images.idx(gzip.compress(content)), np.arange(24).reshape(2, 3, 4))


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b"\0\0\x08\x01\0\0\0\x05four"),
        gzip.compress(b"\0\0\x0d\x01\0\0\0\x04four"),
        gzip.compress(b""),
        gzip.compress(b"\0\0\x08\x03\0\0"),
        gzip.compress(b"\0\0\x08\x01\0\0\0\x04four")[:-9],
        gzip.compress(b"\0\0\x08\x00"),
        gzip.compress(bytes(100))[:10] + b"\xff" * 20,
    ],
)
def test_what_is_no_whole_idx_file_is_refused_in_one_sentence(content):
    with pytest.raises(DataError, match=r"an idx file .*; it needs to be") as caught:
        images.idx(content)
    assert "\n" not in str(caught.value)


def blobs(n, rng):
    pictures = np.zeros((n, 28, 28), np.uint8)
    pictures[:, 4:24, 4:24] = rng.integers(1, 256, size=(n, 20, 20))
    return pictures


def test_moving_a_picture_keeps_every_pixel_and_reaches_every_place():
    rng = np.random.default_rng(0)
    pictures = np.full((3000, 2, 3), 7, np.uint8)
    moved = warped.translated(pictures, 6, rng)
    assert moved.shape == (3000, 14, 15)
    assert (moved.sum(axis=(1, 2)) == 42).all()
    corners = {tuple(np.argwhere(picture)[0]) for picture in moved}
    assert corners == {(row, column) for row in range(13) for column in range(13)}


def test_the_identity_map_only_moves_a_picture():
    pictures = blobs(3, np.random.default_rng(1))
    same = np.broadcast_to(np.eye(2), (3, 2, 2))
    centred = warped.affine(pictures, same, np.zeros((3, 2)))
    assert np.array_equal(np.rint(centred[:, 6:34, 6:34, 0] * 255), pictures)
    right_and_down = warped.affine(pictures, same, np.tile([2.0, 3.0], (3, 1)))
    assert np.array_equal(np.rint(right_and_down[:, 9:37, 8:36, 0] * 255), pictures)


def test_a_quarter_turn_is_exact():
    pictures = blobs(2, np.random.default_rng(2))
    turn = np.broadcast_to(np.array([[0.0, -1.0], [1.0, 0.0]]), (2, 2, 2))  # x to the right becomes y down
    turned = warped.affine(pictures, turn, np.zeros((2, 2)))
    expected = np.rot90(pictures, k=-1, axes=(1, 2))
    assert np.array_equal(np.rint(turned[:, 6:34, 6:34, 0] * 255), expected)


def test_interpolation_agrees_with_scipy():
    ndimage = pytest.importorskip("scipy.ndimage", reason="agreement needs scipy")
    rng = np.random.default_rng(3)
    pictures, maps = blobs(20, rng), warped.transforms(20, rng)
    shifts = warped.placements(pictures, maps, rng)
    ours = warped.affine(pictures, maps, shifts)[..., 0] * 255
    for picture, matrix, shift, our in zip(pictures, maps, shifts, ours, strict=True):
        back = np.linalg.inv(matrix)[::-1, ::-1]  # (row, column) instead of (x, y)
        offset = 13.5 - back @ (19.5 + shift[::-1])
        theirs = ndimage.affine_transform(
            np.pad(picture, 1).astype(float), back, offset + 1, output_shape=(40, 40), order=1
        )
        np.testing.assert_allclose(our, theirs, atol=1e-3)


def test_bent_pictures_keep_their_ink_on_the_canvas():
    rng = np.random.default_rng(4)
    pictures, maps = np.full((2000, 28, 28), 0, np.uint8), warped.transforms(2000, rng)
    pictures[:, 4:24, 4:24] = 200  # as large as the digits are
    bent = warped.affine(pictures, maps, warped.placements(pictures, maps, rng))
    ink = bent.sum(axis=(1, 2, 3)) * 255 / (200 * 400)
    np.testing.assert_allclose(ink, np.abs(np.linalg.det(maps)), rtol=0.02)


def test_transforms_stay_within_what_is_said_of_them():
    maps = warped.transforms(5000, np.random.default_rng(5))
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


def test_overlaid_digits_are_of_two_classes_and_never_too_bright():
    rng = np.random.default_rng(6)
    labels = rng.integers(10, size=300)
    pictures = np.broadcast_to((20 * labels + 70).astype(np.uint8)[:, None, None], (300, 28, 28))
    both, classes = warped.overlaid(pictures, labels, 1000, rng)
    assert (classes[:, 0] != classes[:, 1]).all()
    assert np.array_equal(classes[:, 0], labels[np.arange(1000) % 300])
    sums = np.minimum((20 * classes + 70).sum(axis=1), 255)
    assert np.array_equal(both[:, 8:28, 8:28].max(axis=(1, 2)), sums)


@pytest.mark.parametrize("name", ["translated-mnist", "affine-mnist", "multi-mnist"])
def test_warped_digits_are_a_function_of_the_seed(name, public_data):
    first, again, other = (load(name, seed=seed, train=100, test=50) for seed in (1, 1, 2))
    assert first.train[0].shape == (100, *first.task.shape)
    assert first.test[0].tobytes() == again.test[0].tobytes()
    assert first.train[0].tobytes() == again.train[0].tobytes()
    assert not np.array_equal(first.test[0], other.test[0])


def test_moved_digits_have_the_pixels_of_mnist(public_data):
    plain, moved = load("mnist"), load("translated-mnist", train=500, test=100)
    assert np.array_equal(moved.train[1], plain.train[1][:500])
    np.testing.assert_allclose(moved.train[0].sum(axis=(1, 2, 3)), plain.train[0][:500].sum(axis=(1, 2, 3)), rtol=1e-5)


def test_bent_digits_are_learnt_from_merely_moved_ones(public_data):
    bent, moved = (load(name, train=300, test=100) for name in ("affine-mnist", "translated-mnist"))
    assert np.array_equal(bent.train[0], moved.train[0])
    assert not np.array_equal(bent.test[0], moved.test[0])
    images, digits = bent.tests["moved"]
    assert np.array_equal(digits, bent.test[1])
    assert not np.array_equal(images, moved.test[0])  # elsewhere on the canvas, the same ink
    np.testing.assert_allclose(images.sum(axis=(1, 2, 3)), moved.test[0].sum(axis=(1, 2, 3)), rtol=1e-5)
