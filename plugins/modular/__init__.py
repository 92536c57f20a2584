"""The modular network: several networks for different sub-tasks, and a gate that says whom to ask."""

from neuralzoo.plugins.modular.config import ModularConfig
from neuralzoo.plugins.modular.experiments import ARENA, CLAIMS, FULL, QUICK, resize
from neuralzoo.plugins.modular.figures import FIGURES
from neuralzoo.plugins.modular.learner import learner
from neuralzoo.plugins.modular.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the modular network."""
    return Architecture(
        contract=1,
        name="modular",
        summary="Mixture of experts: networks that specialise in sub-tasks, and a gate that chooses among them",
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
        resize=resize,
        figures=FIGURES,
    )
