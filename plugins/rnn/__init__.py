"""Simple recurrent network (Elman network)."""

from neuralzoo.core.blocks.recurrent.config import scale_hidden
from neuralzoo.core.blocks.recurrent.truncated import sequence_learner
from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.rnn.claims import CLAIMS
from neuralzoo.plugins.rnn.config import RNNConfig
from neuralzoo.plugins.rnn.experiments import ARENA, FULL, QUICK
from neuralzoo.plugins.rnn.figures import FIGURES
from neuralzoo.plugins.rnn.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the RNN architecture."""
    return Architecture(
        api_version=1,
        name="rnn",
        summary="Recurrent network (Elman): a hidden state carried from step to step, for short memories",
        citation="Elman (1990), Finding structure in time",
        url="https://doi.org/10.1207/s15516709cog1402_1",
        tasks=frozenset({"classification", "regression", "sequence-labelling", "language-modelling"}),
        inputs=frozenset({"sequence", "tokens"}),
        supports_variable_length=True,
        targets=frozenset({"class", "multilabel", "continuous"}),
        config=RNNConfig,
        build=build,
        learner=sequence_learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, variable_length=True),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA},
        claims=CLAIMS,
        metrics={"variance": MetricInfo("relative variance", "lower")},
        scale_width=scale_hidden,
        figures=FIGURES,
    )
