"""Known truths about recurrent layers with any cell: padding, directions, parts of a sequence, states."""

import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.cell import Cell
from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.layer import Context, Gradients, Workspace
from neuralzoo.plugins.gru.network import GRUCell, ResetBeforeGRUCell
from neuralzoo.plugins.lstm.network import LSTMCell
from neuralzoo.plugins.rnn.network import RNNCell


def relu_cell(inputs, hidden, rng):
    return RNNCell(inputs, hidden, rng, activation="relu")


CELLS = {"tanh": RNNCell, "relu": relu_cell, "lstm": LSTMCell, "gru": GRUCell, "reset before": ResetBeforeGRUCell}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 3))
LENGTHS = np.array([3, 6, 1, 5])
BEYOND = np.arange(6) >= LENGTHS[:, None]

each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
each_direction = pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])


def recurrence(cell, *, inputs=3, hidden=4, layers=1, bidirectional=False, rng=None, dropout=0.0):
    """A recurrence in float64 whose parameters are random."""
    rng = np.random.default_rng(1) if rng is None else rng
    made = Recurrent(
        inputs,
        lambda inputs, rng: cell(inputs, hidden, rng),
        rng,
        layers=layers,
        bidirectional=bidirectional,
        dropout=dropout,
    ).astype(np.float64)
    for parameter in made.named_parameters().values():
        parameter.value += 0.2 * rng.standard_normal(parameter.value.shape)
    return made


def random_state(recurrent, examples, seed=2):
    rng = np.random.default_rng(seed)
    cells = recurrent.cells
    return tuple(rng.standard_normal((len(cells), examples, cells[0].hidden)) for _ in range(cells[0].num_states))


def everything(recurrent, x, lengths=None, initial=None, dfinal=None):
    """Return outputs, final states and all gradients by name."""
    grads = Gradients(recurrent)
    y, final, pull = recurrent.run(x, Context(training=True, grads=grads), lengths, initial)
    dx, dinitial = pull(np.random.default_rng(3).standard_normal(y.shape), dfinal)
    found = {"y": y, "dx": dx, "parameters": grads.vector}
    found |= {f"final {i}": state for i, state in enumerate(final)}
    return found | {f"dinitial {i}": state for i, state in enumerate(dinitial)}


