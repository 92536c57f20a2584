"""The transformer: self-attention between all positions of a sequence at once."""

from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.transformer.claims import CLAIMS
from neuralzoo.plugins.transformer.config import TransformerConfig
from neuralzoo.plugins.transformer.experiments import ARENA, DATES, FULL, IMAGES, QUICK, RECALL, RECIPE, scale_width
from neuralzoo.plugins.transformer.figures import FIGURES
from neuralzoo.plugins.transformer.learner import learner
from neuralzoo.plugins.transformer.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the transformer architecture."""
    return Architecture(
        api_version=1,
        name="transformer",
        summary="Transformer: self-attention over all positions at once, for language, sequences and images",
        citation="Vaswani et al. (2017), Attention is all you need",
        url="https://arxiv.org/abs/1706.03762",
        tasks=frozenset({"classification", "regression", "sequence-labelling", "language-modelling"}),
        inputs=frozenset({"image", "sequence", "tokens"}),
        supports_variable_length=True,
        targets=frozenset({"class", "multilabel", "continuous"}),
        config=TransformerConfig,
        build=build,
        learner=learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, variable_length=True),
        experiments={
            "quick": QUICK,
            "full": FULL,
            "arena": ARENA,
            "images": IMAGES,
            "recall": RECALL,
            "dates": DATES,
            "nanogpt": RECIPE,
        },
        claims=CLAIMS,
        metrics={
            "exact_match": MetricInfo("sequences that are right in every step", "higher", "fraction"),
            "oldest_key_accuracy": MetricInfo("accuracy for the oldest key", "higher", "fraction"),
        },
        scale_width=scale_width,
        figures=FIGURES,
    )
