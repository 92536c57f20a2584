"""The convolutional autoencoder: convolutions around the dense layers."""

import numpy as np
import pytest

from neuralzoo.core.blocks.conv import Conv2D, ConvTranspose2D
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.registry import SettingError, Task, create, get

RNG = np.random.default_rng(0)
SMALL = {"channels": (4, 8), "hidden": (12,), "code": 6, "activation": "tanh"}
VARIANTS = {
    "plain": {"kernel": 3},
    "no hidden layer": {"hidden": (), "activation": "relu"},
    "variational": {"variational": True, "beta": 0.1},
    "denoising": {"noise": 0.3, "loss": "squared_error", "output": "identity"},
    "masking": {"noise": 0.3, "noise_kind": "masking", "sparsity": 0.01},
    "sparse": {"sparsity": 0.1, "sparsity_kind": "kl", "code_activation": "sigmoid", "sparsity_target": 0.3},
}


def image_task(height=7, width=6, channels=2):
    shape = (height, width, channels)
    return Task(kind="reconstruction", input="image", shape=shape, outputs=height * width * channels)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, settings in VARIANTS.items()
        for check in checks_for_architecture(get("autoencoder"), image_task(), settings=SMALL | settings)
    ],
)
def test_the_convolutional_autoencoder_conforms(check):
    check()


def layers_of(part, kind):
    return [layer for layer in part.layers if isinstance(layer, kind)]


def test_each_convolution_halves_the_image_and_is_mirrored_by_a_transposed_one():
    network = create("autoencoder", task=image_task(28, 20, 1), channels=(8, 16), hidden=(32,), code=5)
    down, up = layers_of(network.encoder, Conv2D), layers_of(network.decoder, ConvTranspose2D)
    assert [layer.weight.value.shape for layer in down] == [(4, 4, 1, 8), (4, 4, 8, 16)]
    assert [layer.weight.value.shape for layer in up] == [(4, 4, 16, 8), (4, 4, 8, 1)]
    sizes = []
    x = np.zeros((2, 28, 20, 1), np.float32)
    for layer in network.encoder.layers:
        x = layer.predict(x)
        sizes.append(x.shape[1:])
    assert sizes[0:4:2] == [(14, 10, 8), (7, 5, 16)]
    assert sizes[-1] == (32,)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
@pytest.mark.parametrize("size", [(4, 4), (5, 7), (6, 9), (11, 8)])
def test_reconstructions_have_the_size_of_the_image(size, kernel):
    network = create("autoencoder", task=image_task(*size), channels=(3, 2), kernel=kernel, hidden=(), code=4)
    x = RNG.random((2, *size, 2)).astype(np.float32)
    assert network.predict(x).shape == x.shape
    np.testing.assert_array_equal(network.decode(network.encode(x)), network.predict(x))