def expect_same(got, needed, atol=0.0):
    assert got.keys() == needed.keys()
    for name, array in needed.items():
        np.testing.assert_allclose(got[name], array, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("padding", [1e6, np.nan, np.inf])
@each_direction
@each_cell
def test_padding_changes_no_bit_of_outputs_states_and_gradients(cell, bidirectional, padding):
    recurrent = recurrence(cell, layers=2, bidirectional=bidirectional)
    other = np.where(BEYOND[:, :, None], padding, X)
    one, two = (everything(recurrent, x, LENGTHS) for x in (X, other))
    expect_same(two, one)
    assert not two["y"][BEYOND].any()
    assert not two["dx"][BEYOND].any()


@each_direction
@each_cell
def test_each_sequence_gives_what_it_gives_alone_without_its_padding(cell, bidirectional):
    recurrent = recurrence(cell, layers=2, bidirectional=bidirectional)
    initial = random_state(recurrent, 4)
    y, final, _ = recurrent.run(X, Context(), LENGTHS, initial)
    for row, length in enumerate(LENGTHS):
        mine = tuple(state[:, row : row + 1] for state in initial)
        alone, end_alone, _ = recurrent.run(X[row : row + 1, :length], Context(), None, mine)
        np.testing.assert_allclose(y[row, :length], alone[0], atol=1e-12)
        for state, needed in zip(final, end_alone, strict=True):
            np.testing.assert_allclose(state[:, row], needed[:, 0], atol=1e-12)


@each_direction
@each_cell
def test_full_lengths_are_equal_to_no_lengths(cell, bidirectional):
    recurrent = recurrence(cell, bidirectional=bidirectional)
    expect_same(everything(recurrent, X, np.full(4, 6)), everything(recurrent, X))


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@each_cell
def test_reversing_sequences_and_swapping_the_directions_swaps_the_outputs(cell, lengths):
    recurrent = recurrence(cell, bidirectional=True)
    other = recurrent.copy()
    other.layers[0].reverse()
    turned = X.copy()
    for row, length in enumerate(np.full(4, 6) if lengths is None else lengths):
        turned[row, :length] = X[row, :length][::-1]
    y, final, _ = recurrent.run(X, Context(), lengths)
    y_reversed, end_turned, _ = other.run(turned, Context(), lengths)
    for row, length in enumerate(np.full(4, 6) if lengths is None else lengths):
        y_reversed[row, :length] = y_reversed[row, :length][::-1].copy()
    np.testing.assert_allclose(y_reversed, np.concatenate([y[..., 4:], y[..., :4]], axis=2), atol=1e-12)
    for state, needed in zip(end_turned, final, strict=True):
        np.testing.assert_allclose(state, needed[::-1], atol=1e-12)


@each_cell
def test_one_direction_does_not_depend_on_later_steps_and_two_do(cell):
    later = X.copy()
    later[:, 4:] += 1
    for bidirectional in (False, True):
        recurrent = recurrence(cell, bidirectional=bidirectional)
        same = np.isclose(recurrent.predict(X), recurrent.predict(later), rtol=0, atol=1e-9)
        assert same[:, :4, :4].all()
        assert same[:, :4].all() is np.bool_(not bidirectional)


@each_cell
def test_ten_steps_at_once_are_four_and_six_with_the_state_carried(cell):
    recurrent = recurrence(cell, layers=2)
    rng = np.random.default_rng(4)
    x, dy = rng.normal(size=(3, 10, 3)), rng.normal(size=(3, 10, 4))
    initial, dfinal = random_state(recurrent, 3), random_state(recurrent, 3, seed=5)
    whole, parts = Gradients(recurrent), Gradients(recurrent)
    y, final, pull = recurrent.run(x, Context(training=True, grads=whole), None, initial)
    dx, dinitial = pull(dy, dfinal)
    ctx = Context(training=True, grads=parts)
    y_one, between, pull_one = recurrent.run(x[:, :4], ctx, None, initial)
    y_two, end_two, pull_two = recurrent.run(x[:, 4:], ctx, None, between)
    dx_two, dbetween = pull_two(dy[:, 4:], dfinal)
    dx_one, dstart_one = pull_one(dy[:, :4], dbetween)
    for got, needed in zip(
        (np.hstack([y_one, y_two]), np.hstack([dx_one, dx_two]), *end_two, *dstart_one, parts.vector),
        (y, dx, *final, *dinitial, whole.vector),
        strict=True,
    ):
        np.testing.assert_allclose(got, needed, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@each_direction
@each_cell
def test_gradients_of_the_initial_state_agree_with_finite_differences(cell, bidirectional, lengths):
    recurrent = recurrence(cell, layers=2, bidirectional=bidirectional)
    initial, way, dfinal = (random_state(recurrent, 4, seed) for seed in (2, 6, 7))
    dy = RNG.standard_normal((4, 6, recurrent.outputs))

    def loss(step):
        y, final, _ = recurrent.run(
            X, Context(), lengths, tuple(s + step * w for s, w in zip(initial, way, strict=True))
        )
        return (y * dy).sum() + sum((state * d).sum() for state, d in zip(final, dfinal, strict=True))

    _, _, pull = recurrent.run(X, Context(training=True), lengths, initial)
    _, dinitial = pull(dy, dfinal)
    claimed = sum((d * w).sum() for d, w in zip(dinitial, way, strict=True))
    assert claimed == pytest.approx((loss(1e-6) - loss(-1e-6)) / 2e-6, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@each_direction
@each_cell
def test_gradients_of_each_parameter_agree_with_finite_differences(cell, bidirectional, lengths):
    recurrent = recurrence(cell, layers=2, bidirectional=bidirectional)
    initial = random_state(recurrent, 4)
    dy, grads = RNG.standard_normal((4, 6, recurrent.outputs)), Gradients(recurrent)
    _, _, pull = recurrent.run(X, Context(training=True, grads=grads), lengths, initial)
    pull(dy, None)
    for name, parameter in recurrent.named_parameters().items():
        way, before, losses = RNG.standard_normal(parameter.value.shape), parameter.value.copy(), []
        for step in (1e-6, -1e-6):
            parameter.value[...] = before + step * way
            losses.append((recurrent.run(X, Context(), lengths, initial)[0] * dy).sum())
        parameter.value[...] = before
        slope = (losses[0] - losses[1]) / 2e-6
        assert (grads[parameter] * way).sum() == pytest.approx(slope, rel=1e-6, abs=1e-6), name


@each_direction
@each_cell
def test_the_default_initial_state_is_zero_and_an_unused_final_state_has_no_gradient(cell, bidirectional):
    recurrent = recurrence(cell, bidirectional=bidirectional)
    zeros = tuple(np.zeros_like(state) for state in random_state(recurrent, 4))
    expect_same(everything(recurrent, X, LENGTHS, zeros, zeros), everything(recurrent, X, LENGTHS))


@each_cell
def test_states_passed_in_are_not_modified(cell):
    recurrent = recurrence(cell, bidirectional=True)
    initial, dfinal = random_state(recurrent, 4), random_state(recurrent, 4, seed=5)
    for state in (*initial, *dfinal):
        state.flags.writeable = False
    before = [state.copy() for state in (*initial, *dfinal)]
    everything(recurrent, X, LENGTHS, initial, dfinal)
    everything(recurrent, X, None, initial, dfinal)
    assert all(np.array_equal(state, old) for state, old in zip((*initial, *dfinal), before, strict=True))


@each_cell
def test_a_pullback_can_be_called_twice(cell):
    recurrent = recurrence(cell, bidirectional=True)
    y, _, pull = recurrent.run(X, Context(training=True), LENGTHS)
    dy = RNG.standard_normal(y.shape)
    once, twice = (pull(dy, None) for _ in range(2))
    np.testing.assert_array_equal(once[0].copy(), twice[0])


@each_cell
def test_final_states_outlive_the_workspace_of_their_step(cell):
    recurrent, workspace = recurrence(cell), Workspace()
    ctx = Context(training=True, grads=Gradients(recurrent), workspace=workspace)
    _, final, _ = recurrent.run(X, ctx)
    kept = [state.copy() for state in final]
    workspace.reset()
    recurrent.run(X + 1, ctx)
    assert all(np.array_equal(state, old) for state, old in zip(final, kept, strict=True))


def test_levels_read_the_level_below_both_directions_side_by_side():
    recurrent = recurrence(GRUCell, layers=3, bidirectional=True)
    single = []
    for layer in range(3):
        one = recurrence(GRUCell, inputs=3 if layer == 0 else 8, bidirectional=True)
        one.layers = [recurrent.layers[layer]]
        single.append(one)
    y = X
    for one in single:
        y = one.predict((y, LENGTHS))
    np.testing.assert_allclose(recurrent.predict((X, LENGTHS)), y, atol=1e-12)


def test_the_directions_of_a_level_lie_side_by_side_in_the_states():
    recurrent = recurrence(RNNCell, layers=2, bidirectional=True)
    y, (h,), _ = recurrent.run(X, Context(), LENGTHS)
    assert h.shape == (4, 4, 4)
    rows = np.arange(4)
    np.testing.assert_array_equal(h[2], y[rows, LENGTHS - 1, :4])  # forward it ends at the length
    np.testing.assert_array_equal(h[3], y[:, 0, 4:])  # backward it ends at the first step


def test_dropout_acts_between_levels_only():
    x = X.astype(np.float64)
    one = recurrence(LSTMCell, layers=1, dropout=0.5)
    training = Context(training=True, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(one(x, training)[0], one.predict(x))
    two = recurrence(LSTMCell, layers=2, dropout=0.5)
    assert not np.allclose(two(x, training)[0], two.predict(x))
    np.testing.assert_array_equal(two.predict(x), two.predict(x))


def test_the_gradient_includes_the_dropout_mask():
    recurrent = recurrence(GRUCell, layers=2, bidirectional=True, dropout=0.4)
    dy, way = RNG.standard_normal((4, 6, 8)), RNG.standard_normal(X.shape)

    def run(x):
        return recurrent((x, LENGTHS), Context(training=True, rng=np.random.default_rng(9)))

    dx = run(X)[1](dy)
    slope = ((run(X + 1e-6 * way)[0] - run(X - 1e-6 * way)[0]) * dy).sum() / 2e-6
    assert (dx * way).sum() == pytest.approx(slope, rel=1e-6)


@each_direction
def test_without_input_gradients_the_weight_gradients_are_the_same(bidirectional):
    recurrent = recurrence(LSTMCell, layers=2, bidirectional=bidirectional)
    grads = Gradients(recurrent)
    y, _, pull = recurrent.run(X, Context(training=True, grads=grads, inputs_without_grad=X), LENGTHS)
    dx, dinitial = pull(np.random.default_rng(3).standard_normal(y.shape), None)
    needed = everything(recurrent, X, LENGTHS)
    assert dx.shape == X.shape
    assert not dx.any()
    np.testing.assert_array_equal(grads.vector, needed["parameters"])
    np.testing.assert_array_equal(dinitial[1], needed["dinitial 1"])


def test_recurrent_weights_are_initialized_orthogonal_gate_by_gate():
    cell = LSTMCell(5, 6, np.random.default_rng(0))
    gates = np.split(cell.weight_hh.value, 4, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(6), atol=1e-6)
    assert not np.allclose(gates[0], gates[1])
    assert abs(cell.weight_ih.value).max() <= np.sqrt(6 / (5 + 6))  # Glorot's limit for one gate, not for four


@pytest.mark.parametrize("shape", [(4, 6, 2), (4, 6), (4, 0, 3)])
def test_an_input_of_another_shape_is_refused_in_one_sentence(shape):
    words = (
        rf"^a recurrence of GRUCells got x of shape \({', '.join(map(str, shape))}\); it needs \(N, T, 3\), T at .* 1$"
    )
    with pytest.raises(ValueError, match=words):
        recurrence(GRUCell).predict(np.ones(shape))


@pytest.mark.parametrize(
    ("cell", "shapes", "needs"),
    [
        (LSTMCell, [(1, 4, 4)], r"\(1, 4, 4\); it needs 2 of \(1, 4, 4\)"),
        (LSTMCell, [(1, 4, 4), (1, 4, 3)], r"\(1, 4, 4\), \(1, 4, 3\); it needs 2 of \(1, 4, 4\)"),
        (GRUCell, [(4, 4)], r"\(4, 4\); it needs 1 of \(1, 4, 4\)"),
        (GRUCell, [(1, 5, 4)], r"\(1, 5, 4\); it needs 1 of \(1, 4, 4\)"),
    ],
)
def test_states_of_another_shape_are_refused_in_one_sentence(cell, shapes, needs):
    words = f"^a recurrence of {cell.__name__}s got states of shape {needs}$"
    recurrent, states = recurrence(cell), tuple(np.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match=words):
        recurrent.run(X, Context(), None, states)
    if len(shapes) == recurrent.cells[0].num_states:
        _, _, pull = recurrent.run(X, Context(training=True))
        with pytest.raises(ValueError, match=words):
            pull(np.zeros((4, 6, 4)), states)


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([3, 7, 1, 5], "length 7 for sequence 1 of 4; it needs 1 to 6"),
        ([3, 6, 0, 5], "length 0 for sequence 2 of 4; .*"),
    ],
)
def test_lengths_out_of_range_are_refused_in_one_sentence(lengths, words):
    with pytest.raises(ValueError, match=f"^a batch got {words}"):
        recurrence(GRUCell).predict((X, np.array(lengths)))


def test_an_evaluation_pass_has_no_pullback():
    recurrent = recurrence(GRUCell)
    _, pull = recurrent(X, Context())
    with pytest.raises(RuntimeError, match="evaluation pass"):
        pull(np.zeros((4, 6, 4)))
    with pytest.raises(RuntimeError, match="evaluation pass"):
        recurrent.run(X, Context())[2](np.zeros((4, 6, 4)), None)


def test_a_custom_cell_needs_unroll_and_its_pullback():
    class Sum(Cell):
        """h_t = z_t + h_{t-1}."""

        def unroll(self, z, packing, initial, ctx):
            h = np.concatenate([initial[0], *z])
            for _, before, after in packing.steps:
                h[after] += h[before]

            def pull(dh_all, dfinal):
                (dh,), dz = dfinal, np.empty_like(z[0])
                for rows, _, _ in reversed(packing.steps):
                    dh[: rows.stop - rows.start] += dh_all[rows]
                    dz[rows] = dh[: rows.stop - rows.start]
                return [dz], [dh]

            return [h], pull

    recurrent = recurrence(Sum, hidden=3, bidirectional=True)
    for cell in recurrent.cells:
        cell.weight_ih.value[...] = np.eye(3)
        cell.bias.value[...] = 0
    inside = np.where(BEYOND[:, :, None], 0, X)
    y = recurrent.predict((X, LENGTHS))
    np.testing.assert_allclose(y[~BEYOND][:, :3], np.cumsum(inside, axis=1)[~BEYOND])
    np.testing.assert_allclose(y[:, 0, 3:], inside.sum(axis=1))
    _, pull = recurrent((X, LENGTHS), Context(training=True))
    dx = pull(np.ones_like(y))
    # Each step is in its own sum and all later ones (forward), and in its own and all earlier ones (backward).
    np.testing.assert_allclose(dx, np.broadcast_to(np.where(BEYOND, 0, LENGTHS[:, None] + 1)[:, :, None], X.shape))
