import numpy as np
import pytest

from neuralzoo.core.blocks.recurrent.inspection import gradient_norms, states_and_gates
from neuralzoo.core.layer import Context
from neuralzoo.registry import Task, create

STEPS = 6
FEATURES = Task(kind="classification", input="sequence", shape=(STEPS, 3), outputs=4)
TOKENS = Task(kind="language-modelling", input="tokens", shape=(STEPS,), outputs=5, vocab_size=5)


def network(name, task=FEATURES, **settings):
    made = create(name, task=task, seed=2, **{"hidden": 4, **settings}).astype(np.float64)
    rng = np.random.default_rng(8)
    for parameter in made.named_parameters().values():  # biases, too, and larger than initial weights
        parameter.value += 0.3 * rng.normal(size=parameter.value.shape)
    return made


def example(task, count=2, seed=0):
    rng = np.random.default_rng(seed)
    if task.input == "tokens":
        return rng.integers(task.vocab_size, size=(count, STEPS))
    return rng.normal(size=(count, *task.shape))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def blocks(array, count):
    return np.split(array, count, axis=-1)


def test_the_gates_of_an_lstm_follow_its_equations():
    lstm, x = network("lstm"), example(FEATURES)[0]
    cell = lstm.recurrent.cells[0]
    (h, c), gates = states_and_gates(lstm, x)
    h_before = np.concatenate([np.zeros((1, 4)), h[:-1]])
    z = blocks(x @ cell.weight_ih.value + h_before @ cell.weight_hh.value + cell.bias.value, 4)
    i, f, g, o = sigmoid(z[0]), sigmoid(z[1]), np.tanh(z[2]), sigmoid(z[3])
    np.testing.assert_allclose(gates, np.concatenate([i, f, g, o], axis=1), rtol=1e-12)
    np.testing.assert_allclose(c[1:], (f * np.concatenate([np.zeros((1, 4)), c[:-1]]) + i * g)[1:], rtol=1e-12)
    np.testing.assert_allclose(h, o * np.tanh(c), rtol=1e-12)


@pytest.mark.parametrize("reset_after", [True, False])
def test_the_gates_of_a_gru_follow_its_equations(reset_after):
    gru, x = network("gru", reset_after=reset_after), example(FEATURES)[0]
    cell = gru.recurrent.cells[0]
    (h,), gates = states_and_gates(gru, x)
    h_before = np.concatenate([np.zeros((1, 4)), h[:-1]])
    z = blocks(x @ cell.weight_ih.value + cell.bias.value, 3)
    weights = blocks(cell.weight_hh.value, 3)
    r, u = (sigmoid(z[k] + h_before @ weights[k]) for k in range(2))
    past = r * (h_before @ weights[2] + cell.bias_hh.value) if reset_after else (r * h_before) @ weights[2]
    n = np.tanh(z[2] + past)
    np.testing.assert_allclose(gates, np.concatenate([r, u, n], axis=1), rtol=1e-12)
    np.testing.assert_allclose(h, n + u * (h_before - n), rtol=1e-12)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("task", [FEATURES, TOKENS], ids=["features", "tokens"])
def test_the_inspected_states_are_those_of_a_run(name, task):
    made = network(name, task)
    x = example(task)[1]
    states, _ = states_and_gates(made, x)
    for t in range(STEPS):
        _, final, _ = made.run(x[None, : t + 1], Context())
        np.testing.assert_allclose(states[:, t], [state[0, 0] for state in final], rtol=1e-12)


