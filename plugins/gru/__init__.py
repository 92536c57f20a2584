"""Gated recurrent unit."""

from neuralzoo.core.blocks.recurrent.config import scale_hidden
from neuralzoo.core.blocks.recurrent.truncated import sequence_learner
from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.gru.claims import CLAIMS
from neuralzoo.plugins.gru.config import GRUConfig
from neuralzoo.plugins.gru.experiments import ARENA, FULL, QUICK, TEXT
from neuralzoo.plugins.gru.figures import FIGURES
from neuralzoo.plugins.gru.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the GRU architecture."""
    return Architecture(
        api_version=1,
        name="gru",
        summary="Gated recurrent unit: long-term dependencies with three quarters of an LSTM's parameters",
        citation="Cho et al. (2014), Learning phrase representations using RNN encoder-decoder",
        url="https://arxiv.org/abs/1406.1078",
        tasks=frozenset({"classification", "regression", "sequence-labelling", "language-modelling"}),
        inputs=frozenset({"sequence", "tokens"}),
        supports_variable_length=True,
        targets=frozenset({"class", "multilabel", "continuous"}),
        config=GRUConfig,
        build=build,
        learner=sequence_learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, variable_length=True),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA, "text": TEXT},
        claims=CLAIMS,
        metrics={"recurrent_weights": MetricInfo("recurrent weights", "neither")},
        scale_width=scale_hidden,
        figures=FIGURES,
    )
