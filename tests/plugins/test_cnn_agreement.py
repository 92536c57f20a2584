"""LeNet-5 and the small residual network against PyTorch's: outputs, running statistics and every gradient."""

import numpy as np
import pytest

from neuralzoo.core.layer import Context, Gradients
from neuralzoo.registry import Task, create

torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")
nn = torch.nn

TOLERANCE = {"float32": 2e-5, "float64": 1e-10}


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, *layers):
        super().__init__()
        self.inner = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.inner(x)


class Rows(nn.Module):
    """Flatten feature maps as here: positions before channels."""

    def forward(self, x):
        return torch.moveaxis(x, 1, -1).flatten(1)


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        Rows(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def resnet(channels=(16, 32, 64)):
    def convolution(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)

    layers, inputs = [], 1
    for number, outputs in enumerate(channels):
        layers += [*convolution(inputs, outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number < len(channels) - 1 else []
        layers += [Residual(*convolution(outputs, outputs), nn.ReLU(), *convolution(outputs, outputs)), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def sequences():
    return nn.Sequential(
        nn.Conv1d(2, 8, 5, stride=2, padding=2, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(8, 6, 5, stride=2, padding=2, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2),
        Rows(), nn.Linear(12, 10),
    )  # fmt: skip


SEQUENCES = {"channels": (8, 6), "kernel": 5, "stride": 2, "hidden": ()}
NETWORKS = {
    "lenet5": (lenet5, (28, 28, 1), {"preset": "lenet5"}),
    "resnet": (resnet, (28, 28, 1), {"preset": "resnet"}),
    "sequences": (sequences, (32, 2), SEQUENCES),
}


def as_ours(value):
    """Return a weight of PyTorch's, (outputs, inputs, kernel...), as it lies here: (kernel..., inputs, outputs)."""
    array = value.detach().numpy()
    return array.transpose(*range(2, array.ndim), 1, 0) if array.ndim > 1 else array


def make_pair(name, dtype):
    """Return one network here and in PyTorch, with random weights and running statistics."""
    theirs, shape, settings = NETWORKS[name]
    theirs = theirs().to(getattr(torch, dtype))
    ours = create(
        "cnn",
        task=Task(kind="classification", input="image" if len(shape) == 3 else "sequence", shape=shape, outputs=10),
        **settings,
    ).astype(dtype)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for key, value in theirs.state_dict().items():
            if value.ndim == 0:
                continue  # the number of batches, which only decides a cumulative mean
            fan = max(1, value[0].numel()) if value.ndim > 1 else 1
            values = rng.normal(size=tuple(value.shape)) * np.sqrt(2 / fan)
            value.copy_(torch.tensor(np.abs(values) + 0.5 if key.endswith("running_var") else values))
    keys = [key for key, value in theirs.state_dict().items() if value.ndim]
    names = pair_names(list(ours.named_parameters()), keys)
    for key, mine in names.items():
        ours.named_parameters()[mine].value[...] = as_ours(theirs.state_dict()[key])
    return ours, theirs, names, rng.normal(size=(6, *shape)).astype(dtype)


def pair_names(ours, theirs):
    """Return our name of each of PyTorch's: both list layers in order, and here a layer's in this order."""
    order = ("weight", "bias", "running_mean", "running_var")
    same = {"gain": "weight", "running_variance": "running_var"}
    assert [same.get(name.rpartition(".")[2], name.rpartition(".")[2]) for name in ours] == [
        key.rpartition(".")[2] for key in theirs
    ]
    assert all(key.rpartition(".")[2] in order for key in theirs)
    return dict(zip(theirs, ours, strict=True))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_running_statistics_and_all_gradients_agree_with_pytorch(name, dtype, training):
    ours, theirs, names, x = make_pair(name, dtype)
    theirs.train(training)
    inputs = torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)
    needed = theirs(inputs)
    dy = np.random.default_rng(1).normal(size=(6, 10)).astype(dtype)
    needed.backward(torch.tensor(dy))
    grads = Gradients(ours)
    y, pull = ours(x, Context(training=training, rng=np.random.default_rng(0), grads=grads))
    dx = pull(dy)
    pairs = {"y": (y, needed.detach().numpy()), "dx": (dx, np.moveaxis(inputs.grad.numpy(), 1, -1))}
    gradients = {key: parameter.grad for key, parameter in theirs.named_parameters()}
    state = theirs.state_dict()
    for key, mine in names.items():
        parameter = ours.named_parameters()[mine]
        if key in gradients:
            pairs[f"d {mine}"] = grads[parameter], as_ours(gradients[key])
        else:
            pairs[mine] = parameter.value, as_ours(state[key])
    errors = {key: abs(got - right).max() / max(1, abs(right).max()) for key, (got, right) in pairs.items()}
    print(f"\n{name} {dtype}: {len(pairs)} arrays, worst error {max(errors.values()):.1e}")
    assert len(pairs) == len(names) + 2
    assert all(got.dtype == dtype and got.shape == right.shape for got, right in pairs.values())
    assert max(errors.values()) < TOLERANCE[dtype], errors
