"""The gated recurrent unit: one state that two gates keep or replace."""

from neuralzoo.core.blocks.recurrent.truncated import sequence_learner
from neuralzoo.plugins.gru.config import GRUConfig
from neuralzoo.plugins.gru.experiments import ARENA, CLAIMS, FULL, QUICK, TEXT, resize
from neuralzoo.plugins.gru.figures import FIGURES
from neuralzoo.plugins.gru.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the gated recurrent unit."""
    return Architecture(
        contract=1,
        name="gru",
        summary="Gated recurrent unit: a long memory with three quarters of an LSTM",
        citation="Cho et al. (2014), Learning phrase representations using RNN encoder-decoder",
        url="https://arxiv.org/abs/1406.1078",
        tasks=frozenset({"classification", "regression", "sequence-labelling", "language-modelling"}),
        inputs=frozenset({"sequence", "tokens"}),
        lengths=True,
        answers=frozenset({"class", "marks", "numbers"}),
        config=GRUConfig,
        build=build,
        learner=sequence_learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, lengths=True),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA, "text": TEXT},
        claims=CLAIMS,
        resize=resize,
        figures=FIGURES,
    )
