"""The reference experiments of the simple recurrent network, its claims, and its pictures."""

from neuralzoo.plugins.rnn.config import RNNConfig
from neuralzoo.registry import Adam, Claim, Cosine, Experiment, Figure

QUICK = Experiment(
    architecture="rnn",
    dataset="japanese-vowels",
    epochs=60,
    batch_size=30,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20), clip=1.0),
    model={"hidden": 64, "bidirectional": True, "dropout": 0.3},
)

FULL = Experiment(
    architecture="rnn",
    dataset="jsb-chorales",
    epochs=100,
    batch_size=16,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 200, "dropout": 0.4},
)

ARENA = Experiment(
    architecture="rnn",
    dataset="mnist1d",
    epochs=100,
    batch_size=100,
    validation=0.0,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 64, "bidirectional": True},
)

CLAIMS: tuple[Claim, ...] = ()
FIGURES: tuple[Figure, ...] = ()


def resize(config: RNNConfig, factor: float) -> RNNConfig:
    """Return the config with its hidden width times a factor."""
    return config.model_copy(update={"hidden": max(1, round(config.hidden * factor))})
