"""The modular network, a mixture of experts: several networks, and a gate that weighs their outputs."""

from neuralzoo.plugins.modular.claims import CLAIMS
from neuralzoo.plugins.modular.config import ModularConfig
from neuralzoo.plugins.modular.experiments import ARENA, FULL, QUICK, scale_width
from neuralzoo.plugins.modular.figures import FIGURES
from neuralzoo.plugins.modular.learner import learner
from neuralzoo.plugins.modular.metrics import METRICS
from neuralzoo.plugins.modular.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the mixture-of-experts architecture."""
    return Architecture(
        api_version=1,
        name="modular",
        summary="Mixture of experts: networks that specialise in sub-tasks, and a gate that routes among them",
        citation="Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts",
        url="https://doi.org/10.1162/neco.1991.3.1.79",
        tasks=frozenset({"classification", "regression"}),
        inputs=frozenset({"image", "sequence", "tabular"}),
        config=ModularConfig,
        build=build,
        learner=learner,
        example=Task(kind="classification", input="tabular", shape=(4,), outputs=3),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA},
        claims=CLAIMS,
        metrics=METRICS,
        scale_width=scale_width,
        figures=FIGURES,
    )
