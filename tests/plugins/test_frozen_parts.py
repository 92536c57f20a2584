"""A frozen part of a network stays as it is: weights, batch statistics, averages; and nothing in it is dropped."""

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.combine import Sequential
from neuralzoo.core.blocks.dense import Dense
from neuralzoo.core.blocks.dropout import Dropout
from neuralzoo.core.blocks.norm import BatchNorm
from neuralzoo.core.blocks.optimizers import AdamW
from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing.training import ArchitectureCase
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.lstm.network import LSTMCell
from neuralzoo.plugins.transformer.layers.attention import AttentionConfig, CrossAttention, SelfAttention
from neuralzoo.plugins.transformer.layers.block import Block, BlockConfig, DecoderBlock
from neuralzoo.registry import get

DROPPING = {
    "fnn": {"hidden": (6, 5), "dropout": 0.3, "input_dropout": 0.2},
    "cnn": {"channels": (3,), "hidden": (4,), "dropout": 0.3},
    "lstm": {"hidden": 4, "layers": 2, "dropout": 0.3},
    "gru": {"hidden": 4, "layers": 2, "dropout": 0.3},
    "rnn": {"hidden": 4, "layers": 2, "dropout": 0.3},
    "transformer": {"width": 8, "heads": 2, "layers": 1, "dropout": 0.3},
    "autoencoder": {"hidden": (6,), "code": 3, "variational": True, "noise": 0.2},
    "capsnet": {"channels": (4,), "primary_types": 2, "decoder": (5,)},
    "gan": {"hidden": (5,), "latent": 3, "batch_norm": True, "spectral_norm": True, "ema_decay": 0.9},
    "modular": {"experts": 2, "noise": 0.5, "expert_settings": {"hidden": (4,), "dropout": 0.3}},
    "rbfn": {"units": 4},
}


def case_of(name):
    architecture = get(name)
    return ArchitectureCase(
        architecture, architecture.example, lambda module: AdamW(module, 0.05, weight_decay=0.1), DROPPING[name]
    )


def train(case, module, steps=2):
    learner = case.learner(module)
    case.prepare(learner)
    case.steps(learner, steps)


@pytest.mark.parametrize("name", DROPPING)
def test_each_part_that_is_frozen_stays_bit_for_bit(name):
    case = case_of(name)
    paths = [path for path, module in case.build().named_modules() if module.has_parameters]
    if name == "gan":  # the average of a generator that learns moves; location and scale are those of the data
        paths = [path for path in paths if path and not path.startswith("ema_generator")]
    for path in paths:
        module = case.build()
        part = dict(module.named_modules())[path].freeze()
        before = part.state()
        train(case, module)
        after = part.state()
        moved = [key for key in before if before[key].tobytes() != after[key].tobytes()]
        assert not moved, f"{path}: {moved}"


def passes(module, x, run=None):
    """Return the output and dL/dx in training and in evaluation, as a part of a network that is trained."""
    outputs = []
    for training in (True, False):
        ctx = Context(training=training, rng=np.random.default_rng(0), grads=Gradients(Dense(1, 1, RNG)))
        y, *_, pull = (run or module)(x.copy(), ctx)
        outputs += [(np.array(y), pull)]
    return outputs


RNG = np.random.default_rng(0)
BLOCK = BlockConfig(AttentionConfig(8, 2, dropout=0.4), hidden=8, dropout=0.4)
SEQUENCES = RNG.standard_normal((3, 4, 8), np.float32)
FROZEN = {
    "layers": (lambda: Sequential(Dense(8, 8, RNG), BatchNorm(8), Dropout(0.4)), None),
    "block": (lambda: Block(BLOCK, RNG), lambda part: part.run),
    "attention": (lambda: SelfAttention(BLOCK.attention, RNG), lambda part: part.run),
    "memory": (lambda: CrossAttention(BLOCK.attention, RNG), lambda part: lambda x, ctx: part.run(x, x, ctx)),
    "decoder": (lambda: DecoderBlock(BLOCK, RNG), lambda part: lambda x, ctx: part.run(x, x, ctx)),
    "recurrent": (
        lambda: Recurrent(8, lambda inputs, rng: LSTMCell(inputs, 4, rng), RNG, layers=2, dropout=0.4),
        lambda part: part.run,
    ),
}


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_part_drops_nothing_in_training(name):
    make, run = FROZEN[name]
    part = make()
    (drawn, _), (evaluated, _) = passes(part, SEQUENCES, run and run(part))
    assert not np.array_equal(drawn, evaluated)
    part.freeze()
    (frozen, pull), (evaluated, _) = passes(part, SEQUENCES, run and run(part))
    np.testing.assert_array_equal(frozen, evaluated)
    assert np.all(np.isfinite(pull(np.ones_like(frozen)) if name in ("layers", "block", "attention") else 0))


def test_a_frozen_gate_has_no_noise():
    case = case_of("modular")
    module = case.build()
    x = case.inputs()
    assert not np.array_equal(np.exp(module.expert_outputs(x, case.context())[0].log_gate), module.gates(x))
    module.gate.freeze()
    drawn = np.exp(module.expert_outputs(x, case.context())[0].log_gate)
    np.testing.assert_array_equal(drawn, module.gates(x))


@pytest.mark.parametrize("name", ["rbfn", "gan"])
@pytest.mark.parametrize("origin", ["trained", "loaded"])
def test_a_network_that_was_trained_or_loaded_is_not_prepared_again(name, origin):
    case = case_of(name)
    module = case.build()
    Trainer(case.learner(module), epochs=1).run(ArrayBatches(case.data(), 4))
    if origin == "loaded":
        state = module.state()
        module = case.build(seed=1)
        module.load_state(state)
    before = module.state()
    others = ArrayBatches(tuple(array[:5] for array in case.data()), 3)
    Trainer(case.learner(module), epochs=0).run(others)
    after = module.state()
    assert all(before[key].tobytes() == after[key].tobytes() for key in before)
    fresh = case.build()
    untouched = fresh.state()
    Trainer(case.learner(fresh), epochs=0).run(others)
    assert any(untouched[key].tobytes() != value.tobytes() for key, value in fresh.state().items())


def test_the_average_of_a_frozen_generator_stays():
    case = case_of("gan")
    module = case.build()
    for parameter in module.ema_generator.named_parameters().values():
        parameter.value += 1
    before = module.ema_generator.state()
    module.generator.freeze()
    train(case, module)
    after = module.ema_generator.state()
    assert all(before[key].tobytes() == after[key].tobytes() for key in before)
