"""Feed-forward network (multilayer perceptron)."""

from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.fnn.claims import CLAIMS
from neuralzoo.plugins.fnn.config import FNNConfig, scale_width
from neuralzoo.plugins.fnn.experiments import ARENA, FULL, QUICK
from neuralzoo.plugins.fnn.figures import FIGURES
from neuralzoo.plugins.fnn.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the FNN architecture."""
    return Architecture(
        api_version=1,
        name="fnn",
        summary="Feed-forward network (multilayer perceptron): any mapping of a fixed number of features",
        citation="Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors",
        url="https://doi.org/10.1038/323533a0",
        tasks=frozenset({"classification", "regression"}),
        inputs=frozenset({"image", "sequence", "tabular"}),
        config=FNNConfig,
        build=build,
        learner=supervised,
        example=Task(kind="classification", input="tabular", shape=(4,), outputs=3),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA},
        claims=CLAIMS,
        metrics={"train_accuracy": MetricInfo("accuracy", "higher", "fraction")},
        scale_width=scale_width,
        figures=FIGURES,
    )
