"""The feed-forward network: layers of units, each a weighted sum and a non-linearity."""

from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.plugins.fnn.config import FNNConfig
from neuralzoo.plugins.fnn.experiments import ARENA, CLAIMS, FULL, QUICK, draw_first_layer_weights, resize
from neuralzoo.plugins.fnn.network import build
from neuralzoo.registry import Architecture, Figure, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the feed-forward network."""
    return Architecture(
        contract=1,
        name="fnn",
        summary="Feed-forward network: learns any mapping of a fixed number of inputs",
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
        resize=resize,
        figures=(
            Figure(
                name="first_layer_weights",
                caption="What the strongest units of the first layer look for: red adds, blue takes away.",
                draw=draw_first_layer_weights,
            ),
        ),
    )
