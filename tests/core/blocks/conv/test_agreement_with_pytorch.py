"""Convolutions against PyTorch's: outputs and every gradient. `pytest -s` shows the worst error."""

from collections import Counter

import numpy as np
import pytest

from neuralzoo.core.blocks.conv import Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D
from neuralzoo.core.blocks.conv.toeplitz import FEW_CHANNELS, choose_block_width
from neuralzoo.core.blocks.conv.winograd import supports_f2_3
from neuralzoo.core.layer import Context, Gradients

torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")

pytestmark = pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")  # said when it is turned off

NETWORKS = 300
CHANNELS = (1, 3, 5, 12, 16, 17, 18, 24)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


@pytest.fixture(autouse=True)
def plain_pytorch():
    """Run on one thread, and without oneDNN, which some convolutions of images of width 1 end the process in."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.backends.mkldnn.flags(enabled=False):
        yield
    torch.set_num_threads(before)


def draw(rng, axes):
    """Return the settings of a random convolution, and the shape of its input."""
    groups = int(rng.choice([1, 1, 1, 1, 1, 1, 2, 3]))
    usual = rng.random() < 0.4  # the kernels that most networks have
    kernel = (3,) * axes if usual else tuple(int(k) for k in rng.integers(1, 6, axes))
    stride, dilation = ((1,) * axes if usual else tuple(int(s) for s in rng.integers(1, 4, axes)) for _ in range(2))
    padding = tuple(int(p) for p in rng.integers(0, 7 if rng.random() < 0.1 else 3, axes))
    least = (max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True))
    size = tuple(int(n + rng.integers(0, 9)) for n in least)
    inputs, outputs = (groups * int(rng.choice(CHANNELS)) for _ in range(2))
    if rng.random() < 0.1:
        groups, outputs = inputs, inputs * int(rng.integers(1, 3))
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return inputs, outputs, kernel, settings | {"bias": bool(rng.random() < 0.7)}, (int(rng.integers(1, 5)), *size)


def errors(ours, theirs, axes, shape, dtype, rng, *, transposed=False):
    """Return the largest difference in each array, relative to its largest value where that is above 1."""
    ours, x = ours.astype(dtype), rng.standard_normal(shape).astype(dtype)
    last, first = (0, axes + 1, *range(1, axes + 1)), (0, *range(2, axes + 2), 1)
    turned = (axes + 1, axes, *range(axes))  # (kernel..., in, out) to (out, in, kernel...)
    if transposed:
        turned = (axes, axes + 1, *range(axes))  # PyTorch has (in, out, kernel...) then
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(ours.weight.value.transpose(turned)))
        if ours.bias is not None:
            ours.bias.value[...] = rng.standard_normal(ours.bias.value.shape)
            theirs.bias.copy_(torch.tensor(ours.bias.value))
    inputs = torch.tensor(x.transpose(last), requires_grad=True)
    needed = theirs(inputs)
    grads = Gradients(ours)
    y, pull = ours(x, Context(training=True, grads=grads))
    dy = rng.standard_normal(y.shape).astype(dtype)
    needed.backward(torch.tensor(dy.transpose(last)))
    found = {"y": (y, needed.detach().numpy().transpose(first)), "dx": (pull(dy), inputs.grad.numpy().transpose(first))}
    found["d weight"] = grads[ours.weight].transpose(turned), theirs.weight.grad.numpy()
    if ours.bias is not None:
        found["d bias"] = grads[ours.bias], theirs.bias.grad.numpy()
    assert all(a.shape == b.shape and a.dtype == b.dtype == dtype for a, b in found.values())
    return {name: abs(a - b).max() / max(1, abs(b).max()) for name, (a, b) in found.items()}


def algorithm(layer, shape):
    """Return the algorithm that computes our convolution."""
    geometry, size = layer.geometry, shape[1:3] if len(shape) == 4 else (1, shape[1])
    if isinstance(layer, Conv1D) and layer.inputs >= FEW_CHANNELS:
        geometry, size = geometry.transposed(), size[::-1]
    kernel = layer.weight.value.reshape(*geometry.kernel, *layer.weight.value.shape[-2:])
    if choose_block_width(kernel, geometry.output_size(size)[1], layer.groups) > 1:
        return "toeplitz"
    if supports_f2_3(kernel, geometry, layer.groups):
        return "winograd"
    return "grouped im2col" if layer.groups > 1 else "im2col"


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("axes", "kind", "theirs"), [(1, Conv1D, "Conv1d"), (2, Conv2D, "Conv2d")], ids=["1D", "2D"])
def test_outputs_and_all_gradients_agree_with_pytorch(axes, kind, theirs, dtype):
    rng = np.random.default_rng(axes)
    algorithms, found = Counter(), []
    for _ in range(NETWORKS):
        inputs, outputs, kernel, settings, shape = draw(rng, axes)
        peer = getattr(torch.nn, theirs)(inputs, outputs, kernel, dtype=getattr(torch, dtype), **settings)
        mine = settings if axes == 2 else {k: v[0] if isinstance(v, tuple) else v for k, v in settings.items()}
        ours = kind(inputs, outputs, kernel if axes == 2 else kernel[0], rng, **mine)
        algorithms[algorithm(ours, (*shape, inputs))] += 1
        found += [
            (error, name, (inputs, outputs, kernel, settings, shape))
            for name, error in errors(ours, peer, axes, (*shape, inputs), dtype, rng).items()
        ]
    worst = max(found, key=lambda one: one[0])
    print(f"\n{theirs} {dtype}: {NETWORKS} layers {dict(algorithms)}, {len(found)} arrays, worst error {worst[0]:.1e}")
    assert worst[0] < TOLERANCE[dtype], worst
    assert min(algorithms.values()) >= 10


def draw_transposed(rng, axes):
    """Return the settings of a random transposed convolution, and the shape of its input."""
    stride = tuple(int(s) for s in rng.integers(1, 4, axes))
    kernel = tuple(int(k) for k in rng.integers(2, 6, axes))
    settings = {
        "stride": stride,
        "padding": tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel),
        "output_padding": tuple(int(rng.integers(0, s)) for s in stride),
        "bias": bool(rng.random() < 0.7),
    }
    inputs, outputs = (int(rng.choice(CHANNELS)) for _ in range(2))
    return inputs, outputs, kernel, settings, (int(rng.integers(1, 5)), *(int(n) for n in rng.integers(2, 8, axes)))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("axes", "kind"), [(1, ConvTranspose1D), (2, ConvTranspose2D)], ids=["1D", "2D"])
def test_transposed_convolutions_agree_with_pytorch(axes, kind, dtype):
    rng = np.random.default_rng(axes)
    found = []
    for _ in range(NETWORKS):
        inputs, outputs, kernel, settings, shape = draw_transposed(rng, axes)
        peer = getattr(torch.nn, f"ConvTranspose{axes}d")(
            inputs, outputs, kernel, dtype=getattr(torch, dtype), **settings
        )
        mine = settings if axes == 2 else {k: v[0] if isinstance(v, tuple) else v for k, v in settings.items()}
        ours = kind(inputs, outputs, kernel if axes == 2 else kernel[0], rng, **mine)
        found += [
            (error, name, (inputs, outputs, kernel, settings, shape))
            for name, error in errors(ours, peer, axes, (*shape, inputs), dtype, rng, transposed=True).items()
        ]
    worst = max(found, key=lambda one: one[0])
    print(f"\n{kind.__name__} {dtype}: {NETWORKS} layers, {len(found)} arrays, worst error {worst[0]:.1e}")
    assert worst[0] < TOLERANCE[dtype], worst


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")  # PyTorch copies then
@pytest.mark.parametrize("kernel", [(3, 3), (4, 5), (1, 1)], ids=str)
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_agrees_with_pytorch_even_for_even_kernels(kernel, dilation):
    rng = np.random.default_rng(3)
    peer = torch.nn.Conv2d(4, 6, kernel, padding="same", dilation=dilation, dtype=torch.float64)
    ours = Conv2D(4, 6, kernel, rng, padding="same", dilation=dilation)
    assert max(errors(ours, peer, 2, (2, 9, 11, 4), "float64", rng).values()) < 1e-10
