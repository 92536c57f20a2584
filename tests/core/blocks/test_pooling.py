import numpy as np
import pytest

from neuralzoo.core.blocks.pooling import (
    AveragePool1D,
    AveragePool2D,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
)
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_layer

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(3, 5, 7, 2))
STEPS = RNG.normal(size=(3, 7, 2))

LAYERS = {
    "max": (lambda rng: MaxPool2D(2), IMAGES),
    "max_of_all_rows": (lambda rng: MaxPool2D((5, 1)), IMAGES),
    "max_overlapping": (lambda rng: MaxPool2D((3, 2), (2, 1)), IMAGES),
    "max_with_gaps": (lambda rng: MaxPool2D(2, 3), IMAGES),
    "max_of_one": (lambda rng: MaxPool2D(1), IMAGES),
    "max_of_every_second": (lambda rng: MaxPool2D(1, 2), IMAGES),
    "average": (lambda rng: AveragePool2D(2), IMAGES),
    "average_overlapping": (lambda rng: AveragePool2D((2, 3), (1, 2)), IMAGES),
    "average_with_gaps": (lambda rng: AveragePool2D(2, 3), IMAGES),
    "max_of_steps": (lambda rng: MaxPool1D(3), STEPS),
    "max_of_overlapping_steps": (lambda rng: MaxPool1D(3, 2), STEPS),
    "average_of_steps": (lambda rng: AveragePool1D(2), STEPS),
    "average_of_overlapping_steps": (lambda rng: AveragePool1D(4, 1), STEPS),
    "global_average": (lambda rng: GlobalAveragePool(), IMAGES),
    "global_average_of_steps": (lambda rng: GlobalAveragePool(), STEPS),
    "global_max": (lambda rng: GlobalMaxPool(), IMAGES),
    "global_max_of_steps": (lambda rng: GlobalMaxPool(), STEPS),
}
CHECKS = {f"{name}-{check}": check for name, (make, x) in LAYERS.items() for check in checks_for_layer(make, x)}


@pytest.mark.parametrize("name", CHECKS)
def test_pooling_conforms(name):
    CHECKS[name]()


def image(rows):
    return np.array(rows, np.float32)[None, ..., None]


def back(layer, x, dy):
    _, pull = layer(x, Context(training=True))
    return pull(dy)


SQUARE = image([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]])


def test_pooling_has_known_values():
    np.testing.assert_array_equal(MaxPool2D(2).predict(SQUARE)[0, ..., 0], [[6, 8], [14, 16]])
    np.testing.assert_array_equal(AveragePool2D(2).predict(SQUARE)[0, ..., 0], [[3.5, 5.5], [11.5, 13.5]])
    np.testing.assert_array_equal(MaxPool2D(3, 1).predict(SQUARE)[0, ..., 0], [[11, 12], [15, 16]])
    np.testing.assert_array_equal(GlobalAveragePool().predict(SQUARE), [[8.5]])
    np.testing.assert_array_equal(GlobalMaxPool().predict(SQUARE), [[16]])
    np.testing.assert_array_equal(MaxPool1D(2).predict(SQUARE[0]).ravel(), [2, 4, 6, 8, 10, 12, 14, 16])


def test_rows_and_columns_beyond_the_last_window_are_not_read():
    x = IMAGES.copy()
    y = MaxPool2D(2).predict(x)
    assert y.shape == (3, 2, 3, 2)
    x[:, 4:], x[:, :, 6:] = 100, 100
    np.testing.assert_array_equal(MaxPool2D(2).predict(x), y)
    dx = back(AveragePool2D(2), x, np.ones_like(y))
    assert not dx[:, 4:].any()
    assert not dx[:, :, 6:].any()


