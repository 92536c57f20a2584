from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.blocks.embedding import Embedding
from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.blocks.recurrent.network import SequenceNetwork, sequence_network
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.plugins.gru.network import GRUCell
from neuralzoo.plugins.lstm.network import LSTMCell

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 3))
TOKENS = RNG.integers(0, 5, (4, 6))
LENGTHS = np.array([3, 6, 1, 5])
BEYOND = np.arange(6) >= LENGTHS[:, None]
READOUTS = ["last", "mean", None]


def network(readout="last", *, cell=LSTMCell, tokens=False, bidirectional=True, layers=2, dropout=0.0, outputs=2):
    rng = np.random.default_rng(1)
    recurrent = Recurrent(
        3, lambda inputs, rng: cell(inputs, 4, rng), rng, layers=layers, bidirectional=bidirectional, dropout=dropout
    )
    embedding = Embedding(5, 3, rng) if tokens else None
    made = SequenceNetwork(recurrent, outputs, rng, embedding=embedding, readout=readout, dropout=dropout)
    for parameter in made.astype(np.float64).named_parameters().values():
        parameter.value += 0.2 * rng.standard_normal(parameter.value.shape)
    return made


def everything(made, x, lengths=None):
    grads = Gradients(made)
    y, pull = made(x if lengths is None else (x, lengths), Context(training=True, grads=grads))
    dx = pull(np.random.default_rng(3).standard_normal(y.shape))
    return y, np.array(dx), grads.vector


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_readout_reads_the_end_of_each_direction(bidirectional, lengths):
    made = network("last", bidirectional=bidirectional)
    h = made.recurrent.predict(X if lengths is None else (X, lengths))
    ends = np.full(4, 5) if lengths is None else lengths - 1
    summary = h[np.arange(4), ends, :4]  # forward it ends at the length, backward at the first step
    summary = np.hstack([summary, h[:, 0, 4:]]) if bidirectional else summary
    needed = summary @ made.head.weight.value + made.head.bias.value
    np.testing.assert_allclose(made.predict(X if lengths is None else (X, lengths)), needed, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_the_mean_readout_reads_the_mean_of_the_unpadded_steps(lengths):
    made = network("mean")
    x = X if lengths is None else (X, lengths)
    h = made.recurrent.predict(x)
    summary = h.sum(axis=1) / (np.full(4, 6) if lengths is None else lengths)[:, None]
    np.testing.assert_allclose(made.predict(x), summary @ made.head.weight.value + made.head.bias.value, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_without_a_readout_each_step_has_an_output_and_padding_has_zeros(lengths):
    made = network(None)
    x = X if lengths is None else (X, lengths)
    needed = made.recurrent.predict(x) @ made.head.weight.value + made.head.bias.value
    beyond = np.zeros((4, 6), bool) if lengths is None else BEYOND
    np.testing.assert_allclose(made.predict(x), np.where(beyond[..., None], 0, needed), atol=1e-12)


@pytest.mark.parametrize("padding", [1e6, np.nan, np.inf])
@pytest.mark.parametrize("readout", READOUTS)
def test_padding_changes_no_bit_of_outputs_and_gradients(readout, padding):
    made = network(readout)
    other = np.where(BEYOND[..., None], padding, X)
    for got, needed in zip(everything(made, other, LENGTHS), everything(made, X, LENGTHS), strict=True):
        np.testing.assert_array_equal(got, needed)


@pytest.mark.parametrize("readout", READOUTS)
def test_tokens_in_the_padding_may_be_unknown_ones(readout):
    made = network(readout, tokens=True)
    other = np.where(BEYOND, -1, TOKENS)
    for got, needed in zip(everything(made, other, LENGTHS), everything(made, TOKENS, LENGTHS), strict=True):
        np.testing.assert_array_equal(got, needed)


@pytest.mark.parametrize("readout", READOUTS)
def test_a_network_of_tokens_equals_one_that_reads_their_embeddings(readout):
    made = network(readout, tokens=True)
    vectors = made.embedding.predict(TOKENS)
    plain = made.copy()
    plain.embedding = None
    np.testing.assert_allclose(made.predict((TOKENS, LENGTHS)), plain.predict((vectors, LENGTHS)), atol=1e-12)


def test_the_state_can_be_carried_from_one_part_to_the_next():
    made = network(None, bidirectional=False)
    first, state, _ = made.run(X[:, :4], Context())
    second, final, _ = made.run(X[:, 4:], Context(), None, state)
    np.testing.assert_allclose(np.hstack([first, second]), made.predict(X), atol=1e-12)
    for got, needed in zip(final, made.run(X, Context())[1], strict=True):
        np.testing.assert_allclose(got, needed, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("cell", [GRUCell, LSTMCell])
@pytest.mark.parametrize("readout", READOUTS)
def test_gradients_of_states_carried_in_and_out_agree_with_finite_differences(readout, cell, lengths):
    made, rng = network(readout, cell=cell), np.random.default_rng(4)
    num_states = made.recurrent.cells[0].num_states
    initial, way, dfinal = (tuple(rng.standard_normal((4, 4, 4)) for _ in range(num_states)) for _ in range(3))
    dy = rng.standard_normal(made.run(X, Context())[0].shape)

    def loss(step):
        y, final, _ = made.run(X, Context(), lengths, tuple(s + step * w for s, w in zip(initial, way, strict=True)))
        return (y * dy).sum() + sum((state * d).sum() for state, d in zip(final, dfinal, strict=True))

    _, _, pull = made.run(X, Context(training=True), lengths, initial)
    claimed = sum((d * w).sum() for d, w in zip(pull(dy, dfinal)[1], way, strict=True))
    assert claimed == pytest.approx((loss(1e-6) - loss(-1e-6)) / 2e-6, rel=1e-6, abs=1e-6)


def test_dropout_acts_on_the_input_of_the_head():
    for readout in READOUTS:
        made = network(readout, layers=1, dropout=0.5)
        one, two = (made(X, Context(training=True, rng=np.random.default_rng(seed)))[0] for seed in (0, 1))
        assert not np.allclose(one, two)
        np.testing.assert_array_equal(made.predict(X), made.predict(X))


@pytest.mark.parametrize("readout", READOUTS)
def test_the_gradient_includes_the_dropout_mask(readout):
    made, way = network(readout, dropout=0.4), np.random.default_rng(5).standard_normal(X.shape)

    def run(x):
        return made((x, LENGTHS), Context(training=True, rng=np.random.default_rng(9)))

    y, pull = run(X)
    dy = np.random.default_rng(6).standard_normal(y.shape)
    slope = ((run(X + 1e-6 * way)[0] - run(X - 1e-6 * way)[0]) * dy).sum() / 2e-6
    inside = np.where(BEYOND[..., None], 0, way)
    assert (pull(dy) * inside).sum() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
@pytest.mark.parametrize("readout", READOUTS)
def test_without_input_gradients_the_weight_gradients_are_the_same(readout, tokens):
    made, x = network(readout, tokens=tokens), TOKENS if tokens else X
    _, _, needed = everything(made, x, LENGTHS)
    grads = Gradients(made)
    y, pull = made((x, LENGTHS), Context(training=True, grads=grads, inputs_without_grad=x))
    dx = pull(np.random.default_rng(3).standard_normal(y.shape))
    assert dx.shape == x.shape
    assert not dx.any()
    np.testing.assert_array_equal(grads.vector, needed)


def config(**changed):
    settings = {"layers": 2, "bidirectional": False, "dropout": 0.25, "embedding": 7, "readout": "mean"}
    return SimpleNamespace(**settings | changed)


def task(kind, *, vocab_size=None):
    shape = (6,) if vocab_size else (6, 3)
    return SimpleNamespace(kind=kind, target="class", shape=shape, outputs=9, vocab_size=vocab_size)


def build(config, task):
    return sequence_network(lambda inputs, rng: GRUCell(inputs, 4, rng), config, task, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("kind", "readout", "shape"),
    [
        ("classification", "mean", (4, 9)),
        ("regression", "mean", (4, 9)),
        ("sequence-labelling", None, (4, 6, 9)),
        ("language-modelling", None, (4, 6, 9)),
    ],
)
def test_the_kind_of_task_decides_whether_each_step_has_an_output(kind, readout, shape):
    made = build(config(), task(kind))
    assert made.readout == readout
    assert made.predict(X.astype(np.float32)).shape == shape


def test_config_and_task_decide_all_sizes():
    made = build(config(bidirectional=True), task("classification", vocab_size=11))
    assert made.embedding.weight.value.shape == (11, 7)
    assert [cell.weight_ih.value.shape for cell in made.recurrent.cells] == [(7, 12)] * 2 + [(8, 12)] * 2
    assert made.head.weight.value.shape == (8, 9)
    assert made.recurrent.dropout.rate == made.dropout.rate == 0.25
    assert build(config(), task("classification")).recurrent.inputs == 3


def test_a_bidirectional_language_model_is_refused_in_one_sentence():
    words = r"^a language model got bidirectional=True, with which it reads the tokens that it has to predict$"
    with pytest.raises(ValueError, match=words):
        build(config(bidirectional=True), task("language-modelling", vocab_size=11))
    assert build(config(bidirectional=True), task("sequence-labelling")).readout is None


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_in_one_sentence_within_the_lengths_only(wrong):
    made, x = network(), X.copy()
    x[0, 3] = wrong  # the first step of the padding
    made.predict((x, LENGTHS))
    words = r"^a network of LSTMCells got x with NaN or infinite values; it needs finite ones$"
    with pytest.raises(ValueError, match=words):
        made.predict(x)
    x[0, 2] = wrong
    with pytest.raises(ValueError, match=words):
        made.predict((x, LENGTHS))


@pytest.mark.parametrize(
    ("shape", "tokens", "words"),
    [
        ((4, 6, 2), False, r"x of shape \(4, 6, 2\); it needs \(N, T, 3\), T at least 1"),
        ((4, 6), False, r"x of shape \(4, 6\); it needs \(N, T, 3\), T at least 1"),
        ((4, 0, 3), False, r"x of shape \(4, 0, 3\); it needs \(N, T, 3\), T at least 1"),
        ((4, 6, 3), True, r"x of shape \(4, 6, 3\); it needs tokens \(N, T\), T at least 1"),
        ((4, 0), True, r"x of shape \(4, 0\); it needs tokens \(N, T\), T at least 1"),
    ],
)
def test_an_input_of_another_shape_is_refused_in_one_sentence(shape, tokens, words):
    with pytest.raises(ValueError, match=f"^a network of LSTMCells got {words}$"):
        network(tokens=tokens).predict(np.ones(shape, int if tokens else float))


@pytest.mark.parametrize("dtype", [complex, str, object])
def test_a_dtype_without_real_numbers_is_refused_in_one_sentence(dtype):
    x = X.astype(dtype)
    words = (
        rf"^SequenceNetwork got an array of {x.dtype}, shape .*; it needs an array of numbers, a row for each example$"
    )
    with pytest.raises(ValueError, match=words):
        network().predict(x)


@pytest.mark.parametrize("lengths", [None, LENGTHS[:0]], ids=["whole", "lengths"])
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
@pytest.mark.parametrize("readout", READOUTS)
def test_an_empty_batch_has_no_outputs_and_no_gradient(readout, tokens, lengths):
    x = (TOKENS if tokens else X)[:0]
    y, dx, gradient = everything(network(readout, tokens=tokens), x, lengths)
    assert y.shape == ((0, 6, 2) if readout is None else (0, 2))
    assert dx.shape == x.shape
    assert not gradient.any()


def test_an_unknown_token_is_refused_in_one_sentence():
    made = network(tokens=True)
    with pytest.raises(ValueError, match=r"^Embedding got tokens of dtype float64; it needs integers$"):
        made.predict(TOKENS.astype(float))
    with pytest.raises(ValueError, match=r"^Embedding got token 5; it needs tokens from 0 to 4$"):
        made.predict(np.where(TOKENS == 0, 5, TOKENS))


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([3, 6, 0, 5], "length 0 for sequence 2 of 4; it needs 1 to 6"),
        ([3, 7, 1, 5], "length 7 for sequence 1 of 4; it needs 1 to 6"),
        ([3, 6, 1], r"lengths of shape \(3,\) and dtype int64; it needs one integer for each of 4 sequences"),
        ([3.0, 6.0, 1.0, 5.0], r"lengths of shape \(4,\) and dtype float64; it needs one integer .* sequences"),
    ],
)
def test_wrong_lengths_are_refused_in_one_sentence(lengths, words):
    with pytest.raises(ValueError, match=f"^a batch got {words}$"):
        network().predict((X, np.array(lengths)))


def test_a_state_of_another_shape_is_refused_in_one_sentence():
    words = r"^a recurrence of LSTMCells got states of shape \(1, 4, 4\), \(1, 4, 4\); it needs 2 of \(4, 4, 4\)$"
    with pytest.raises(ValueError, match=words):
        network().run(X, Context(), None, (np.zeros((1, 4, 4)),) * 2)


def test_an_evaluation_pass_has_no_pullback():
    _, pull = network()(X, Context())
    with pytest.raises(RuntimeError, match="evaluation pass"):
        pull(np.zeros((4, 2)))
