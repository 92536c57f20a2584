import doctest
import re

import numpy as np
import pytest

from neuralzoo.core.blocks.conv import Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D, transposed
from neuralzoo.core.blocks.conv.geometry import ConvGeometry
from neuralzoo.core.blocks.conv.reference import conv2d
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.core.testing import checks_for_layer

RNG = np.random.default_rng(0)
IMAGES, SEQUENCES = RNG.normal(size=(3, 5, 6, 4)), RNG.normal(size=(3, 7, 4))
LAYERS = {
    "plain": (lambda rng: Conv2D(4, 3, 3, rng), IMAGES),
    "everything": (
        lambda rng: Conv2D(4, 6, (2, 3), rng, stride=(1, 2), padding=(1, 2), dilation=(2, 1), groups=2, bias=False),
        IMAGES,
    ),
    "depthwise": (lambda rng: Conv2D(4, 8, 3, rng, groups=4, padding="same"), IMAGES),
    "kernel of one": (lambda rng: Conv2D(4, 3, 1, rng), IMAGES),
    "winograd": (lambda rng: Conv2D(16, 17, 3, rng, padding=1), RNG.normal(size=(2, 5, 4, 16))),
    "toeplitz": (lambda rng: Conv2D(4, 3, 3, rng, padding=1), IMAGES),
    "sequence": (lambda rng: Conv1D(4, 3, 3, rng, stride=2, padding=1, dilation=2), SEQUENCES),
    "sequence of many channels": (lambda rng: Conv1D(16, 16, 3, rng, padding="same"), RNG.normal(size=(2, 7, 16))),
    "transposed": (
        lambda rng: ConvTranspose2D(4, 3, (3, 4), rng, stride=(1, 2), padding=(0, 1), output_padding=(0, 1)),
        IMAGES,
    ),
    "transposed, stride 1": (lambda rng: ConvTranspose2D(4, 13, 3, rng, bias=False), IMAGES),
    "transposed sequence": (lambda rng: ConvTranspose1D(4, 3, 4, rng, stride=2, padding=1), SEQUENCES),
}


@pytest.mark.parametrize(
    "check",
    [pytest.param(c, id=f"{name}-{c}") for name, layer in LAYERS.items() for c in checks_for_layer(*layer)],
)
def test_convolutions_conform(check):
    check()


def test_conv2d_with_a_one_hot_kernel_shifts_the_image():
    layer = Conv2D(1, 1, 3, np.random.default_rng(0))
    layer.weight.value[...] = 0
    layer.weight.value[0, 2] = 1  # the upper right corner of the window
    image = np.arange(20, dtype=np.float32).reshape(1, 4, 5, 1)
    np.testing.assert_array_equal(layer.predict(image)[0, :, :, 0], [[2, 3, 4], [7, 8, 9]])


def test_conv1d_has_known_values_with_stride_dilation_and_padding():
    layer = Conv1D(1, 1, 2, np.random.default_rng(0), stride=2, dilation=3, padding=1)
    layer.weight.value[:, 0, 0] = [1, 10]
    layer.bias.value[...] = 100
    steps = np.arange(1, 7, dtype=np.float32).reshape(1, 6, 1)  # 0 1 2 3 4 5 6 0 with padding
    np.testing.assert_array_equal(layer.predict(steps)[0, :, 0], [100 + 30, 100 + 2 + 50, 100 + 4 + 0])


def test_groups_are_independent():
    layer = Conv2D(4, 6, 3, np.random.default_rng(0), groups=2, padding="same")
    x = RNG.normal(size=(1, 5, 5, 4)).astype(np.float32)
    other = x.copy()
    other[..., 2:] = 7
    np.testing.assert_array_equal(layer.predict(x)[..., :3], layer.predict(other)[..., :3])
    assert abs(layer.predict(x)[..., 3:] - layer.predict(other)[..., 3:]).min() > 0


@pytest.mark.parametrize("channels", [(1, 3), (5, 40), (16, 16), (20, 3)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3, (3, 5), 4], ids=str)
@pytest.mark.parametrize("weights", [np.float32, np.float64])
def test_every_algorithm_agrees_with_the_reference(channels, kernel, weights):
    layer = Conv2D(*channels, kernel, np.random.default_rng(0), padding=1).astype(weights)
    x = RNG.normal(size=(2, 7, 8, channels[0])).astype(weights)
    needed, _ = conv2d(x, layer.weight.value, layer.bias.value, layer.geometry)
    np.testing.assert_allclose(layer.predict(x), needed, atol=1e-12 if weights == np.float64 else 1e-5)


