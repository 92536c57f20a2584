import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.blocks.recurrent.torch_weights import load_torch_state, torch_state
from neuralzoo.plugins.gru.network import GRUCell, ResetBeforeGRUCell
from neuralzoo.plugins.lstm.network import LSTMCell
from neuralzoo.plugins.rnn.network import RNNCell


def recurrence(cell, seed=0, layers=2, bidirectional=True):
    rng = np.random.default_rng(seed)
    made = Recurrent(3, lambda inputs, rng: cell(inputs, 4, rng), rng, layers=layers, bidirectional=bidirectional)
    for parameter in made.named_parameters().values():
        parameter.value[...] = rng.standard_normal(parameter.value.shape)
    return made


@pytest.mark.parametrize("cell", [RNNCell, LSTMCell, GRUCell])
def test_exporting_to_pytorch_and_loading_restores_the_weights(cell):
    one, other = recurrence(cell), recurrence(cell, seed=1)
    load_torch_state(other, torch_state(one))
    for name, array in one.state().items():
        np.testing.assert_array_equal(other.state()[name], array, err_msg=name)


def test_names_and_shapes_are_those_of_pytorch():
    shapes = {name: array.shape for name, array in torch_state(recurrence(LSTMCell)).items()}
    per_cell = {"weight_hh": (16, 4), "bias_ih": (16,), "bias_hh": (16,)}
    assert shapes == {
        f"{name}_{suffix}": shape
        for suffix, inputs in (("l0", 3), ("l0_reverse", 3), ("l1", 8), ("l1_reverse", 8))
        for name, shape in ({"weight_ih": (16, inputs)} | per_cell).items()
    }


@pytest.mark.parametrize("cell", [RNNCell, LSTMCell])
def test_the_two_biases_of_pytorch_are_added(cell):
    recurrent = recurrence(cell, layers=1, bidirectional=False)
    state = {name: np.ones_like(array) for name, array in torch_state(recurrent).items()}
    load_torch_state(recurrent, state)
    np.testing.assert_array_equal(recurrent.cells[0].bias.value, 2)


def test_the_candidate_of_a_gru_keeps_both_biases():
    recurrent = recurrence(GRUCell, layers=1, bidirectional=False)
    state = torch_state(recurrent)
    state["bias_ih_l0"] = np.repeat(np.float32([1, 2, 3]), 4)
    state["bias_hh_l0"] = np.repeat(np.float32([10, 20, 30]), 4)
    load_torch_state(recurrent, state)
    np.testing.assert_array_equal(recurrent.cells[0].bias.value, np.repeat([11, 22, 3], 4))
    np.testing.assert_array_equal(recurrent.cells[0].bias_hh.value, [30] * 4)


def test_the_exported_state_is_a_copy():
    recurrent = recurrence(RNNCell)
    before = recurrent.state()
    for array in torch_state(recurrent).values():
        array.fill(7)
    assert all(np.array_equal(recurrent.state()[name], array) for name, array in before.items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("bias_hh_l1"), r"got no value for bias_hh_l1; it needs all of its 16 arrays"),
        (lambda s: s.update(weight_hr_l0=s["bias_ih_l0"]), r"got weight_hr_l0, which it does not have; .*"),
        (
            lambda s: s.update(weight_ih_l1_reverse=s["weight_ih_l1"].T),
            r"got weight_ih_l1_reverse of shape \(8, 16\); it needs \(16, 8\)",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused_in_one_sentence_and_changes_nothing(change, words):
    recurrent, state = recurrence(LSTMCell), torch_state(recurrence(LSTMCell, seed=1))
    before = recurrent.state()
    change(state)
    with pytest.raises(ValueError, match=f"^a recurrence of LSTMCells {words}$"):
        load_torch_state(recurrent, state)
    assert all(np.array_equal(recurrent.state()[name], array) for name, array in before.items())


def test_a_cell_that_pytorch_does_not_have_is_refused_in_one_sentence():
    words = "^ResetBeforeGRUCell has no counterpart in PyTorch; interchanging weights needs an RNN's, .* a GRU's$"
    with pytest.raises(ValueError, match=words):
        torch_state(recurrence(ResetBeforeGRUCell))


def test_loading_keeps_the_packed_vector_that_an_optimizer_holds():
    recurrent = recurrence(GRUCell)
    vector = recurrent.pack()
    load_torch_state(recurrent, torch_state(recurrence(GRUCell, seed=1)))
    assert recurrent.pack() is vector
