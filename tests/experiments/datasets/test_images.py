import gzip

import numpy as np
import pytest

from neuralzoo.experiments.datasets import DataError, images, info, load


@pytest.fixture(scope="module")
def subset():
    return load("fashion-mnist-5k")


def flat(part):
    return part[0].reshape(len(part[0]), -1), part[1]


def test_the_embedded_part_of_fashion_mnist_is_stratified(subset):
    assert np.bincount(subset.train[1]).tolist() == [500] * 10
    assert np.bincount(subset.test[1]).tolist() == [100] * 10
    assert subset.classes[8] == "Bag"


def test_nearest_neighbour_on_the_embedded_part_has_its_known_accuracy(subset):
    (x, y), (x_test, y_test) = flat(subset.train), flat(subset.test)
    distance = (x**2).sum(axis=1) - 2 * x_test @ x.T
    assert np.mean(y[distance.argmin(axis=1)] == y_test) == pytest.approx(0.781, abs=1e-9)


def test_ridge_regression_on_the_embedded_part_has_its_known_accuracy(subset):
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


def test_mnist_classes_have_their_known_frequencies(public_data):
    data = load("mnist")
    assert np.bincount(data.train[1]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.test[1]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_embedded_part_is_a_subset_of_fashion_mnist(subset, public_data):
    whole = {image.tobytes() for image in load("fashion-mnist").train[0]}
    assert all(image.tobytes() in whole for image in subset.train[0])


def test_greyscale_values_keep_every_byte():
    raw = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    values = images.grey(raw)
    assert values.dtype == np.float32
    assert (values.min(), values.max()) == (0, 1)
    assert np.array_equal(np.rint(values[..., 0] * 255), raw)


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
    # gzip writes the time: processes that collect in different seconds would have different tests
    ids=["no gzip", "too long", "floats", "empty", "header cut", "gzip cut", "no axes", "garbage"],
)
def test_a_truncated_or_foreign_idx_file_is_refused_in_one_sentence(content):
    with pytest.raises(DataError, match=r"an IDX file .*; it needs to be") as caught:
        images.idx(content)
    assert "\n" not in str(caught.value)