@pytest.mark.parametrize("channels", [(4, 6), (16, 18)], ids=str)
@pytest.mark.parametrize("stride", [1, (2, 3)], ids=str)
@pytest.mark.parametrize("dilation", [1, (1, 2)], ids=str)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv2d_and_its_gradients_agree_with_the_reference(channels, stride, dilation, groups):
    layer = Conv2D(*channels, 3, RNG, stride=stride, padding=(1, 2), dilation=dilation, groups=groups)
    layer = layer.astype(np.float64)
    layer.bias.value[...] = RNG.normal(size=channels[1])
    x, grads = RNG.normal(size=(2, 7, 8, channels[0])), Gradients(layer)
    y, pull = layer(x, Context(training=True, grads=grads))
    needed, pull_reference = conv2d(x, layer.weight.value, layer.bias.value, layer.geometry, groups)
    dy = RNG.normal(size=y.shape)
    dx, dweight, dbias = pull_reference(dy)
    np.testing.assert_allclose(y, needed, atol=1e-12)
    np.testing.assert_allclose(pull(dy), dx, atol=1e-12)
    np.testing.assert_allclose(grads[layer.weight], dweight, atol=1e-12)
    np.testing.assert_allclose(grads[layer.bias], dbias, atol=1e-12)


def test_the_reference_convolution_has_known_values():
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    weight, bias = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1), np.array([0.5])
    y, pull = conv2d(x, weight, bias, ConvGeometry((2, 2), stride=(1, 2)))
    np.testing.assert_array_equal(y[0, :, :, 0], [[5410.5, 7632.5], [9854.5, 12076.5]])
    dx, dweight, dbias = pull(np.ones_like(y))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 10, 1, 10], [101, 1010, 101, 1010], [100, 1000, 100, 1000]])
    np.testing.assert_array_equal(dweight[:, :, 0, 0], [[12, 16], [28, 32]])
    np.testing.assert_array_equal(dbias, [4])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, (5, 2)], ids=str)
