import numpy as np

from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.registry import Task, get

TASK = Task(kind="sequence-labelling", input="tokens", shape=(6,), vocabulary=8, outputs=8, lengths=True)
SETTINGS = {"decoder": True, "layers": 1, "width": 32, "init": 0.1}


def reversed_rows(rng, examples):
    """Rows of tokens of several lengths, and the same from their end to their start."""
    x, lengths, target = rng.integers(8, size=(examples, 6)), rng.integers(2, 7, examples), np.full((examples, 6), -1)
    for row, wanted, length in zip(x, target, lengths, strict=True):
        wanted[:length] = row[:length][::-1]
    return x, lengths, target


def translator(rng, **settings):
    architecture = get("transformer")
    config = architecture.configure(SETTINGS | settings)
    network = architecture.build(config, TASK, rng)
    return network, architecture.learner(network, config, TASK, lambda module: Adam(module, 5e-3, clip=1.0))


def test_a_translator_learns_to_turn_sequences_round():
    rng = np.random.default_rng(0)
    network, learner = translator(rng)
    for _ in range(200):
        learner.learn(reversed_rows(rng, 64), Context(training=True, rng=rng))
    x, lengths, target = reversed_rows(rng, 300)
    right = (network.predict((x, lengths)).argmax(axis=-1) == target) | (target < 0)
    assert right.all(axis=1).mean() > 0.7  # by guessing, 1 in 8 to the power of the length


def test_writing_one_by_one_gives_what_reading_the_same_at_once_gives():
    rng = np.random.default_rng(1)
    network, _ = translator(rng, layers=2)
    x, lengths, _ = reversed_rows(rng, 5)
    y = network.predict((x, lengths))
    given = np.concatenate([np.full((5, 1), network.stack.begin), y.argmax(axis=-1)[:, :-1]], axis=1)
    np.testing.assert_allclose(network.stack.predict((x, lengths, given)), y, atol=1e-5)


def test_what_is_written_later_changes_nothing_before_it():
    rng = np.random.default_rng(2)
    network, _ = translator(rng)
    x, lengths, given = reversed_rows(rng, 5)[0], np.full(5, 6), rng.integers(8, size=(5, 6))
    y = network.stack.predict((x, lengths, given))
    given[:, 3] = (given[:, 3] + 1) % 8
    changed = network.stack.predict((x, lengths, given))
    np.testing.assert_array_equal(changed[:, :3], y[:, :3])
    assert (changed[:, 3:] != y[:, 3:]).any(axis=-1).all()


def test_everything_that_is_read_matters_from_the_first_answer_on():
    rng = np.random.default_rng(3)
    network, _ = translator(rng)
    x, lengths, given = reversed_rows(rng, 5)[0], np.full(5, 6), rng.integers(8, size=(5, 6))
    y = network.stack.predict((x, lengths, given))
    for place in range(6):
        other = x.copy()
        other[:, place] = (x[:, place] + 1) % 8
        assert (network.stack.predict((other, lengths, given)) != y).any(axis=-1).all()
