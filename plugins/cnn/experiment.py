"""The reference experiments of the convolutional network, and its claims."""

from neuralzoo.plugins.cnn.config import CNNConfig
from neuralzoo.registry import Adam, AdamW, Claim, Cosine, Experiment

QUICK = Experiment(
    architecture="cnn",
    dataset="fashion-mnist-5k",
    epochs=20,
    batch_size=64,
    optimizer=Adam(lr=2e-3, schedule=Cosine(warmup=70)),
    model={"channels": [16, 32], "hidden": [128], "dropout": 0.5},
)

FULL = Experiment(
    architecture="cnn",
    dataset="mnist",
    epochs=15,
    batch_size=64,
    validation=1 / 12,
    optimizer=Adam(lr=1e-3, schedule=Cosine(warmup=400)),
    model={"preset": "lenet5"},
)

ARENA = Experiment(
    architecture="cnn",
    dataset="mnist1d",
    epochs=60,
    batch_size=100,
    validation=0.0,
    optimizer=AdamW(lr=5e-3, weight_decay=0.01, schedule=Cosine(warmup=50)),
    model={"channels": [25, 25, 25], "kernel": 5, "stride": 2, "pooling": "none", "hidden": []},
)

CLAIMS: tuple[Claim, ...] = ()


def resize(config: CNNConfig, factor: float) -> CNNConfig:
    """Return the config with its channels and hidden widths times a factor.

    What is rounded off one width is added to the next: the number of parameters goes in small steps.
    """
    widths = [*config.channels, *config.hidden]
    ends = [round(sum(widths[: i + 1]) * factor) for i in range(len(widths))]
    resized = [max(1, end - start) for start, end in zip([0, *ends], ends, strict=False)]
    stages = len(config.channels)
    return config.model_copy(update={"channels": tuple(resized[:stages]), "hidden": tuple(resized[stages:])})