def by_finite_differences(made, x, dy, t, step=1e-6):
    """Return |dL/ds_t| of one example, L = y dy, by the state after step t + 1."""
    _, final, _ = made.run(x[None, : t + 1], Context())
    norms = []
    for m in range(len(final)):
        slopes = []
        for index in np.ndindex(final[m].shape):
            outputs = []
            for sign in (1, -1):
                initial = [state.copy() for state in final]
                initial[m][index] += sign * step
                y = made.run(x[None, t + 1 :], Context(), initial_state=tuple(initial))[0]
                outputs.append(y[0, -1] if made.readout is None else y[0])
            slopes.append((outputs[0] - outputs[1]) @ dy / (2 * step))
        norms.append(np.linalg.norm(slopes))
    return norms


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("task", [FEATURES, TOKENS], ids=["last", "each"])
@pytest.mark.parametrize("layers", [1, 2])
def test_norms_are_those_of_finite_differences(name, task, layers):
    made = network(name, task, layers=layers)
    x, dy = example(task), np.random.default_rng(1).normal(size=(2, task.outputs))
    norms = gradient_norms(made, x, dy)
    assert norms.shape == (made.recurrent.cells[0].num_states, 2, STEPS)
    for n in range(2):
        for t in range(STEPS - 1):
            np.testing.assert_allclose(norms[:, n, t], by_finite_differences(made, x[n], dy[n], t), rtol=1e-6)
        np.testing.assert_allclose(norms[0, n, -1], np.linalg.norm(made.head.weight.value @ dy[n]), rtol=1e-12)
        np.testing.assert_array_equal(norms[1:, n, -1], 0)


def test_a_permutation_keeps_the_norm_of_the_gradient_and_half_of_it_halves_the_norm():
    rnn = network("rnn", activation="relu")
    cell = rnn.recurrent.cells[0]
    cell.weight_ih.value[...] = 0
    cell.bias.value[...] = 10  # all units stay open
    dy = np.ones((1, 4))
    cell.weight_hh.value[...] = np.eye(4)[[2, 0, 3, 1]]
    norms = gradient_norms(rnn, example(FEATURES, 1), dy)[0, 0]
    np.testing.assert_allclose(norms, norms[-1], rtol=1e-12)
    cell.weight_hh.value[...] /= 2
    norms = gradient_norms(rnn, example(FEATURES, 1), dy)[0, 0]
    np.testing.assert_allclose(norms / norms[-1], 0.5 ** np.arange(STEPS)[::-1], rtol=1e-12)


def test_the_norm_is_over_both_directions():
    both = network("gru", bidirectional=True)
    x, dy = example(FEATURES, 1), np.random.default_rng(3).normal(size=(1, 4))
    weight = both.head.weight.value.copy()
    squares = []
    for zeroed, order in ((slice(4, 8), 1), (slice(0, 4), -1)):
        both.head.weight.value[...] = weight
        both.head.weight.value[zeroed] = 0
        squares.append(gradient_norms(both, x, dy) ** 2)
        one = network("gru")
        for name, parameter in one.recurrent.layers[0][0].named_parameters().items():
            parameter.value[...] = both.recurrent.layers[0][0 if order == 1 else 1].named_parameters()[name].value
        one.head.weight.value[...] = weight[:4] if order == 1 else weight[4:]
        np.testing.assert_allclose(squares[-1], gradient_norms(one, x[:, ::order], dy) ** 2, rtol=1e-12)
    both.head.weight.value[...] = weight
    np.testing.assert_allclose(gradient_norms(both, x, dy) ** 2, squares[0] + squares[1], rtol=1e-12)


@pytest.mark.parametrize("settings", [{"readout": "mean"}, {"bidirectional": True, "layers": 2}])
def test_networks_whose_gradients_have_no_lag_are_refused(settings):
    with pytest.raises(ValueError, match=r"gradient_norms got a network of RNNCells that .*; it needs one whose head"):
        gradient_norms(network("rnn", **settings), example(FEATURES), np.ones((2, 4)))


def test_inspection_does_not_change_the_network():
    lstm = create("lstm", task=FEATURES, seed=0, hidden=4)
    vector = lstm.pack()
    before = vector.copy()
    x = example(FEATURES).astype(np.float32)
    gradient_norms(lstm, x, np.ones((2, 4), np.float32))
    states_and_gates(lstm, x[0])
    np.testing.assert_array_equal(vector, before)
    assert lstm.pack() is vector  # an optimizer that holds the vector still trains the network
