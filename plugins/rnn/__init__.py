"""The simple recurrent network: units that read their own last outputs."""

from neuralzoo.core.blocks.recurrent.truncated import sequence_learner
from neuralzoo.plugins.rnn.config import RNNConfig
from neuralzoo.plugins.rnn.experiments import ARENA, CLAIMS, FULL, QUICK, resize
from neuralzoo.plugins.rnn.figures import FIGURES
from neuralzoo.plugins.rnn.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the simple recurrent network."""
    return Architecture(
        contract=1,
        name="rnn",
        summary="Recurrent network: carries what it has seen from step to step, for short memories",
        citation="Elman (1990), Finding structure in time",
        url="https://doi.org/10.1207/s15516709cog1402_1",
        tasks=frozenset({"classification", "regression", "sequence-labelling", "language-modelling"}),
        inputs=frozenset({"sequence", "tokens"}),
        lengths=True,
        answers=frozenset({"class", "marks", "numbers"}),
        config=RNNConfig,
        build=build,
        learner=sequence_learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, lengths=True),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA},
        claims=CLAIMS,
        resize=resize,
        figures=FIGURES,
    )
