"""The reference experiments of the long short-term memory, its claims, and its pictures."""

from neuralzoo.plugins.lstm.config import LSTMConfig
from neuralzoo.registry import Adam, Claim, Cosine, Experiment, Figure

QUICK = Experiment(
    architecture="lstm",
    dataset="japanese-vowels",
    epochs=60,
    batch_size=30,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20), clip=1.0),
    model={"hidden": 64, "bidirectional": True, "dropout": 0.3},
)

FULL = Experiment(
    architecture="lstm",
    dataset="jsb-chorales",
    epochs=100,
    batch_size=16,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 200, "dropout": 0.4},
)

ARENA = Experiment(
    architecture="lstm",
    dataset="mnist1d",
    epochs=100,
    batch_size=100,
    validation=0.0,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 64, "bidirectional": True},
)

CLAIMS: tuple[Claim, ...] = ()
FIGURES: tuple[Figure, ...] = ()


def resize(config: LSTMConfig, factor: float) -> LSTMConfig:
    """Return the config with its hidden width times a factor."""
    return config.model_copy(update={"hidden": max(1, round(config.hidden * factor))})
