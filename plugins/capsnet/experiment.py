"""The reference experiments of the capsule network, and its claims."""

from neuralzoo.plugins.capsnet.config import CapsNetConfig
from neuralzoo.registry import Adam, Cosine, Experiment

QUICK = Experiment(
    architecture="capsnet",
    dataset="fashion-mnist-5k",
    epochs=10,
    batch_size=64,
    optimizer=Adam(lr=2e-3, schedule=Cosine(warmup=70)),
)

CLAIMS = ()


def resize(config: CapsNetConfig, factor: float) -> CapsNetConfig:
    """Return the config with its widths times a factor; capsules stay vectors of as many numbers."""

    def times(width: int) -> int:
        return max(1, round(width * factor))

    changed = {
        "channels": tuple(map(times, config.channels)),
        "primary_kinds": times(config.primary_kinds),
        "decoder": tuple(map(times, config.decoder)),
    }
    return config.model_copy(update=changed)
