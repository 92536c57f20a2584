import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.plugins.gru.network import EarlyResetGRUCell, GRUCell
from neuralzoo.registry import SettingError, create, get

RNG = np.random.default_rng(0)
LENGTHS = np.array([3, 5])

each_form = pytest.mark.parametrize("kind", [GRUCell, EarlyResetGRUCell], ids=["reset after", "reset before"])


@pytest.mark.parametrize("check", checks_for_architecture(get("gru")), ids=str)
def test_gru_conforms(check):
    check()


def recurrence(kind, inputs=3, hidden=4):
    """A recurrence of one cell whose parameters are random numbers."""
    made = Recurrent(inputs, lambda inputs, rng: kind(inputs, hidden, rng), np.random.default_rng(1))
    for parameter in made.astype(np.float64).named_parameters().values():
        parameter.value[...] = RNG.normal(size=parameter.value.shape)
    return made


def gates_fixed_at(kind, **logits):
    """A recurrence whose gates r and u stand at sigma(logit), whatever it reads; the candidate stays random."""
    made = recurrence(kind)
    (cell,) = made.cells
    cell.weight_input.value[:, :8] = cell.weight_state.value[:, :8] = cell.bias.value[:8] = 0
    for block, name in enumerate("ru"):
        cell.bias.value[4 * block : 4 * block + 4] = logits.get(name, 0)
    return made


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def by_the_paper(cell, x, h):
    """Return h of all steps (T, N, hidden), from the equations, one step after another."""
    steps = []
    (wr, wu, wn), (ur, uu, un) = (np.split(p.value, 3, axis=1) for p in (cell.weight_input, cell.weight_state))
    br, bu, bn = np.split(cell.bias.value, 3)
    for x_t in x.swapaxes(0, 1):
        r = sigmoid(x_t @ wr + h @ ur + br)
        u = sigmoid(x_t @ wu + h @ uu + bu)
        if isinstance(cell, GRUCell):
            n = np.tanh(x_t @ wn + bn + r * (h @ un + cell.bias_state.value))
        else:
            n = np.tanh(x_t @ wn + bn + (r * h) @ un)
        h = u * h + (1 - u) * n
        steps.append(h)
    return np.array(steps)


@each_form
def test_each_step_is_the_equations_of_the_paper(kind):
    recurrent = recurrence(kind)
    x, h = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 4))
    y, (end,), _ = recurrent.run(x, Context(), None, (h[None],))
    needed = by_the_paper(recurrent.cells[0], x, h)
    np.testing.assert_allclose(y.swapaxes(0, 1), needed, atol=1e-13)
    np.testing.assert_allclose(end[0], needed[-1], atol=1e-13)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@each_form
def test_all_gradients_agree_with_finite_differences_of_the_papers_equations(kind, lengths):
    recurrent = recurrence(kind)
    (cell,) = recurrent.cells
    x, h = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 4))
    dy, dend = RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 4))
    ends = (np.array([5, 5]) if lengths is None else lengths) - 1
    counts = np.arange(5) <= ends[:, None]  # (N, T)

    def loss():
        steps = by_the_paper(cell, x, h).swapaxes(0, 1)
        return (steps * dy * counts[..., None]).sum() + (steps[np.arange(2), ends] * dend).sum()

    grads = Gradients(recurrent)
    _, _, pull = recurrent.run(x, Context(training=True, grads=grads), lengths, (h[None],))
    dx, (dstart,) = pull(dy, (dend[None],))
    claimed = {"x": (x, dx), "start": (h, dstart[0])}
    claimed |= {name: (p.value, grads[p]) for name, p in cell.named_parameters().items()}
    for name, (array, gradient) in claimed.items():
        for place in np.ndindex(array.shape):
            before, values = array[place], []
            for step in (1e-6, -1e-6):
                array[place] = before + step
                values.append(loss())
            array[place] = before
            slope = (values[0] - values[1]) / 2e-6
            assert gradient[place] == pytest.approx(slope, rel=1e-6, abs=1e-8), (name, place)


@each_form
def test_with_u_one_the_state_is_kept_and_its_gradient_is_exactly_one(kind):
    recurrent = gates_fixed_at(kind, u=200)
    x, h = RNG.normal(size=(2, 100, 3)), RNG.normal(size=(1, 2, 4))
    y, (end,), pull = recurrent.run(x, Context(training=True), None, (h,))
    np.testing.assert_allclose(end, h, rtol=0, atol=1e-13)
    np.testing.assert_allclose(y, np.broadcast_to(h[0][:, None], y.shape), rtol=0, atol=1e-13)
    _, (dh,) = pull(np.zeros_like(y), (np.ones_like(h),))
    np.testing.assert_array_equal(dh, np.ones_like(h))