def test_without_channels_the_network_is_dense():
    dense, none = (create("autoencoder", seed=3, code=4, **s) for s in ({}, {"channels": (), "kernel": 5}))
    assert {name: a.tolist() for name, a in dense.state().items()} == {n: a.tolist() for n, a in none.state().items()}
    assert not layers_of(dense.encoder, Conv2D)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channels": (4,), "tied": True}, ("tied is true", "channels=[4]", "dense")),
        ({"channels": (4, 0)}, ("channels", "0", "greater than or equal to 1")),
        ({"channels": (4,), "kernel": 1}, ("kernel", "1", "greater than or equal to 2")),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises(SettingError) as caught:
        create("autoencoder", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_examples_that_are_not_images_or_too_small_are_refused_in_one_sentence():
    row = Task(kind="reconstruction", input="tabular", shape=(6,), outputs=6)
    with pytest.raises(ValueError, match=r"channels=\[4\] for examples of shape \(6,\); it needs images \(H, W, C\)"):
        create("autoencoder", task=row, channels=(4,), code=3)
    with pytest.raises(ValueError, match="kernel") as caught:
        create("autoencoder", task=image_task(4, 4), channels=(4, 4, 4, 4), kernel=4, code=3)
    assert "\n" not in str(caught.value)


def test_scale_width_changes_the_channels_too():
    architecture = get("autoencoder")
    config = architecture.scale_width(architecture.configure({"channels": (8, 16), "hidden": (10,), "code": 3}), 0.5)
    assert (config.channels, config.hidden, config.code) == ((4, 8), (5,), 3)


def torch_weights(torch, network):
    """Return PyTorch's tensors of all parameters by our names; kernels are (outputs, inputs, height, width) there."""
    transposed = {id(layer.weight) for layer in layers_of(network.decoder, ConvTranspose2D)}
    theirs = {}
    for name, parameter in network.named_parameters().items():
        value = parameter.value
        if value.ndim == 4:
            value = value.transpose((2, 3, 0, 1) if id(parameter) in transposed else (3, 2, 0, 1))
        theirs[name] = torch.tensor(value.copy(), requires_grad=True)
    return theirs


def forward(torch, theirs, x, noise):
    """Return the logits, the code and its log-variance of a network of SMALL for images of 7 x 6."""
    conv, up = torch.nn.functional.conv2d, torch.nn.functional.conv_transpose2d

    def of(name):
        return theirs[f"{name}.weight"], theirs[f"{name}.bias"]

    def dense(name, h):
        weight, bias = of(name)
        return h @ weight + bias

    h = torch.tanh(conv(x.permute(0, 3, 1, 2), *of("encoder.layers.0"), stride=2, padding=1))
    h = torch.tanh(conv(h, *of("encoder.layers.2"), stride=2, padding=1))
    small = h.permute(0, 2, 3, 1)
    h = torch.tanh(dense("encoder.layers.5", small.reshape(len(x), -1)))
    mean, log_variance = dense("mean", h), dense("log_variance", h)
    h = torch.tanh(dense("decoder.layers.0", mean + (log_variance / 2).exp() * noise))
    h = torch.tanh(dense("decoder.layers.2", h)).reshape(small.shape).permute(0, 3, 1, 2)
    h = torch.tanh(up(h, *of("decoder.layers.5"), stride=2, padding=1, output_padding=(1, 1)))
    h = up(h, *of("decoder.layers.7"), stride=2, padding=1, output_padding=(1, 0))
    return h.permute(0, 2, 3, 1), mean, log_variance


def test_steps_of_the_convolutional_autoencoder_agree_with_pytorch():
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    architecture, task = get("autoencoder"), image_task()
    config = architecture.configure(SMALL | {"variational": True, "beta": 0.7, "kernel": 4})
    network = architecture.build(config, task, np.random.default_rng(1)).astype(np.float64)
    for parameter in network.named_parameters().values():
        parameter.value += 0.1 * RNG.normal(size=parameter.value.shape)
    learner = architecture.learner(network, config, task, lambda module: Adam(module, 0.01))
    theirs = torch_weights(torch, network)
    optimizer = torch.optim.Adam(theirs.values(), lr=0.01)
    x = RNG.random((4, 7, 6, 2))
    ours, draws = Context(training=True, rng=np.random.default_rng(5)), np.random.default_rng(5)
    for _ in range(5):
        noise = torch.tensor(draws.standard_normal((4, 6), np.float32)).double()
        logits, mean, log_variance = forward(torch, theirs, torch.tensor(x), noise)
        error = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(x), reduction="sum") / 4
        q = torch.distributions.Normal(mean, (log_variance / 2).exp())
        loss = error + 0.7 * torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum() / 4
        optimizer.zero_grad()
        loss.backward()
        norm = torch.cat([value.grad.ravel() for value in theirs.values()]).norm()
        optimizer.step()
        metrics = learner.learn((x, x), ours)
        assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-9)
        assert metrics["grad_norm"] == pytest.approx(norm.item(), rel=1e-9)
    after = torch_weights(torch, network)
    for name, value in theirs.items():
        np.testing.assert_allclose(after[name].detach(), value.detach(), atol=1e-8, err_msg=name)
