import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.layer import Context
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.plugins.lstm.network import LSTMCell, lstm_step
from neuralzoo.registry import SettingError, Task, create, get

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("check", checks_for_architecture(get("lstm")), ids=str)
def test_lstm_conforms(check):
    check()


def recurrence(inputs=3, hidden=4):
    """A recurrence of one cell with random parameters."""
    made = Recurrent(inputs, lambda inputs, rng: LSTMCell(inputs, hidden, rng), np.random.default_rng(1))
    for parameter in made.astype(np.float64).named_parameters().values():
        parameter.value[...] = RNG.normal(size=parameter.value.shape)
    return made


def gates_fixed_at(**logits):
    """A recurrence whose gates stand at sigma(logit), or tanh for g, for any input."""
    made = recurrence()
    (cell,) = made.cells
    cell.weight_ih.value[...] = cell.weight_hh.value[...] = cell.bias.value[...] = 0
    for block, name in enumerate("ifgo"):
        cell.bias.value[4 * block : 4 * block + 4] = logits.get(name, 0)
    return made


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_each_step_is_the_equations_of_the_paper():
    recurrent = recurrence()
    (cell,) = recurrent.cells
    x, h, c = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 4)), RNG.normal(size=(2, 4))
    y, final, _ = recurrent.run(x, Context(), None, (h[None], c[None]))
    W, U, b = cell.weight_ih.value, cell.weight_hh.value, cell.bias.value
    for t in range(5):
        h, c = lstm_step(x[:, t], h, c, W, U, b)
        np.testing.assert_allclose(y[:, t], h, atol=1e-13)
    np.testing.assert_allclose(final[0][0], h, atol=1e-13)
    np.testing.assert_allclose(final[1][0], c, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_with_f_one_and_i_zero_the_memory_is_constant_and_its_gradient_is_exactly_one(dtype):
    recurrent = gates_fixed_at(f=200, i=-200).astype(dtype)
    x, c = RNG.normal(size=(2, 100, 3)).astype(dtype), RNG.normal(size=(1, 2, 4)).astype(dtype)
    y, (_, final), pull = recurrent.run(x, Context(training=True), None, (np.zeros_like(c), c))
    np.testing.assert_array_equal(final, c)
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    ones = np.ones_like(c)
    _, (_, dc) = pull(np.zeros_like(y), (np.zeros_like(c), ones))
    np.testing.assert_array_equal(dc, ones)


def test_along_the_memory_the_gradient_is_multiplied_by_f_alone():
    recurrent = gates_fixed_at(f=2, i=1, g=1)
    x, c = RNG.normal(size=(2, 30, 3)), RNG.normal(size=(1, 2, 4))
    y, _, pull = recurrent.run(x, Context(training=True), None, (np.zeros_like(c), c))
    _, (_, dc) = pull(np.zeros_like(y), (np.zeros_like(c), np.ones_like(c)))
    np.testing.assert_allclose(dc, sigmoid(2) ** 30, rtol=1e-12)


def test_a_vanishing_gradient_is_flushed_to_zero_before_it_is_subnormal():
    """With f = 1/2 it would be 2^-135 after 135 steps: a subnormal number in float32."""
    recurrent = gates_fixed_at(f=0).astype(np.float32)
    c = np.ones((1, 2, 4), np.float32)
    for steps, needed in ((20, 0.5**20), (135, 0)):
        x = np.zeros((2, steps, 3), np.float32)
        y, _, pull = recurrent.run(x, Context(training=True), None, (np.zeros_like(c), c))
        _, (_, dc) = pull(np.zeros_like(y), (np.zeros_like(c), c))
        np.testing.assert_array_equal(dc, np.full_like(c, needed))


def test_with_f_zero_the_past_of_the_memory_is_forgotten():
    recurrent = gates_fixed_at(f=-1000, i=1, g=0.5)
    c = RNG.normal(size=(1, 2, 4))
    _, (_, final), pull = recurrent.run(np.zeros((2, 1, 3)), Context(training=True), None, (np.zeros_like(c), c))
    np.testing.assert_allclose(final, sigmoid(1) * np.tanh(0.5), rtol=1e-12)
    assert not pull(np.ones((2, 1, 4)), None)[1][1].any()


def test_a_closed_output_gate_keeps_the_memory():
    recurrent = gates_fixed_at(o=-1000, f=1000, i=-1000)
    c = RNG.normal(size=(1, 2, 4))
    y, (h, final), _ = recurrent.run(np.zeros((2, 3, 3)), Context(), None, (np.zeros_like(c), c))
    assert not y.any()
    assert not h.any()
    np.testing.assert_array_equal(final, c)


@pytest.mark.parametrize("large", [1e3, 1e30])
def test_gates_do_not_overflow(large):
    recurrent = recurrence().astype(np.float32)
    x = (large * RNG.normal(size=(2, 5, 3))).astype(np.float32)
    y, pull = recurrent(x, Context(training=True))
    assert np.isfinite(y).all()
    assert np.isfinite(pull(np.ones_like(y))).all()


def test_the_bias_of_the_forget_gate_is_initialized_to_one_and_all_others_to_zero():
    cell = LSTMCell(3, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(cell.bias.value, np.repeat([0, 1, 0, 0], 4))


def test_the_forget_bias_is_that_of_gate_f():
    """With the other logits at 0, g is 0 and the memory is multiplied by sigma(forget_bias)."""
    network = create("lstm", hidden=4, forget_bias=3.0)
    (cell,) = network.recurrent.cells
    cell.weight_ih.value[...] = cell.weight_hh.value[...] = 0
    c = RNG.normal(size=(1, 2, 4)).astype(np.float32)
    _, (_, final), _ = network.recurrent.run(np.zeros((2, 1, 3), np.float32), Context(), None, (np.zeros_like(c), c))
    np.testing.assert_allclose(final, sigmoid(3) * c, rtol=1e-5)


def test_a_cell_has_four_times_the_parameters_of_a_simple_one():
    inputs, hidden = 3, 7
    assert LSTMCell(inputs, hidden, np.random.default_rng(0)).num_parameters == 4 * (inputs + hidden + 1) * hidden
    assert create("lstm", hidden=7).recurrent.num_parameters == 4 * create("rnn", hidden=7).recurrent.num_parameters


def test_settings_decide_the_layers():
    network = create("lstm", hidden=5, layers=2, bidirectional=True, dropout=0.25)
    assert network.num_parameters == 4 * (2 * 5 * (3 + 5 + 1) + 2 * 5 * (10 + 5 + 1)) + 3 * (10 + 1)
    assert network.recurrent.dropout.rate == network.dropout.rate == 0.25


def test_scaling_multiplies_the_hidden_width():
    architecture = get("lstm")
    config = architecture.configure({"hidden": 10, "forget_bias": 2.0})
    assert architecture.scale_width(config, 0.5) == architecture.configure({"hidden": 5, "forget_bias": 2.0})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"forget_bais": 1}, "forget_bais.*did you mean forget_bias"),
        ({"layers": 0}, "layers.*0.*greater than or equal to 1"),
        ({"readout": "first"}, "first.*last"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises(SettingError, match=words) as caught:
        create("lstm", **settings)
    assert "\n" not in str(caught.value)


def test_the_adding_claim_has_a_figure_of_the_gradients():
    figure_module = pytest.importorskip("matplotlib.figure", reason="figures need the extra 'experiments'")
    claim = next(claim for claim in get("lstm").claims if claim.name == "adding")
    task = Task(kind="regression", input="sequence", shape=(200, 2), outputs=1)
    modules = {name: (lambda name=name: create(name, task=task, hidden=4)) for name in ("lstm", "rnn")}
    figure = figure_module.Figure()
    claim.figures[0].draw(figure, {}, modules)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [label.split(":")[0] for label in labels] == ["lstm", "rnn"]
