"""Reference experiments of the autoencoder."""

from neuralzoo.plugins.autoencoder.config import AutoencoderConfig
from neuralzoo.registry import Adam, AdamW, Cosine, Experiment

# Widths, activation, learning rate, weight decay and epochs were chosen on the validation split (seed 0) and checked
# with seed 1.
QUICK = Experiment(
    architecture="autoencoder",
    dataset="fashion-mnist-5k",
    task="reconstruction",
    epochs=40,
    batch_size=64,
    optimizer=AdamW(lr=1e-3, weight_decay=0.3, schedule=Cosine(warmup=70)),
    primary_metric="test/sse_per_example",
    model={"hidden": [512, 256], "code": 16, "activation": "silu"},
)

CONVOLUTIONAL = QUICK.set(
    ["epochs=15", "optimizer.lr=0.002", "model.channels=[16, 32]", "model.hidden=[128]"],
)

FULL = Experiment(
    architecture="autoencoder",
    dataset="mnist",
    task="reconstruction",
    epochs=10,
    batch_size=128,
    validation=1 / 12,
    optimizer=Adam(lr=1e-3, schedule=Cosine(warmup=400)),
    primary_metric="test/sse_per_example",
    model={"hidden": [1000, 500, 250], "code": 30, "activation": "silu"},
)

DENOISING = QUICK.set(["model.noise=0.5", "model.code=64", "validation=0", "primary_metric=test/denoised_psnr"])

PLANE = QUICK.set(["model.code=2", "validation=0"])


def scale_width(config: AutoencoderConfig, factor: float) -> AutoencoderConfig:
    """Return the config with its hidden widths and channels times a factor, and the same code."""

    def times(sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(max(1, round(size * factor)) for size in sizes)

    return config.model_copy(update={"hidden": times(config.hidden), "channels": times(config.channels)})
