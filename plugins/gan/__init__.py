"""The generative adversarial network: one network makes examples, another learns to tell them from real ones."""

from neuralzoo.plugins.gan.config import GANConfig
from neuralzoo.plugins.gan.experiments import CLAIMS, FULL, QUICK, resize
from neuralzoo.plugins.gan.figures import FIGURES
from neuralzoo.plugins.gan.learner import learner
from neuralzoo.plugins.gan.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the generative adversarial network."""
    return Architecture(
        contract=1,
        name="gan",
        summary="Generative adversarial network: learns to draw new examples that another network takes for real",
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
        resize=resize,
        figures=FIGURES,
    )