def test_same_padding_divides_the_size_by_the_stride_and_rounds_up(kernel, stride):
    layer = Conv2D(2, 3, kernel, np.random.default_rng(0), stride=stride, padding="same")
    for size in ((4, 7), (5, 6)):
        needed = tuple(-(-n // stride) for n in size)
        assert layer.output_shape(size) == needed
        assert layer.predict(np.ones((1, *size, 2), np.float32)).shape == (1, *needed, 3)


def test_convolution_is_translation_equivariant():
    layer = Conv2D(3, 5, 3, np.random.default_rng(0))
    x = RNG.normal(size=(2, 9, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(layer.predict(x[:, 2:, 1:]), layer.predict(x)[:, 2:, 1:], atol=1e-5)


def test_a_transposed_convolution_is_the_transpose_of_a_convolution():
    forth = Conv2D(3, 4, (3, 2), np.random.default_rng(0), stride=(2, 3), padding=1, bias=False).astype(np.float64)
    back = ConvTranspose2D(4, 3, (3, 2), np.random.default_rng(0), stride=(2, 3), padding=1, bias=False)
    back = back.astype(np.float64)
    back.weight.value[...] = forth.weight.value.transpose(0, 1, 3, 2)
    size = back.output_shape((4, 3))
    x, z = RNG.normal(size=(2, *size, 3)), RNG.normal(size=(2, 4, 3, 4))
    np.testing.assert_allclose((forth.predict(x) * z).sum(), (x * back.predict(z)).sum())


def test_gradients_of_the_data_are_skipped_and_those_of_the_weights_are_not():
    for layer, x in ((Conv2D(4, 3, 3, RNG), IMAGES), (Conv1D(4, 3, 3, RNG), SEQUENCES)):
        x = x.astype(np.float32)
        results = []
        for data in (None, x):
            grads = Gradients(layer)
            y, pull = layer(x, Context(training=True, grads=grads, inputs_without_grad=data))
            results.append((pull(np.ones_like(y)), grads.vector.copy()))
        assert results[0][0].any()
        assert not results[1][0].any()
        assert results[1][0].shape == x.shape
        np.testing.assert_array_equal(results[0][1], results[1][1])


def test_every_step_reuses_the_workspace():
    layer, workspace = Conv2D(16, 16, 3, RNG, padding=1), Workspace()
    x = RNG.normal(size=(2, 6, 6, 16)).astype(np.float32)
    addresses = []
    for _ in range(2):
        workspace.reset()
        y, pull = layer(x, Context(training=True, grads=Gradients(layer), workspace=workspace))
        addresses.append((y.ctypes.data, pull(y).ctypes.data))
    assert addresses[0] == addresses[1]


def test_evaluation_in_chunks_agrees_with_the_whole_batch():
    layer = Conv2D(1, 2, 3, np.random.default_rng(0), stride=2)
    x = RNG.normal(size=(600, 5, 5, 1)).astype(np.float32)
    recorded, _ = layer(x, Context(training=True))
    np.testing.assert_allclose(layer.predict(x), recorded, atol=1e-5)


def test_the_example_in_the_docstring_of_conv_transpose_1d_holds():
    assert doctest.testmod(transposed) == (0, 3)


def make(kind, *sizes, **settings):
    return lambda: kind(*sizes, np.random.default_rng(0), **settings)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: Conv2D(1, 2, 5, RNG).output_shape((4, 9)),
            "Conv2D got images of 4 x 9; its kernel needs at least 5 x 5",
        ),
        (
            lambda: Conv2D(1, 2, 3, RNG, dilation=2, padding=1).predict(np.ones((1, 9, 2, 1), np.float32)),
            "Conv2D got images of 9 x 2; its kernel needs at least 3 x 3",
        ),
        (lambda: Conv1D(1, 2, 5, RNG).output_shape(4), "Conv1D got sequences of 4 steps; its kernel needs at least 5"),
        (
            lambda: Conv2D(3, 2, 3, RNG).predict(np.ones((1, 5, 5, 4), np.float32)),
            "Conv2D got x of shape (1, 5, 5, 4); it needs (N, H, W, 3)",
        ),
        (
            lambda: Conv1D(3, 2, 3, RNG).predict(np.ones((5, 3), np.float32)),
            "Conv1D got x of shape (5, 3); it needs (N, T, 3)",
        ),
        (make(Conv2D, 4, 6, 3, groups=3), "Conv2D got 4 inputs, 6 outputs and 3 groups; it needs "),
        (make(Conv2D, 4, 0, 3), "Conv2D got 4 inputs, 0 outputs and 1 groups; it needs "),
        (make(Conv2D, 4, 6, 0), "Conv2D got a kernel of 0; it needs at least 1"),
        (make(Conv2D, 4, 6, 3, stride=(1, 0)), "Conv2D got a stride of (1, 0); it needs at least 1"),
        (make(Conv1D, 4, 6, 3, dilation=0), "Conv1D got a dilation of 0; it needs at least 1"),
        (make(Conv1D, 4, 6, 3, padding=-1), "Conv1D got a padding of -1; it needs at least 0"),
        (make(Conv2D, 4, 6, 3, padding="full"), 'Conv2D got padding="full"; it needs "same", "valid" or whole numbers'),
        (make(Conv2D, 4, 6, (3, 3, 3)), "Conv2D got a kernel of (3, 3, 3); it needs one whole number or two"),
        (make(Conv2D, 4, 6, 2.5), "Conv2D got a kernel of 2.5; it needs one whole number or two"),
        (
            make(ConvTranspose2D, 4, 6, 3, output_padding=1),
            "ConvTranspose2D got an output_padding of (1, 1); it needs less ",
        ),
        (
            lambda: ConvTranspose2D(1, 2, 2, RNG, padding=1).output_shape((1, 4)),
            "ConvTranspose2D got images of 1 x 4, which would become 0 x 3; it needs larger ones or less padding",
        ),
        (
            lambda: ConvTranspose1D(3, 2, 3, RNG).predict(np.ones((1, 5, 4), np.float32)),
            "ConvTranspose1D got x of shape (1, 5, 4); it needs (N, T, 3)",
        ),
    ],
)
def test_invalid_arguments_raise_one_sentence(act, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)) as error:
        act()
    assert "\n" not in str(error.value)
