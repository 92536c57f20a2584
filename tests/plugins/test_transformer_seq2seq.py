from types import SimpleNamespace

import numpy as np

from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context
from neuralzoo.experiments.claims.runner import check_sizes
from neuralzoo.plugins.transformer.claims import exact_match
from neuralzoo.registry import Task, get

TASK = Task(kind="sequence-labelling", input="tokens", shape=(6,), vocab_size=8, outputs=8, variable_length=True)
SETTINGS = {"decoder": True, "layers": 1, "width": 32, "init": 0.1}


def reversed_rows(rng, examples):
    """Rows of tokens of several lengths, and the same from their end to their start."""
    x, lengths, target = rng.integers(8, size=(examples, 6)), rng.integers(2, 7, examples), np.full((examples, 6), -1)
    for row, wanted, length in zip(x, target, lengths, strict=True):
        wanted[:length] = row[:length][::-1]
    return x, lengths, target


def encoder_decoder(rng, **settings):
    architecture = get("transformer")
    config = architecture.configure(SETTINGS | settings)
    network = architecture.build(config, TASK, rng)
    return network, architecture.learner(network, config, TASK, lambda module: Adam(module, 5e-3, clip=1.0))


def test_an_encoder_decoder_learns_to_reverse_sequences():
    rng = np.random.default_rng(0)
    network, learner = encoder_decoder(rng)
    for _ in range(200):
        learner.learn(reversed_rows(rng, 64), Context(training=True, rng=rng))
    x, lengths, target = reversed_rows(rng, 300)
    right = (network.predict((x, lengths)).argmax(axis=-1) == target) | (target < 0)
    assert right.all(axis=1).mean() > 0.7  # by guessing, 1 in 8 to the power of the length


def test_greedy_decoding_with_a_cache_agrees_with_teacher_forcing_on_its_own_output():
    rng = np.random.default_rng(1)
    network, _ = encoder_decoder(rng, layers=2)
    x, lengths, _ = reversed_rows(rng, 5)
    y = network.predict((x, lengths))
    given = np.concatenate([np.full((5, 1), network.stack.bos), y.argmax(axis=-1)[:, :-1]], axis=1)
    np.testing.assert_allclose(network.stack.predict((x, lengths, given)), y, atol=1e-5)


def test_logits_do_not_depend_on_later_target_tokens():
    rng = np.random.default_rng(2)
    network, _ = encoder_decoder(rng)
    x, lengths, given = reversed_rows(rng, 5)[0], np.full(5, 6), rng.integers(8, size=(5, 6))
    y = network.stack.predict((x, lengths, given))
    given[:, 3] = (given[:, 3] + 1) % 8
    changed = network.stack.predict((x, lengths, given))
    np.testing.assert_array_equal(changed[:, :3], y[:, :3])
    assert (changed[:, 3:] != y[:, 3:]).any(axis=-1).all()


def test_logits_depend_on_every_source_token_from_the_first_position_on():
    rng = np.random.default_rng(3)
    network, _ = encoder_decoder(rng)
    x, lengths, given = reversed_rows(rng, 5)[0], np.full(5, 6), rng.integers(8, size=(5, 6))
    y = network.stack.predict((x, lengths, given))
    for position in range(6):
        other = x.copy()
        other[:, position] = (x[:, position] + 1) % 8
        assert (network.stack.predict((other, lengths, given)) != y).any(axis=-1).all()


def test_without_cross_attention_logits_do_not_depend_on_the_source():
    rng = np.random.default_rng(4)
    network, learner = encoder_decoder(rng, cross_attention=False)
    x, lengths, target = reversed_rows(rng, 5)
    other = (x + 1) % 8
    np.testing.assert_array_equal(network.predict((other, lengths)), network.predict((x, lengths)))
    before = network.state()
    learner.learn((x, lengths, target), Context(training=True, rng=rng))
    changed = {name for name, array in network.state().items() if not np.array_equal(array, before[name])}
    assert any(name.startswith("stack.decoder") for name in changed)
    assert not any(name.startswith("stack.encoder") for name in changed)


def test_exact_match_is_the_fraction_of_sequences_without_an_error():
    target = np.array([[1, 2, -1], [0, 0, 2], [2, 1, 0]])
    predicted = np.array([[1, 2, 0], [0, 1, 2], [2, 1, 0]])
    network = SimpleNamespace(predict=lambda inputs: np.eye(3)[predicted])
    data = SimpleNamespace(test=(np.zeros((3, 3), int), np.array([2, 3, 3]), target))
    assert exact_match(network, data) == 2 / 3


def test_claims_at_equal_parameters_have_them():
    for claim in get("transformer").claims:
        check_sizes(claim)
