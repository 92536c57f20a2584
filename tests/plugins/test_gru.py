import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.plugins.gru.network import GRUCell, ResetBeforeGRUCell, gru_step, gru_step_reset_before
from neuralzoo.registry import SettingError, create, get

RNG = np.random.default_rng(0)
LENGTHS = np.array([3, 5])

each_variant = pytest.mark.parametrize("make_cell", [GRUCell, ResetBeforeGRUCell], ids=["reset after", "reset before"])


@pytest.mark.parametrize("check", checks_for_architecture(get("gru")), ids=str)
def test_gru_conforms(check):
    check()


def recurrence(make_cell, inputs=3, hidden=4):
    """A recurrence of one cell with random parameters."""
    made = Recurrent(inputs, lambda inputs, rng: make_cell(inputs, hidden, rng), np.random.default_rng(1))
    for parameter in made.astype(np.float64).named_parameters().values():
        parameter.value[...] = RNG.normal(size=parameter.value.shape)
    return made


def gates_fixed_at(make_cell, **logits):
    """A recurrence whose gates r and u stand at sigma(logit), for any input; the candidate is random."""
    made = recurrence(make_cell)
    (cell,) = made.cells
    cell.weight_ih.value[:, :8] = cell.weight_hh.value[:, :8] = cell.bias.value[:8] = 0
    for block, name in enumerate("ru"):
        cell.bias.value[4 * block : 4 * block + 4] = logits.get(name, 0)
    return made


def by_the_equations(cell, x, h):
    """Return h of all steps (T, N, hidden), from the equations, one step after another."""
    steps = []
    W, U, b = cell.weight_ih.value, cell.weight_hh.value, cell.bias.value
    for x_t in x.swapaxes(0, 1):
        if isinstance(cell, GRUCell):
            h = gru_step(x_t, h, W, U, b, cell.bias_hh.value)
        else:
            h = gru_step_reset_before(x_t, h, W, U, b)
        steps.append(h)
    return np.array(steps)


@each_variant
def test_each_step_is_the_equations_of_the_paper(make_cell):
    recurrent = recurrence(make_cell)
    x, h = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 4))
    y, (final,), _ = recurrent.run(x, Context(), None, (h[None],))
    needed = by_the_equations(recurrent.cells[0], x, h)
    np.testing.assert_allclose(y.swapaxes(0, 1), needed, atol=1e-13)
    np.testing.assert_allclose(final[0], needed[-1], atol=1e-13)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@each_variant
def test_all_gradients_agree_with_finite_differences_of_the_papers_equations(make_cell, lengths):
    recurrent = recurrence(make_cell)
    (cell,) = recurrent.cells
    x, h = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 4))
    dy, dfinal = RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 4))
    ends = (np.array([5, 5]) if lengths is None else lengths) - 1
    counts = np.arange(5) <= ends[:, None]  # (N, T)

    def loss():
        steps = by_the_equations(cell, x, h).swapaxes(0, 1)
        return (steps * dy * counts[..., None]).sum() + (steps[np.arange(2), ends] * dfinal).sum()

    grads = Gradients(recurrent)
    _, _, pull = recurrent.run(x, Context(training=True, grads=grads), lengths, (h[None],))
    dx, (dinitial,) = pull(dy, (dfinal[None],))
    claimed = {"x": (x, dx), "initial": (h, dinitial[0])}
    claimed |= {name: (p.value, grads[p]) for name, p in cell.named_parameters().items()}
    for name, (array, gradient) in claimed.items():
        for index in np.ndindex(array.shape):
            before, values = array[index], []
            for step in (1e-6, -1e-6):
                array[index] = before + step
                values.append(loss())
            array[index] = before
            slope = (values[0] - values[1]) / 2e-6
            assert gradient[index] == pytest.approx(slope, rel=1e-6, abs=1e-8), (name, index)


@each_variant
def test_with_u_one_the_state_is_kept_and_its_gradient_is_exactly_one(make_cell):
    recurrent = gates_fixed_at(make_cell, u=200)
    x, h = RNG.normal(size=(2, 100, 3)), RNG.normal(size=(1, 2, 4))
    y, (final,), pull = recurrent.run(x, Context(training=True), None, (h,))
    np.testing.assert_allclose(final, h, rtol=0, atol=1e-13)
    np.testing.assert_allclose(y, np.broadcast_to(h[0][:, None], y.shape), rtol=0, atol=1e-13)
    _, (dh,) = pull(np.zeros_like(y), (np.ones_like(h),))
    np.testing.assert_array_equal(dh, np.ones_like(h))


