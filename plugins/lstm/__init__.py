"""The long short-term memory: a memory cell behind gates."""

from neuralzoo.core.blocks.recurrent.truncated import sequence_learner
from neuralzoo.plugins.lstm.config import LSTMConfig
from neuralzoo.plugins.lstm.experiments import ARENA, CLAIMS, FULL, QUICK, TEXT, resize
from neuralzoo.plugins.lstm.figures import FIGURES
from neuralzoo.plugins.lstm.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the long short-term memory."""
    return Architecture(
        contract=1,
        name="lstm",
        summary="Long short-term memory: keeps what matters over hundreds of steps",
        citation="Hochreiter and Schmidhuber (1997), Long short-term memory",
        url="https://doi.org/10.1162/neco.1997.9.8.1735",
        tasks=frozenset({"classification", "regression", "sequence-labelling", "language-modelling"}),
        inputs=frozenset({"sequence", "tokens"}),
        lengths=True,
        answers=frozenset({"class", "marks", "numbers"}),
        config=LSTMConfig,
        build=build,
        learner=sequence_learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, lengths=True),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA, "text": TEXT},
        claims=CLAIMS,
        resize=resize,
        figures=FIGURES,
    )
