import tracemalloc

import numpy as np
import pytest

from neuralzoo.core.blocks import optimizers
from neuralzoo.core.blocks.optimizers import SGD, Adam, AdamW, RMSprop
from neuralzoo.core.layer import Gradients
from neuralzoo.core.module import Module, Parameter

CASES = {
    "sgd": (SGD, {"lr": 0.05}, "SGD"),
    "sgd_decay": (SGD, {"lr": 0.05, "weight_decay": 0.1}, "SGD"),
    "momentum": (SGD, {"lr": 0.05, "momentum": 0.9}, "SGD"),
    "momentum_decay": (SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}, "SGD"),
    "nesterov": (SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, "SGD"),
    "rmsprop": (RMSprop, {"lr": 0.02, "decay": 0.9}, "RMSprop"),
    "rmsprop_large_epsilon": (RMSprop, {"lr": 0.02, "epsilon": 0.3}, "RMSprop"),
    "adam": (Adam, {"lr": 0.02}, "Adam"),
    "adam_other_settings": (Adam, {"lr": 0.02, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1}, "Adam"),
    "adam_without_memory": (Adam, {"lr": 0.02, "beta1": 0.0, "beta2": 0.0}, "Adam"),
    "adamw": (AdamW, {"lr": 0.02, "weight_decay": 0.1}, "AdamW"),
    "adamw_default": (AdamW, {"lr": 0.02}, "AdamW"),
}
EVERY = pytest.mark.parametrize(("kind", "settings", "theirs"), CASES.values(), ids=CASES)


