"""The reference experiments of the generative adversarial network, and its claims."""

from neuralzoo.plugins.gan.config import GANConfig
from neuralzoo.registry import Adam, Claim, Cosine, Experiment

# Rates, packs and averages were chosen on held-out training examples of seeds 10 to 14, not those of the claims.
QUICK = Experiment(
    architecture="gan",
    dataset="gaussian-ring",
    epochs=170,
    batch_size=256,
    optimizer=Adam(lr=3e-3, beta1=0.5, schedule=Cosine()),
    headline="test/modes_covered",
    model={"pack": 2, "average": 0.99},
)

FULL = QUICK

CLAIMS: tuple[Claim, ...] = ()


def resize(config: GANConfig, factor: float) -> GANConfig:
    """Return the config with its hidden widths times a factor."""

    def times(widths: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(max(1, round(width * factor)) for width in widths)

    others = None if config.discriminator_hidden is None else times(config.discriminator_hidden)
    return config.model_copy(update={"hidden": times(config.hidden), "discriminator_hidden": others})
