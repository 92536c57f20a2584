"""Autoencoder: compresses examples to a code of few dimensions and reconstructs them from it."""

from neuralzoo.plugins.autoencoder.claims import CLAIMS
from neuralzoo.plugins.autoencoder.config import AutoencoderConfig
from neuralzoo.plugins.autoencoder.experiments import CONVOLUTIONAL, FULL, QUICK, scale_width
from neuralzoo.plugins.autoencoder.figures import FIGURES
from neuralzoo.plugins.autoencoder.learner import learner
from neuralzoo.plugins.autoencoder.metrics import METRICS
from neuralzoo.plugins.autoencoder.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the autoencoder architecture."""
    return Architecture(
        api_version=1,
        name="autoencoder",
        summary="Autoencoder: compression, denoising and, if variational, generation through a low-dimensional code",
        citation="Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks",
        url="https://doi.org/10.1126/science.1127647",
        tasks=frozenset({"reconstruction", "generation"}),
        inputs=frozenset({"image", "sequence", "tabular"}),
        config=AutoencoderConfig,
        build=build,
        learner=learner,
        example=Task(kind="reconstruction", input="image", shape=(6, 6, 1), outputs=36),
        experiments={"quick": QUICK, "full": FULL, "convolutional": CONVOLUTIONAL},
        claims=CLAIMS,
        metrics=METRICS,
        scale_width=scale_width,
        figures=FIGURES,
    )
