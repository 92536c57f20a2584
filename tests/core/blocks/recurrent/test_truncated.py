from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.optimizers import SGD, Adam
from neuralzoo.core.blocks.recurrent.network import sequence_network
from neuralzoo.core.blocks.recurrent.truncated import TruncatedBPTT, sequence_learner
from neuralzoo.core.blocks.schedules import cosine
from neuralzoo.core.blocks.supervised import PerStepSupervised
from neuralzoo.core.checkpoint import load_checkpoint, save_checkpoint
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.gru.network import GRUCell
from neuralzoo.plugins.lstm.network import LSTMCell

T = 7
RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, T, 2))
Y = RNG.integers(0, 3, (5, T))
LENGTHS = np.array([7, 2, 5, 1, 4])


def task(kind="sequence-labelling", target="class"):
    return SimpleNamespace(kind=kind, target=target, shape=(T, 2), outputs=3, vocab_size=None)


def learner(tbptt_steps, *, cell=LSTMCell, lr=0.1, optimizer=SGD, dropout=0.0, dtype=np.float64, layers=2, seed=0):
    config = SimpleNamespace(
        layers=layers, bidirectional=False, dropout=dropout, embedding=4, readout="last", tbptt_steps=tbptt_steps
    )
    network = sequence_network(
        lambda inputs, rng: cell(inputs, 4, rng), config, task(), np.random.default_rng(seed)
    ).astype(dtype)
    return sequence_learner(network, config, task(), lambda module: optimizer(module, lr))


def context(seed=1):
    return Context(training=True, rng=np.random.default_rng(seed))


def bits(learning):
    return {name: array.tobytes() for name, array in learning.module.state().items()}


def reference(network, segments, lr=0.1):
    """Learn from (rows, steps) one after another with the state carried on, an update after each."""
    states = [np.zeros((2, 5, 4)), np.zeros((2, 5, 4))]
    for rows, first, last, lengths in segments:
        target = np.where(np.arange(last - first) < lengths[:, None], Y[rows, first:last], -1)
        grads = Gradients(network)
        initial = tuple(state[:, rows] for state in states)
        y, final, pull = network.run(X[rows, first:last], Context(training=True, grads=grads), lengths, initial)
        for state, new in zip(states, final, strict=True):
            state[:, rows] = new
        if (target != -1).any():
            pull(CrossEntropy()(y, target)[1], None)
            network.pack()[...] -= lr * grads.vector
    return network


