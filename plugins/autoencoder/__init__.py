"""The autoencoder: tells an example through few numbers and rebuilds it from them."""

from neuralzoo.plugins.autoencoder.config import AutoencoderConfig
from neuralzoo.plugins.autoencoder.experiments import CLAIMS, CONVOLUTIONAL, FULL, QUICK, resize
from neuralzoo.plugins.autoencoder.figures import FIGURES
from neuralzoo.plugins.autoencoder.learner import learner
from neuralzoo.plugins.autoencoder.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the autoencoder."""
    return Architecture(
        contract=1,
        name="autoencoder",
        summary="Autoencoder: compresses, cleans and, if variational, draws examples through a code of few numbers",
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
        resize=resize,
        figures=FIGURES,
    )