class Weights(Module):
    """Two matrices with a vector between them."""

    def __init__(self, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.parts = [Parameter(rng.normal(size=shape).astype(dtype)) for shape in ((5, 3), (7,), (2, 4))]


def gradients(steps):
    """Gradients as they come in training, of different sizes, with zeros among them."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(steps, 30)) * 10.0 ** rng.integers(-4, 2, (steps, 1))
    return values * (rng.random(values.shape) > 0.1)


def step(optimizer, values):
    grads = Gradients(optimizer.module)
    start = 0
    for parameter in optimizer.module.parts:
        grads[parameter].flat = values[start : start + parameter.value.size]
        start += parameter.value.size
    return optimizer.step(grads)


@EVERY
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-6)])
@pytest.mark.parametrize("block", [4, 16384], ids=["many_blocks", "one_block"])
def test_fifty_steps_agree_with_pytorch(kind, settings, theirs, dtype, tolerance, block, monkeypatch):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    monkeypatch.setattr(optimizers, "BLOCK_ELEMENTS", block)
    module = Weights(dtype)
    weights = torch.nn.Parameter(torch.tensor(module.pack().copy()))
    names = {"decay": "alpha", "epsilon": "eps"}
    renamed = {names.get(name, name): value for name, value in settings.items() if not name.startswith("beta")}
    if "beta1" in settings:
        renamed["betas"] = (settings["beta1"], settings["beta2"])
    reference = getattr(torch.optim, theirs)([weights], **renamed)
    optimizer = kind(module, **settings)
    for values in gradients(50):
        step(optimizer, values)
        weights.grad = torch.tensor(values.astype(dtype))
        reference.step()
    np.testing.assert_allclose(module.pack(), weights.detach().numpy(), rtol=tolerance, atol=tolerance)


@EVERY
def test_every_optimizer_minimizes_a_quadratic(kind, settings, theirs):
    module = Weights()
    bottom = np.linspace(-1, 1, 30)
    optimizer = kind(module, **settings | {"weight_decay": 0.0} if "weight_decay" in settings else settings)
    before = abs(module.pack() - bottom).mean()
    for _ in range(300):
        step(optimizer, module.pack() - bottom)
    assert abs(module.pack() - bottom).mean() < 0.1 * before


def test_the_first_step_of_adam_has_the_size_of_the_learning_rate():
    module = Weights()
    before = module.pack().copy()
    values = np.where(np.arange(30) % 2, 1000.0, -0.001)
    step(Adam(module, 0.01, epsilon=1e-12), values)
    np.testing.assert_allclose(before - module.pack(), 0.01 * np.sign(values), rtol=1e-6)


def test_adamw_decays_the_weights_without_a_gradient():
    module = Weights()
    before = module.pack().copy()
    step(AdamW(module, 0.1, weight_decay=0.5), np.zeros(30))
    np.testing.assert_allclose(module.pack(), 0.95 * before)


def test_decay_only_matrices_leaves_biases_and_norm_gains_undecayed():
    module = Weights()
    before = module.pack().copy()
    step(AdamW(module, 0.1, weight_decay=0.5, decay_only_matrices=True), np.zeros(30))
    needed = 0.95 * before
    needed[15:22] = before[15:22]
    np.testing.assert_allclose(module.pack(), needed)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-6)])
def test_decay_only_matrices_agrees_with_two_parameter_groups_of_pytorch(dtype, tolerance):
    torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
    module = Weights(dtype)
    parameters = [torch.nn.Parameter(torch.tensor(part.value.copy())) for part in module.parts]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.99))
    optimizer = AdamW(module, 0.02, beta2=0.99, weight_decay=0.1, decay_only_matrices=True)
    for values in gradients(50):
        step(optimizer, values)
        for parameter, gradient in zip(parameters, np.split(values, [15, 22]), strict=True):
            parameter.grad = torch.tensor(gradient.reshape(parameter.shape).astype(dtype))
        reference.step()
    needed = np.concatenate([parameter.detach().numpy().ravel() for parameter in parameters])
    np.testing.assert_allclose(module.pack(), needed, rtol=tolerance, atol=tolerance)


@EVERY
def test_resuming_from_a_saved_state_is_bit_identical(kind, settings, theirs):
    whole, first, second = Weights(np.float32), Weights(np.float32), Weights(np.float32)
    optimizer = kind(whole, **settings)
    for values in gradients(20):
        step(optimizer, values)
    halfway = kind(first, **settings)
    for values in gradients(20)[:9]:
        step(halfway, values)
    second.load_state(first.state())
    resumed = kind(second, **settings)
    resumed.load_state(halfway.state())
    for values in gradients(20)[9:]:
        step(resumed, values)
    np.testing.assert_array_equal(second.pack(), whole.pack())


@EVERY
def test_float32_stays_float32(kind, settings, theirs):
    module = Weights(np.float32)
    optimizer = kind(module, **settings)
    step(optimizer, np.ones(30))
    assert module.pack().dtype == np.float32
    assert {vector.dtype for vector in optimizer.moments.values()} <= {np.dtype(np.float32)}


@EVERY
def test_a_step_allocates_no_array_of_the_size_of_the_weights(kind, settings, theirs):
    module = Module()
    module.weight = Parameter(np.ones((1000, 300), np.float32))
    optimizer = kind(module, **settings)
    gradient = np.ones(300_000, np.float32)
    optimizer.steps = 1
    optimizer.update(gradient, 0.01)
    tracemalloc.start()
    try:
        optimizer.update(gradient, 0.01)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


def test_the_learning_rate_may_be_a_schedule():
    module = Weights()
    before = module.pack().copy()
    optimizer = SGD(module, lambda step: 0.1 * (step + 1))
    step(optimizer, np.ones(30))
    metrics = step(optimizer, np.ones(30))
    np.testing.assert_allclose(before - module.pack(), 0.3)
    assert metrics["lr"] == 0.2


@EVERY
def test_a_large_gradient_is_clipped_to_the_given_norm(kind, settings, theirs):
    long, short = Weights(), Weights()
    values = np.linspace(1, 2, 30)
    step(kind(long, **settings, clip=0.5), values)
    step(kind(short, **settings), 0.5 * values / np.linalg.norm(values))
    np.testing.assert_allclose(long.pack(), short.pack(), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: SGD(m, 0.1, momentum=1.0), r"SGD got momentum=1.0; it needs a number in \[0, 1\)"),
        (lambda m: SGD(m, 0.1, nesterov=True), "SGD got nesterov=True with momentum=0"),
        (lambda m: SGD(m, 0.1, weight_decay=-1), "SGD got weight_decay=-1; it needs a number of at least 0"),
        (lambda m: RMSprop(m, 0.1, decay=1.5), "RMSprop got decay=1.5"),
        (lambda m: RMSprop(m, 0.1, epsilon=-1), "RMSprop got epsilon=-1"),
        (lambda m: Adam(m, 0.1, beta1=1.0), "Adam got beta1=1.0"),
        (lambda m: AdamW(m, 0.1, beta2=-0.1), "AdamW got beta2=-0.1"),
    ],
)
def test_settings_out_of_range_raise_one_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make(Weights())
