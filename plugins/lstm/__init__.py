"""Long short-term memory."""

from neuralzoo.core.blocks.recurrent.config import scale_hidden
from neuralzoo.core.blocks.recurrent.truncated import sequence_learner
from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.lstm.claims import CLAIMS
from neuralzoo.plugins.lstm.config import LSTMConfig
from neuralzoo.plugins.lstm.experiments import ARENA, FULL, QUICK, TEXT
from neuralzoo.plugins.lstm.figures import FIGURES
from neuralzoo.plugins.lstm.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the LSTM architecture."""
    return Architecture(
        api_version=1,
        name="lstm",
        summary="Long short-term memory: gated memory cells that carry information over hundreds of time steps",
        citation="Hochreiter and Schmidhuber (1997), Long short-term memory",
        url="https://doi.org/10.1162/neco.1997.9.8.1735",
        tasks=frozenset({"classification", "regression", "sequence-labelling", "language-modelling"}),
        inputs=frozenset({"sequence", "tokens"}),
        supports_variable_length=True,
        targets=frozenset({"class", "multilabel", "continuous"}),
        config=LSTMConfig,
        build=build,
        learner=sequence_learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, variable_length=True),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA, "text": TEXT},
        claims=CLAIMS,
        metrics={"exact_match": MetricInfo("sequences that are right in every step", "higher", "fraction")},
        scale_width=scale_hidden,
        figures=FIGURES,
    )
