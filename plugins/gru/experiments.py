"""The reference experiments of the gated recurrent unit, and its claims."""

from typing import Any

from neuralzoo.plugins.gru.config import GRUConfig
from neuralzoo.registry import Adam, AdamW, Claim, Condition, Contestant, Cosine, Experiment, Published

# Widths, dropout, rates and epochs were chosen on held-out training examples, or on the source's validation split.
QUICK = Experiment(
    architecture="gru",
    dataset="japanese-vowels",
    epochs=50,
    batch_size=16,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20), clip=1.0),
    model={"hidden": 100, "bidirectional": True, "dropout": 0.5},
)

FULL = Experiment(
    architecture="gru",
    dataset="jsb-chorales",
    epochs=100,
    batch_size=8,
    optimizer=AdamW(lr=3e-3, weight_decay=0.3, schedule=Cosine(warmup=50), clip=1.0),
    headline="test/nats_per_step",
    model={"hidden": 400, "dropout": 0.6},
)

ARENA = Experiment(
    architecture="gru",
    dataset="mnist1d",
    epochs=40,
    batch_size=100,
    validation=0.0,
    optimizer=Adam(lr=6e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 48, "bidirectional": True},
)

TEXT = Experiment(
    architecture="gru",
    dataset="three-plays",
    epochs=16,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=4e-3, schedule=Cosine(warmup=50), clip=1.0),
    headline="test/loss",
    model={"hidden": 256, "embedding": 64, "dropout": 0.2, "truncate": 64},
    data={"context": 256},
)


def recurrent_weights(module: Any, data: Any) -> float:
    """Return how many weights lead from step to step."""
    return float(sum(cell.weight_state.value.size for cell in module.recurrent.cells))


CLAIMS = (
    Claim(
        name="cheaper",
        sentence="With three quarters of an LSTM's recurrent weights and at most 0.8 of its time, a GRU of equal width "
        "learns as much from as many steps",
        contestants=(
            Contestant(label="gru", experiment=ARENA),
            Contestant(label="lstm", experiment=ARENA.model_copy(update={"architecture": "lstm"})),
        ),
        match="steps",
        conditions=(
            Condition(of="gru", over="lstm", at_least=-0.01),
            Condition(of="gru", over="lstm", ratio=True, measure="recurrent_weights", at_least=0.75),
            Condition(of="gru", over="lstm", ratio=True, measure="recurrent_weights", at_most=0.75),
            Condition(of="gru", over="lstm", ratio=True, measure="time/train_s", at_most=0.8),
        ),
        probes={"recurrent_weights": recurrent_weights},
        published=(
            Published(
                value="comparable to the LSTM",
                source="Chung, Gulcehre, Cho and Bengio (2014), Empirical evaluation of gated recurrent networks",
                url="https://arxiv.org/abs/1412.3555",
                mark="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="mnist1d",
        sentence="Ten shapes in forty noisy numbers are told apart, read one number after the other",
        contestants=(Contestant(label="gru", experiment=ARENA),),
        conditions=(Condition(of="gru", at_least=0.91),),
        published=(
            Published(
                value="0.91",
                source="Greydanus and Kobak (2020), Scaling down deep learning with MNIST-1D",
                url="https://arxiv.org/abs/2011.14439",
                mark="read",
            ),
        ),
    ),
    Claim(
        name="chorales",
        sentence="The next chord of a chorale by Bach is foretold as well as by the published GRUs",
        profile="full",
        contestants=(Contestant(label="gru", experiment=FULL),),
        conditions=(Condition(of="gru", measure="test/nats_per_step", at_most=8.54),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="8.43 nats per frame",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                mark="read",
            ),
            Published(
                value="8.54 nats per frame",
                source="Chung, Gulcehre, Cho and Bengio (2014), Empirical evaluation of gated recurrent networks",
                url="https://arxiv.org/abs/1412.3555",
                mark="quoted",
            ),
        ),
    ),
)


def resize(config: GRUConfig, factor: float) -> GRUConfig:
    """Return the config with its hidden width times a factor."""
    return config.model_copy(update={"hidden": max(1, round(config.hidden * factor))})
