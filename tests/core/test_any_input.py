"""Every layer and network gives the same for equal values of any dtype, byte order and memory layout, drawn at random.

The reference is the same input in native, contiguous float32, or int64 for tokens.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuralzoo.core.blocks.activation import ACTIVATIONS, ExactGELU
from neuralzoo.core.blocks.combine import Parallel, Residual, Sequential
from neuralzoo.core.blocks.conv import Conv1D, Conv2D, ConvTranspose2D
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.norm import BatchNorm, LayerNorm
from neuralzoo.core.blocks.pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from neuralzoo.core.blocks.shape import Flatten
from neuralzoo.core.layer import Context, Gradients, Layer
from neuralzoo.core.task import Task
from neuralzoo.plugins.autoencoder.layers import GaussianNoise, MaskingNoise
from neuralzoo.plugins.capsnet.layers import Squash
from neuralzoo.plugins.gan.layers import FourierFeatures, MinibatchStddev, Pack, SpectralNorm
from neuralzoo.registry import create, get, names

TOKENS = 5
FREE = "free"  # an axis of any length


def recurrent_tokens(name):
    task = Task(kind="sequence-labelling", input="tokens", shape=(6,), outputs=3, vocab_size=TOKENS)
    return lambda rng: create(name, task=task)


LAYERS = {
    "dense": (lambda rng: Dense(4, 3, rng), (FREE, 4)),
    "layer_norm": (lambda rng: LayerNorm(4), (FREE, 4)),
    "batch_norm": (lambda rng: BatchNorm(4), (2, FREE, 4)),
    "dropout": (lambda rng: Dropout(0.4), (FREE, 3)),
    "noise": (lambda rng: GaussianNoise(0.5), (FREE, 3)),
    "masking_noise": (lambda rng: MaskingNoise(0.5), (FREE, 3)),
    "flatten": (lambda rng: Flatten(), (FREE, 3)),
    "squash": (lambda rng: Squash(), (FREE, 3)),
    "residual": (lambda rng: Residual(Dense(4, 4, rng)), (FREE, 4)),
    "parallel": (lambda rng: Parallel(Dense(4, 2, rng), Sequential()), (FREE, 4)),
    "conv1d": (lambda rng: Conv1D(2, 3, 3, rng, padding="same"), (FREE, 2)),
    "conv2d": (lambda rng: Conv2D(2, 3, 2, rng, padding=1), (FREE, 3, 2)),
    "conv2d_winograd": (lambda rng: Conv2D(16, 16, 3, rng, padding="same"), (6, FREE, 16)),
    "conv_transpose": (lambda rng: ConvTranspose2D(2, 3, 3, rng, stride=2), (FREE, 2, 2)),
    "max_pool": (lambda rng: MaxPool2D(2), (4, 4, 2)),
    "max_pool_overlapping": (lambda rng: MaxPool2D(3, 2), (5, 6, 2)),
    "average_pool": (lambda rng: AveragePool2D(2), (4, 6, 2)),
    "max_pool_of_steps": (lambda rng: MaxPool1D(2), (6, 2)),
    "average_pool_of_steps": (lambda rng: AveragePool1D(2), (6, 2)),
    "fourier_features": (lambda rng: FourierFeatures(3, 4, 1.0, rng), (3,)),
    "minibatch_stddev": (lambda rng: MinibatchStddev(), (3,)),
    "pack": (lambda rng: Pack(2), (3,)),
    "spectral_norm": (lambda rng: SpectralNorm(Dense(4, 3, rng, bias=False)), (4,)),
    "exact_gelu": (lambda rng: ExactGELU(), (FREE,)),
    "embedding": (lambda rng: Embedding(TOKENS, 3, rng), (FREE, int)),
}
LAYERS |= {f"activation_{name}": (lambda rng, kind=kind: kind(), (FREE, 3)) for name, kind in ACTIVATIONS.items()}
LAYERS |= {name: (lambda rng, name=name: create(name), get(name).example.shape) for name in names() if name != "gan"}
LAYERS |= {f"{name}_tokens": (recurrent_tokens(name), (6, int)) for name in ("rnn", "lstm", "gru", "transformer")}

NUMBERS = ["?", "u1", "i1", "<u2", ">i2", "<i4", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]
INTEGERS = ["u1", "i1", "<u2", ">i2", "<i4", ">u4", "<i8", ">i8", "<u8"]


def fortran(x):
    return np.asfortranarray(x)


def strided(x):
    wide = np.zeros((*x.shape, 2), x.dtype)
    wide[..., 0] = x
    return wide[..., 0]


def backwards(x):
    return np.ascontiguousarray(x[::-1])[::-1]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x):
    memory = np.zeros(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


LAYOUTS = [fortran, strided, backwards, read_only, unaligned, np.ndarray.tolist]


@st.composite
def inputs(draw, name):
    """Draw an input of a layer, of up to three examples, and the reference of equal values."""
    shape = LAYERS[name][1]
    tokens = shape[-1] is int
    axes = [draw(st.integers(1, 5)) if axis == FREE else axis for axis in shape if axis is not int]
    dtype = np.dtype(draw(st.sampled_from(INTEGERS if tokens else NUMBERS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(0, 2 if dtype.kind == "b" else 4, (draw(st.integers(0, 3)), *axes))
    layouts = LAYOUTS if len(values) else LAYOUTS[:-1]  # an empty list has lost the shape of examples
    x = draw(st.sampled_from(layouts))(values.astype(dtype))
    return x, values.astype(np.int64 if tokens else np.float32)


def same(got, needed):
    np.testing.assert_allclose(got, needed, rtol=1e-4, atol=1e-5)


def check(name, pair):
    x, needed = pair
    layer = LAYERS[name][0](np.random.default_rng(0))
    if needed.dtype == np.float32 and layer.compute_dtype is None:
        x = np.asarray(x)
        x = x.astype(np.float32) if x.dtype == np.float64 else x  # which such a layer keeps
    y = layer.predict(x)
    if not len(needed):
        assert y.shape == (0, *layer.predict(np.ones((1, *needed.shape[1:]), needed.dtype)).shape[1:])
        return
    assert y.dtype == np.float32
    same(y, layer.predict(needed))
    if isinstance(layer, Layer) and needed.dtype == np.float32:
        results = [trained(layer.copy(), each) for each in (x, needed)]
        for got, reference in zip(*results, strict=True):
            same(got, reference)
            assert np.isfinite(got).all()


def trained(layer, x):
    ctx = Context(training=True, rng=np.random.default_rng(0), grads=Gradients(layer))
    y, pull = layer(x, ctx)
    return y.copy(), np.array(pull(np.ones_like(y))), ctx.grads.vector.copy()


def draw_and_check(name, examples):
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=slow)
    @given(inputs(name))
    def run(pair):
        check(name, pair)

    run()


@pytest.mark.parametrize("name", LAYERS)
def test_equal_values_of_any_dtype_and_layout_give_the_same(name):
    draw_and_check(name, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_equal_values_of_any_dtype_and_layout_give_the_same_at_length(name):
    draw_and_check(name, 300)