@pytest.mark.parametrize("batch", [(X, Y), (X, LENGTHS, Y)], ids=["whole", "lengths"])
@pytest.mark.parametrize("tbptt_steps", [T, T + 1, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_segment_of_all_steps_is_plain_learning_bit_for_bit(tbptt_steps, batch, dtype):
    x, *rest = batch
    plain, truncated = (learner(k, optimizer=Adam, dropout=0.3, dtype=dtype) for k in (None, tbptt_steps))
    assert type(plain) is PerStepSupervised
    assert type(truncated) is TruncatedBPTT
    for _ in range(2):
        metrics = [learning.learn((x.astype(dtype), *rest), context()) for learning in (plain, truncated)]
        assert metrics[1] == pytest.approx(metrics[0])
    assert bits(truncated) == bits(plain)


@pytest.mark.parametrize("tbptt_steps", [1, 3])
def test_the_first_update_is_plain_learning_from_the_first_steps(tbptt_steps):
    only_these = np.where(np.arange(T) < tbptt_steps, Y, -1)
    plain, truncated = learner(None), learner(tbptt_steps)
    plain.learn((X[:, :tbptt_steps], Y[:, :tbptt_steps]), context())
    truncated.learn((X, only_these), context())
    assert bits(truncated) == bits(plain)


def test_the_state_is_carried_from_segment_to_segment_and_no_gradient_flows_back():
    truncated, everyone = learner(3), np.arange(5)
    segments = [(everyone, first, min(first + 3, T), np.full(5, min(3, T - first))) for first in (0, 3, 6)]
    needed = reference(learner(None).module, segments)
    truncated.learn((X, Y), context())
    for name, array in needed.state().items():
        np.testing.assert_allclose(truncated.module.state()[name], array, rtol=0, atol=1e-14, err_msg=name)


def test_ended_sequences_take_no_part_in_later_segments():
    truncated = learner(3)
    segments = [
        (np.arange(5), 0, 3, np.array([3, 2, 3, 1, 3])),
        (np.array([0, 2, 4]), 3, 6, np.array([3, 2, 1])),
        (np.array([0]), 6, 7, np.array([1])),
    ]
    needed = reference(learner(None).module, segments)
    truncated.learn((X, LENGTHS, Y), context())
    for name, array in needed.state().items():
        np.testing.assert_allclose(truncated.module.state()[name], array, rtol=0, atol=1e-14, err_msg=name)
    assert truncated.optimizers["main"].steps == 3


def test_a_batch_of_short_sequences_has_fewer_segments():
    truncated = learner(3)
    truncated.learn((X, np.array([3, 1, 2, 3, 3]), Y), context())
    assert truncated.optimizers["main"].steps == 1


def test_a_segment_without_targets_updates_no_parameter_but_carries_the_state():
    truncated, network, late = learner(3), learner(None).module, np.where(np.arange(6) < 3, -1, Y[:, :6])
    truncated.learn((X[:, :6], late), context())
    assert truncated.optimizers["main"].steps == 1
    _, carried, _ = network.run(X[:, :3], Context())
    grads = Gradients(network)
    y, _, pull = network.run(X[:, 3:6], Context(training=True, grads=grads), None, carried)
    pull(CrossEntropy()(y, Y[:, 3:6])[1], None)
    network.pack()[...] -= 0.1 * grads.vector
    np.testing.assert_allclose(truncated.module.pack(), network.pack(), rtol=0, atol=1e-14)


def test_padding_changes_no_bit():
    one, two = learner(3, cell=GRUCell), learner(3, cell=GRUCell)
    beyond = np.arange(T) >= LENGTHS[:, None]
    metrics = one.learn((X, LENGTHS, Y), context())
    assert two.learn((np.where(beyond[..., None], np.nan, X), LENGTHS, np.where(beyond, 1, Y)), context()) == metrics
    assert bits(one) == bits(two)


@pytest.mark.parametrize("tbptt_steps", [3, 300])
def test_lengths_may_be_integers_of_any_width(tbptt_steps):
    narrow, wide = learner(tbptt_steps), learner(tbptt_steps)
    narrow.learn((X, LENGTHS.astype(np.uint8), Y), context())
    wide.learn((X, LENGTHS, Y), context())
    assert bits(narrow) == bits(wide)


def test_metrics_are_means_over_all_unmasked_targets():
    truncated = learner(3, lr=0.0)  # nothing moves, so each segment is measured with the same weights
    metrics, needed = truncated.learn((X, LENGTHS, Y), context()), learner(None, lr=0.0).evaluate((X, LENGTHS, Y))
    assert metrics["loss"] == pytest.approx(needed["loss"], rel=1e-12)
    assert metrics["accuracy"] == pytest.approx(needed["accuracy"], rel=1e-12)


def test_evaluation_is_that_of_the_whole_sequence():
    assert learner(3).evaluate((X, LENGTHS, Y)) == learner(None).evaluate((X, LENGTHS, Y))


def test_the_schedule_counts_batches_whatever_their_number_of_segments():
    truncated = learner(2, lr=lambda step: 10.0**-step, layers=1)
    batches = [(X, Y), (X, np.array([1, 2, 1, 1, 1]), Y), (X, np.where(np.arange(T) < 6, -1, Y)), (X, LENGTHS, Y)]
    rates = [truncated.learn(batch, context())["lr"] for batch in batches]
    assert rates == pytest.approx([1, 0.1, 0.01, 0.001])


def test_an_interrupted_run_resumes_bit_identical(tmp_path):
    def trainer(seed):
        learning = learner(2, optimizer=Adam, lr=cosine(0.1, 12), dropout=0.3, dtype=np.float32, seed=seed)
        return Trainer(learning, epochs=4, seed=3)

    def run(trainer, epochs):
        trainer.epochs = epochs
        trainer.run(ArrayBatches((X.astype(np.float32), LENGTHS, Y), 2, shuffle=True))
        return trainer

    whole, cut = run(trainer(0), 4), run(trainer(0), 2)
    save_checkpoint(tmp_path / "checkpoint", cut, {})
    resumed = trainer(1)
    load_checkpoint(tmp_path / "checkpoint", resumed, {})
    run(resumed, 4)
    assert {name: array.tobytes() for name, array in resumed.learner.state().items()} == {
        name: array.tobytes() for name, array in whole.learner.state().items()
    }


def test_the_state_of_plain_learning_is_refused_in_one_sentence():
    truncated = learner(3)
    before = bits(truncated)
    with pytest.raises(ValueError, match=r"^TruncatedBPTT got no value for batches; it needs all of its 1 arrays$"):
        truncated.load_state(learner(None, seed=1).state())
    assert bits(truncated) == before


@pytest.mark.parametrize(
    ("kind", "bidirectional", "words"),
    [
        ("classification", False, "for classification; it needs a task with a target for each step"),
        ("regression", False, "for regression; it needs a task with a target for each step"),
        ("sequence-labelling", True, "with bidirectional=True; it needs a network of one direction"),
    ],
)
def test_truncated_learning_without_a_state_to_carry_on_is_refused_in_one_sentence(kind, bidirectional, words):
    config = SimpleNamespace(
        layers=1, bidirectional=bidirectional, dropout=0, embedding=1, readout="last", tbptt_steps=5
    )
    asked = task(kind, "continuous" if kind == "regression" else "class")
    network = sequence_network(lambda inputs, rng: GRUCell(inputs, 2, rng), config, asked, np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"^tbptt_steps got 5 {words}$"):
        sequence_learner(network, config, asked, lambda module: SGD(module, 0.1))


@pytest.mark.parametrize("tbptt_steps", [None, 3])
def test_nothing_is_learned_from_a_batch_without_an_unmasked_target(tbptt_steps):
    learning = learner(tbptt_steps)
    before = bits(learning)
    assert learning.learn((X, np.full_like(Y, -1)), context()) == {}
    assert bits(learning) == before


@pytest.mark.parametrize("tbptt_steps", [None, 3])
@pytest.mark.parametrize(("length", "row"), [(0, 1), (T + 1, 3)])
def test_a_length_out_of_range_is_refused_before_anything_is_learned(tbptt_steps, length, row):
    learning, lengths = learner(tbptt_steps), LENGTHS.copy()
    before, lengths[row] = bits(learning), length
    with pytest.raises(ValueError, match=f"^a batch got length {length} for sequence {row} of 5; it needs 1 to 7$"):
        learning.learn((X, lengths, Y), context())
    assert bits(learning) == before


def test_divergence_is_reported_and_keeps_the_weights():
    truncated = learner(3)
    truncated.module.head.weight.value[...] = 1e200
    truncated.module.recurrent.cells[0].weight_ih.value[...] = 1e300
    before = bits(truncated)
    with pytest.raises(DivergenceError, match=r"^the (loss|gradient) at step 0 .*; training needs "):
        truncated.learn((1e300 * X, Y), context())
    assert bits(truncated) == before