def test_max_pooling_gives_the_gradient_to_the_maximum():
    dx = back(MaxPool2D(2), SQUARE, image([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(dx[0, ..., 0], [[0, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 0], [0, 3, 0, 4]])


def test_the_first_of_equal_maxima_in_reading_order_gets_the_whole_gradient():
    dy = image([[5]])
    for rows, needed in (
        ([[7, 7], [7, 7]], [[5, 0], [0, 0]]),
        ([[0, 7], [7, 0]], [[0, 5], [0, 0]]),
        ([[0, 0], [7, 7]], [[0, 0], [5, 0]]),
    ):
        np.testing.assert_array_equal(back(MaxPool2D(2), image(rows), dy)[0, ..., 0], needed)
        np.testing.assert_array_equal(back(GlobalMaxPool(), image(rows), dy[:, 0, 0])[0, ..., 0], needed)


def test_gradients_of_overlapping_windows_add_up():
    dx = back(MaxPool2D(3, 1), image([[0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]), image([[1, 2], [4, 8]]))
    assert dx[0, 1, 1, 0] == 1 + 2 + 4 + 8
    assert dx.sum() == 15
    dx = back(AveragePool1D(2, 1), np.zeros((1, 3, 1)), np.array([[[2.0], [4.0]]]))
    np.testing.assert_array_equal(dx.ravel(), [1, 3, 2])


def test_channels_and_examples_are_pooled_independently():
    y = MaxPool2D(2).predict(IMAGES)
    for n in range(3):
        for c in range(2):
            np.testing.assert_array_equal(
                MaxPool2D(2).predict(IMAGES[n : n + 1, :, :, c : c + 1])[0, ..., 0], y[n, ..., c]
            )


def test_pooling_is_equivariant_to_shifts_by_the_stride():
    x = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)))
    for layer in (MaxPool2D(3, 2), AveragePool2D(2)):
        y, shifted = layer.predict(x), layer.predict(np.roll(x, 2, axis=1))
        np.testing.assert_array_equal(shifted[:, 1:], y[:, :-1])


def test_global_pooling_is_invariant_to_permutations_of_positions():
    shuffled = IMAGES.reshape(3, 35, 2)[:, RNG.permutation(35)].reshape(IMAGES.shape)
    np.testing.assert_array_equal(GlobalMaxPool().predict(shuffled), GlobalMaxPool().predict(IMAGES))
    np.testing.assert_allclose(GlobalAveragePool().predict(shuffled), GlobalAveragePool().predict(IMAGES), atol=1e-12)


def test_output_shape_is_the_shape_of_the_output():
    for layer in (MaxPool2D((2, 3), (2, 1)), AveragePool2D(2, 3), MaxPool2D(5)):
        assert layer.predict(IMAGES).shape == (3, *layer.output_shape((5, 7)), 2)
    for layer in (MaxPool1D(3), AveragePool1D(2, 3)):
        assert layer.predict(STEPS).shape == (3, layer.output_shape(7), 2)


@pytest.mark.parametrize("layer", [MaxPool2D(2), AveragePool2D(2), GlobalAveragePool(), GlobalMaxPool()])
def test_gradients_of_the_data_are_skipped(layer):
    y, pull = layer(IMAGES, Context(training=True, grads=Gradients(layer), inputs_without_grad=IMAGES))
    dx = pull(np.ones_like(y))
    assert dx.shape == IMAGES.shape
    assert not dx.any()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: MaxPool2D(0), r"^MaxPool2D got window=0, 0 and stride=0, 0; it needs sizes above 0$"),
        (lambda: AveragePool1D(2, 0), r"^AveragePool1D got window=2 and stride=0; it needs sizes above 0$"),
        (lambda: MaxPool2D(6).predict(IMAGES), r"^MaxPool2D got images of 5 x 7; its window needs at least 6 x 6$"),
        (lambda: AveragePool1D(8).predict(STEPS), r"^AveragePool1D got sequences of 7 steps; .* at least 8$"),
        (lambda: MaxPool2D(2).predict(STEPS), r"^MaxPool2D got x of shape \(3, 7, 2\); it needs \(N, H, W, C\)$"),
        (lambda: MaxPool1D(2).predict(IMAGES), r"^MaxPool1D got x of shape \(3, 5, 7, 2\); it needs \(N, T, D\)$"),
        (lambda: GlobalMaxPool().predict(IMAGES[:, 0, 0]), r"^GlobalMaxPool got x of shape \(3, 2\); it needs"),
        (lambda: GlobalAveragePool().predict(IMAGES[:, :0]), r"^GlobalAveragePool got x of shape \(3, 0, 7, 2\)"),
    ],
)
def test_invalid_arguments_raise_one_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 2), ((2, 3), (1, 2)), (2, 3), (3, 1), (1, 1)])
def test_pooling_agrees_with_pytorch(kind, window, stride):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    layer, theirs = {
        "Max": (MaxPool2D, torch.nn.MaxPool2d),
        "Average": (AveragePool2D, torch.nn.AvgPool2d),
    }[kind]
    for x in (
        RNG.normal(size=(4, 9, 8, 3)),
        RNG.integers(0, 3, size=(4, 9, 8, 3)).astype(float),
    ):  # without and with ties
        y, pull = layer(window, stride)(x, Context(training=True))
        inputs = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
        needed = theirs(window, stride)(inputs)
        dy = RNG.normal(size=y.shape)
        needed.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
        np.testing.assert_allclose(y.transpose(0, 3, 1, 2), needed.detach().numpy(), atol=1e-12)
        np.testing.assert_allclose(pull(dy).transpose(0, 3, 1, 2), inputs.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 1), (2, 3)])
def test_1d_pooling_agrees_with_pytorch(window, stride):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    x = RNG.integers(0, 4, size=(4, 9, 3)).astype(float)
    for layer, theirs in (
        (MaxPool1D(window, stride), torch.nn.MaxPool1d(window, stride)),
        (AveragePool1D(window, stride), torch.nn.AvgPool1d(window, stride)),
    ):
        y, pull = layer(x, Context(training=True))
        inputs = torch.tensor(x.transpose(0, 2, 1), requires_grad=True)
        needed = theirs(inputs)
        dy = RNG.normal(size=y.shape)
        needed.backward(torch.tensor(dy.transpose(0, 2, 1)))
        np.testing.assert_allclose(y.transpose(0, 2, 1), needed.detach().numpy(), atol=1e-12)
        np.testing.assert_allclose(pull(dy).transpose(0, 2, 1), inputs.grad.numpy(), atol=1e-12)


def test_max_pooling_does_not_modify_the_smallest_image():
    x = np.array([[[[1.0], [4.0]], [[2.0], [3.0]]]])
    before = x.copy()
    y, pull = MaxPool2D(2)(x, Context(training=True))
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(y, [[[[4.0]]]])
    np.testing.assert_array_equal(pull(np.ones_like(y)), [[[[0.0], [1.0]], [[0.0], [0.0]]]])
