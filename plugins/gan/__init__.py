"""Generative adversarial network: a generator and a discriminator that classifies its samples against real examples."""

from neuralzoo.plugins.gan.claims import CLAIMS
from neuralzoo.plugins.gan.config import GANConfig
from neuralzoo.plugins.gan.experiments import FULL, QUICK, scale_width
from neuralzoo.plugins.gan.figures import FIGURES
from neuralzoo.plugins.gan.learner import learner
from neuralzoo.plugins.gan.metrics import METRICS
from neuralzoo.plugins.gan.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the GAN architecture."""
    return Architecture(
        api_version=1,
        name="gan",
        summary="Generative adversarial network: generates new examples by training against a discriminator",
        citation="Goodfellow et al. (2014), Generative adversarial nets",
        url="https://arxiv.org/abs/1406.2661",
        tasks=frozenset({"generation"}),
        inputs=frozenset({"image", "sequence", "tabular"}),
        config=GANConfig,
        build=build,
        learner=learner,
        example=Task(kind="generation", input="tabular", shape=(2,), outputs=2),
        experiments={"quick": QUICK, "full": FULL},
        claims=CLAIMS,
        metrics=METRICS,
        scale_width=scale_width,
        figures=FIGURES,
    )
