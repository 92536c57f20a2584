"""A whole training step of the capsule network against PyTorch: written plainly, gradients by autograd through routing.

`pytest -s` shows the worst error.
"""

import numpy as np
import pytest

from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.layer import Context
from neuralzoo.registry import Task, get

torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")

LR = 0.5
TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
SETTINGS = {
    "channels": (6, 5),
    "kernels": (3, 4),
    "strides": (1, 2),
    "primary_types": 3,
    "primary_dim": 4,
    "primary_kernel": 3,
    "primary_stride": 1,
    "class_dim": 5,
    "decoder": (11, 13),
    "reconstruction": 0.3,
}
CASES = {
    **{f"iterations-{n}": ({"routing_iterations": n}, "class") for n in (1, 2, 3, 4)},
    "shared": ({"shared": True}, "class"),
    "constant-couplings": ({"backprop_all_iterations": False}, "class"),
    "no-reconstruction": ({"reconstruction": 0.0}, "class"),
    "two-classes": ({}, "classes"),
}


@pytest.fixture(autouse=True)
def one_thread():
    """Small products on several threads wait for one another most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def squash(s):
    square = (s**2).sum(dim=-1, keepdim=True)
    return square / (1 + square) * s / torch.sqrt(square)


def route(u, weight, config):
    """Route by the equations, for all examples at once."""
    if config.shared:
        weight = weight.repeat(u.shape[1] // weight.shape[0], 1, 1, 1)
    u_hat = torch.einsum("nid,idjk->nijk", u, weight)
    b = torch.zeros(u_hat.shape[:3], dtype=u.dtype)
    for iteration in range(config.routing_iterations):
        c = torch.softmax(b, dim=2)
        v = squash((c[..., None] * u_hat).sum(dim=1))
        if iteration < config.routing_iterations - 1:
            b = b + (u_hat * v[:, None]).sum(dim=3)
            b = b if config.backprop_all_iterations else b.detach()
    return v


def loss_of(p, x, target, config):
    """Return the loss of a batch; `p` are the parameters by name."""
    h = x.permute(0, 3, 1, 2)
    for number, stride in enumerate(config.strides):
        kernel = p[f"features.layers.{2 * number}.weight"].permute(3, 2, 0, 1)
        h = torch.relu(torch.conv2d(h, kernel, p[f"features.layers.{2 * number}.bias"], stride=stride))
    maps = torch.conv2d(h, p["primary.weight"].permute(3, 2, 0, 1), p["primary.bias"], stride=config.primary_stride)
    v = route(squash(maps.permute(0, 2, 3, 1).reshape(len(x), -1, config.primary_dim)), p["routing.weight"], config)
    y = v.norm(dim=2)
    present = torch.zeros_like(y)
    for row, classes in zip(present, target.reshape(len(x), -1), strict=True):
        row[classes] = 1
    margin = present * torch.relu(config.m_plus - y) ** 2
    margin = margin + config.lambda_absent * (1 - present) * torch.relu(y - config.m_minus) ** 2
    loss = margin.sum() / len(x)
    if not config.reconstruction:
        return loss
    dark = torch.ones_like(x)
    for which in range(target.reshape(len(x), -1).shape[1]):
        only = torch.zeros_like(present)
        only[torch.arange(len(x)), target.reshape(len(x), -1)[:, which]] = 1
        h = (v * only[..., None]).flatten(1)
        last = 2 * len(config.decoder)
        for number in range(0, last, 2):
            h = torch.relu(h @ p[f"decoder.layers.{number}.weight"] + p[f"decoder.layers.{number}.bias"])
        h = torch.sigmoid(h @ p[f"decoder.layers.{last}.weight"] + p[f"decoder.layers.{last}.bias"])
        dark = dark * (1 - h.reshape(x.shape))
    return loss + config.reconstruction * ((1 - dark - x) ** 2).sum() / len(x)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_a_training_step_agrees_with_pytorch(case, dtype):
    changes, target_kind = CASES[case]
    architecture = get("capsnet")
    config = architecture.configure(SETTINGS | changes)
    task = Task(kind="classification", input="image", shape=(12, 11, 2), outputs=4, target=target_kind)
    rng = np.random.default_rng(list(CASES).index(case))
    network = architecture.build(config, task, rng).astype(dtype)
    network.routing.weight.value *= 4  # far enough from uniform couplings
    learner = architecture.learner(network, config, task, lambda module: SGD(module, LR))
    x = rng.random((6, 12, 11, 2)).astype(dtype)
    target = rng.integers(0, 4, 6)
    if target_kind == "classes":
        target = np.stack([target, (target + rng.integers(1, 4, 6)) % 4], axis=1)
    theirs = {name: torch.tensor(value, requires_grad=True) for name, value in network.state().items()}
    loss = loss_of(theirs, torch.tensor(x), torch.tensor(target), config)
    loss.backward()
    metrics = learner.learn((x, target), Context(training=True, rng=rng))
    assert metrics["loss"] == pytest.approx(loss.item(), rel=TOLERANCE[dtype])
    errors = {}
    for name, parameter in network.named_parameters().items():
        gradient = theirs[name].grad.numpy()
        largest = np.abs(gradient).max()
        assert largest > 1e-6, name
        assert parameter.value.dtype == learner.grads["main"][parameter].dtype == dtype
        errors[name] = np.abs(learner.grads["main"][parameter] - gradient).max() / largest
        after = theirs[name].detach().numpy() - LR * gradient
        np.testing.assert_allclose(parameter.value, after, atol=TOLERANCE[dtype] * max(1, largest))
    worst = max(errors, key=errors.__getitem__)
    print(f"\n{case}, {dtype}: worst error {errors[worst]:.1e} of the largest in the gradient of {worst}", end="")
    assert errors[worst] < TOLERANCE[dtype]