@each_form
def test_a_gradient_that_vanishes_gets_zero_and_not_slow(kind):
    """With u = 1/2 it would be 2^-135 after 135 steps: a number without its leading bits in float32."""
    recurrent = gates_fixed_at(kind, u=0).astype(np.float32)
    recurrent.cells[0].weight_state.value[...] = 0
    h = np.ones((1, 2, 4), np.float32)
    for steps, needed in ((20, 0.5**20), (135, 0)):
        y, _, pull = recurrent.run(np.zeros((2, steps, 3), np.float32), Context(training=True), None, (h,))
        _, (dh,) = pull(np.zeros_like(y), (h,))
        np.testing.assert_array_equal(dh, np.full_like(h, needed))


@each_form
def test_with_u_zero_the_state_is_the_candidate(kind):
    recurrent = gates_fixed_at(kind, u=-1000, r=-1000)
    cell, x = recurrent.cells[0], RNG.normal(size=(2, 5, 3))
    candidate = np.tanh(x @ cell.weight_input.value[:, 8:] + cell.bias.value[8:])
    np.testing.assert_allclose(recurrent.predict(x), candidate, atol=1e-14)


def test_with_r_one_both_forms_of_the_reset_are_one():
    late, early = gates_fixed_at(GRUCell, r=1000), recurrence(EarlyResetGRUCell)
    late.cells[0].bias_state.value[...] = 0
    for name, parameter in early.cells[0].named_parameters().items():
        parameter.value[...] = late.cells[0].named_parameters()[name].value
    x = RNG.normal(size=(2, 6, 3))
    np.testing.assert_allclose(early.predict(x), late.predict(x), atol=1e-14)
    for cell in (*late.cells, *early.cells):
        cell.bias.value[:4] = [-2, -1, 1, 2]  # a gate that is the same for all units could stand on either side
    assert not np.allclose(early.predict(x), late.predict(x), atol=1e-3)


def test_with_r_zero_the_candidate_sees_nothing_of_the_past():
    for kind in (GRUCell, EarlyResetGRUCell):
        recurrent = gates_fixed_at(kind, r=-1000, u=-1000)
        x = RNG.normal(size=(2, 6, 3))
        order = RNG.permutation(6)
        np.testing.assert_allclose(recurrent.predict(x)[:, order], recurrent.predict(x[:, order]), atol=1e-14)


@pytest.mark.parametrize("large", [1e3, 1e30])
@each_form
def test_gates_do_not_overflow(kind, large):
    recurrent = recurrence(kind).astype(np.float32)
    x = (large * RNG.normal(size=(2, 5, 3))).astype(np.float32)
    y, pull = recurrent(x, Context(training=True))
    assert np.isfinite(y).all()
    assert np.isfinite(pull(np.ones_like(y))).all()


def test_a_cell_has_three_quarters_of_the_numbers_of_an_lstms_and_the_bias_of_its_state():
    inputs, hidden = 3, 8
    late, early = (kind(inputs, hidden, np.random.default_rng(0)) for kind in (GRUCell, EarlyResetGRUCell))
    assert late.size == 3 * (inputs + hidden + 1) * hidden + hidden
    assert early.size == 3 * (inputs + hidden + 1) * hidden
    assert create("gru", hidden=8).recurrent.size == create("lstm", hidden=8).recurrent.size * 3 // 4 + 8


def test_the_setting_reset_decides_the_form():
    assert type(create("gru").recurrent.cells[0]) is GRUCell
    assert type(create("gru", reset="after").recurrent.cells[0]) is GRUCell
    assert type(create("gru", reset="before").recurrent.cells[0]) is EarlyResetGRUCell


def test_settings_decide_the_layers():
    network = create("gru", hidden=5, layers=2, bidirectional=True, dropout=0.25)
    assert network.size == 3 * (2 * 5 * (3 + 5 + 1) + 2 * 5 * (10 + 5 + 1)) + 4 * 5 + 3 * (10 + 1)
    assert network.recurrent.dropout.rate == network.dropout.rate == 0.25


def test_resizing_multiplies_the_hidden_width():
    architecture = get("gru")
    config = architecture.configure({"hidden": 10, "reset": "before"})
    assert architecture.resize(config, 2) == architecture.configure({"hidden": 20, "reset": "before"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"reset": "befor"}, "befor.*before"),
        ({"rest": "before"}, "rest.*did you mean reset"),
        ({"embedding": 0}, "embedding.*0.*greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises(SettingError, match=words) as caught:
        create("gru", **settings)
    assert "\n" not in str(caught.value)
