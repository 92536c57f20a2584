"""RNN, LSTM and GRU against PyTorch's: outputs, final states and every gradient. `pytest -s` shows the worst error."""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.blocks.recurrent.torch_weights import load_torch_state, torch_state
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.plugins.gru.network import GRUCell
from neuralzoo.plugins.lstm.network import LSTMCell
from neuralzoo.plugins.rnn.network import RNNCell

torch = pytest.importorskip("torch", reason="agreement with PyTorch needs the extra 'parity'")

# The class in PyTorch and its settings; our cell and its settings.
KINDS = {
    "rnn-tanh": ("RNN", {"nonlinearity": "tanh"}, RNNCell, {}),
    "rnn-relu": ("RNN", {"nonlinearity": "relu"}, RNNCell, {"activation": "relu"}),
    "lstm": ("LSTM", {}, LSTMCell, {}),
    "gru": ("GRU", {}, GRUCell, {}),
}
SHAPES = list(product((1, 2, 3), (False, True), (False, True), (False, True)))  # layers, directions, lengths, start
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


@pytest.fixture(autouse=True)
def one_thread():
    """Small products on several threads wait for one another most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass
class Pair:
    """One network in PyTorch and here, with the same weights and the same random inputs."""

    kind: str
    dtype: str
    layers: int
    bidirectional: bool
    with_lengths: bool
    with_initial_state: bool
    rng: np.random.Generator
    sizes: tuple[int, int, int, int] | None = None
    theirs: Any = field(init=False)
    ours: Recurrent = field(init=False)

    def __post_init__(self):
        self.n, self.steps, self.inputs, self.hidden = self.sizes or (int(k) for k in self.rng.integers(1, 8, 4))
        name, settings, cell, ours = KINDS[self.kind]
        torch.manual_seed(int(self.rng.integers(2**31)))
        self.theirs = getattr(torch.nn, name)(
            self.inputs,
            self.hidden,
            self.layers,
            batch_first=True,
            bidirectional=self.bidirectional,
            dtype=getattr(torch, self.dtype),
            **settings,
        )
        self.ours = Recurrent(
            self.inputs,
            lambda inputs, rng: cell(inputs, self.hidden, rng, **ours),
            self.rng,
            layers=self.layers,
            bidirectional=self.bidirectional,
        ).astype(self.dtype)
        load_torch_state(self.ours, {name: value.numpy() for name, value in self.theirs.state_dict().items()})
        states = len(self.ours.cells), self.n, self.hidden
        num_states = self.ours.cells[0].num_states
        self.x = self.normal(self.n, self.steps, self.inputs)
        self.lengths = self.rng.integers(1, self.steps + 1, self.n) if self.with_lengths else None
        self.initial_state = tuple(self.normal(*states) for _ in range(num_states)) if self.with_initial_state else None
        self.dy = self.normal(self.n, self.steps, self.ours.outputs)
        self.dfinal = tuple(self.normal(*states) for _ in range(num_states))

    def normal(self, *shape):
        return self.rng.standard_normal(shape).astype(self.dtype)

    def run_ours(self):
        """Return every output, final state and gradient by name."""
        grads = Gradients(self.ours)
        y, final, pull = self.ours.run(self.x, Context(training=True, grads=grads), self.lengths, self.initial_state)
        dx, dinitial = pull(self.dy, self.dfinal)
        found = {"y": y, "dx": dx} | {f"final {i}": state for i, state in enumerate(final)}
        found |= {f"dinitial {i}": state for i, state in enumerate(dinitial)} if self.with_initial_state else {}
        copy = self.ours.copy()  # the gradients of one bias, arranged as the weights are
        for cell, mine in zip(copy.cells, self.ours.cells, strict=True):
            for name, parameter in cell.named_parameters().items():
                parameter.value[...] = grads[mine.named_parameters()[name]]
        return found | {f"d {name}": gradient for name, gradient in torch_state(copy).items()}

    def run_theirs(self):
        """Return the same of PyTorch; bias_hh has a gradient of its own in the candidate of a GRU only."""
        x = torch.tensor(self.x, requires_grad=True)
        initial = [torch.tensor(state, requires_grad=True) for state in self.initial_state or ()]
        arguments = [tuple(initial) if len(initial) > 1 else initial[0]] if initial else []
        packed = x
        if self.lengths is not None:
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                x, torch.tensor(self.lengths), batch_first=True, enforce_sorted=False
            )
        y, final = self.theirs(packed, *arguments)
        if self.lengths is not None:
            y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=self.steps)
        final = final if isinstance(final, tuple) else (final,)
        torch.autograd.backward([y, *final], [torch.tensor(d) for d in (self.dy, *self.dfinal)])
        found = {"y": y.detach(), "dx": x.grad} | {f"final {i}": state.detach() for i, state in enumerate(final)}
        found |= {f"dinitial {i}": state.grad for i, state in enumerate(initial)}
        for name, parameter in self.theirs.named_parameters():
            found[f"d {name}"] = parameter.grad.clone()
            if name.startswith("bias_hh"):
                found[f"d {name}"][: 2 * self.hidden if self.kind == "gru" else None] = 0
        return {name: value.numpy() for name, value in found.items()}

    def errors(self):
        """Return the largest difference in each array, relative to its largest absolute value where that is above 1."""
        ours, theirs = self.run_ours(), self.run_theirs()
        assert ours.keys() == theirs.keys()
        assert all(array.dtype == self.dtype and array.shape == theirs[name].shape for name, array in ours.items())
        return {name: abs(ours[name] - theirs[name]).max() / max(1, abs(theirs[name]).max()) for name in theirs}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_states_and_all_gradients_agree_with_pytorch(kind, dtype):
    rng = np.random.default_rng(list(KINDS).index(kind))
    errors = [
        (error, name, shape) for shape in SHAPES * 3 for name, error in Pair(kind, dtype, *shape, rng).errors().items()
    ]
    worst = max(errors)
    print(
        f"\n{kind} {dtype}: {len(SHAPES) * 3} networks, {len(errors)} arrays, worst error {worst[0]:.1e} of {worst[1]}"
    )
    assert worst[0] < TOLERANCE[dtype], worst


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_the_usual_size_agree_with_pytorch(kind):
    rng = np.random.default_rng(1)
    for shape in ((1, False, False, False), (2, True, True, True)):
        errors = Pair(kind, "float32", *shape, rng, sizes=(16, 40, 12, 48)).errors()
        print(f"\n{kind} float32, 48 hidden, 40 steps: worst error {max(errors.values()):.1e}")
        assert max(errors.values()) < 1e-5, errors


@pytest.mark.parametrize("kind", KINDS)
def test_pytorch_computes_the_same_with_weights_from_here(kind):
    pair = Pair(kind, "float64", 2, True, True, True, np.random.default_rng(2))
    for parameter in pair.ours.named_parameters().values():
        parameter.value[...] = pair.rng.standard_normal(parameter.value.shape)
    pair.theirs.load_state_dict({name: torch.tensor(value) for name, value in torch_state(pair.ours).items()})
    assert max(pair.errors().values()) < 1e-10