@each_variant
def test_a_vanishing_gradient_is_flushed_to_zero_beforeit_is_subnormal(make_cell):
    """With u = 1/2 it would be 2^-135 after 135 steps: a subnormal number in float32."""
    recurrent = gates_fixed_at(make_cell, u=0).astype(np.float32)
    recurrent.cells[0].weight_hh.value[...] = 0
    h = np.ones((1, 2, 4), np.float32)
    for steps, needed in ((20, 0.5**20), (135, 0)):
        y, _, pull = recurrent.run(np.zeros((2, steps, 3), np.float32), Context(training=True), None, (h,))
        _, (dh,) = pull(np.zeros_like(y), (h,))
        np.testing.assert_array_equal(dh, np.full_like(h, needed))


@each_variant
def test_with_u_zero_the_state_is_the_candidate(make_cell):
    recurrent = gates_fixed_at(make_cell, u=-1000, r=-1000)
    cell, x = recurrent.cells[0], RNG.normal(size=(2, 5, 3))
    candidate = np.tanh(x @ cell.weight_ih.value[:, 8:] + cell.bias.value[8:])
    np.testing.assert_allclose(recurrent.predict(x), candidate, atol=1e-14)


def test_with_r_one_both_variants_of_the_reset_are_equal():
    after, before = gates_fixed_at(GRUCell, r=1000), recurrence(ResetBeforeGRUCell)
    after.cells[0].bias_hh.value[...] = 0
    for name, parameter in before.cells[0].named_parameters().items():
        parameter.value[...] = after.cells[0].named_parameters()[name].value
    x = RNG.normal(size=(2, 6, 3))
    np.testing.assert_allclose(before.predict(x), after.predict(x), atol=1e-14)
    for cell in (*after.cells, *before.cells):
        cell.bias.value[:4] = [-2, -1, 1, 2]  # a gate that is the same for all units could stand on either side
    assert not np.allclose(before.predict(x), after.predict(x), atol=1e-3)


def test_with_r_zero_the_candidate_does_not_depend_on_the_past():
    for make_cell in (GRUCell, ResetBeforeGRUCell):
        recurrent = gates_fixed_at(make_cell, r=-1000, u=-1000)
        x = RNG.normal(size=(2, 6, 3))
        order = RNG.permutation(6)
        np.testing.assert_allclose(recurrent.predict(x)[:, order], recurrent.predict(x[:, order]), atol=1e-14)


@pytest.mark.parametrize("large", [1e3, 1e30])
@each_variant
def test_gates_do_not_overflow(make_cell, large):
    recurrent = recurrence(make_cell).astype(np.float32)
    x = (large * RNG.normal(size=(2, 5, 3))).astype(np.float32)
    y, pull = recurrent(x, Context(training=True))
    assert np.isfinite(y).all()
    assert np.isfinite(pull(np.ones_like(y))).all()


def test_a_cell_has_three_quarters_of_the_parameters_of_an_lstm_cell_and_one_more_bias():
    inputs, hidden = 3, 8
    after, before = (make_cell(inputs, hidden, np.random.default_rng(0)) for make_cell in (GRUCell, ResetBeforeGRUCell))
    assert after.num_parameters == 3 * (inputs + hidden + 1) * hidden + hidden
    assert before.num_parameters == 3 * (inputs + hidden + 1) * hidden
    assert (
        create("gru", hidden=8).recurrent.num_parameters
        == create("lstm", hidden=8).recurrent.num_parameters * 3 // 4 + 8
    )


def test_the_setting_reset_after_decides_the_variant():
    assert type(create("gru").recurrent.cells[0]) is GRUCell
    assert type(create("gru", reset_after=True).recurrent.cells[0]) is GRUCell
    assert type(create("gru", reset_after=False).recurrent.cells[0]) is ResetBeforeGRUCell


def test_settings_decide_the_layers():
    network = create("gru", hidden=5, layers=2, bidirectional=True, dropout=0.25)
    assert network.num_parameters == 3 * (2 * 5 * (3 + 5 + 1) + 2 * 5 * (10 + 5 + 1)) + 4 * 5 + 3 * (10 + 1)
    assert network.recurrent.dropout.rate == network.dropout.rate == 0.25


def test_scaling_multiplies_the_hidden_width():
    architecture = get("gru")
    config = architecture.configure({"hidden": 10, "reset_after": False})
    assert architecture.scale_width(config, 2) == architecture.configure({"hidden": 20, "reset_after": False})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"reset_after": "befor"}, "reset_after.*befor.*true or false"),
        ({"reset_aftr": False}, "reset_aftr.*did you mean reset_after"),
        ({"embedding": 0}, "embedding.*0.*greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises(SettingError, match=words) as caught:
        create("gru", **settings)
    assert "\n" not in str(caught.value)
