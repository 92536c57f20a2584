"""Capsule network: vectors for entities and their poses, with routing by agreement."""

from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.capsnet.claims import CLAIMS
from neuralzoo.plugins.capsnet.config import CapsNetConfig, scale_width
from neuralzoo.plugins.capsnet.experiments import ARENA, FULL, PUBLISHED, QUICK
from neuralzoo.plugins.capsnet.figures import FIGURES
from neuralzoo.plugins.capsnet.learner import learner
from neuralzoo.plugins.capsnet.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the capsule network architecture."""
    return Architecture(
        api_version=1,
        name="capsnet",
        summary="Capsule network: class and pose as the length and direction of vectors, with routing by agreement",
        citation="Sabour, Frosst and Hinton (2017), Dynamic routing between capsules",
        url="https://arxiv.org/abs/1710.09829",
        tasks=frozenset({"classification"}),
        inputs=frozenset({"image", "sequence"}),
        targets=frozenset({"class", "classes"}),
        config=CapsNetConfig,
        build=build,
        learner=learner,
        example=Task(kind="classification", input="image", shape=(20, 20, 1), outputs=3),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA, "published": PUBLISHED},
        claims=CLAIMS,
        metrics={
            "class_accuracy": MetricInfo("accuracy of single classes", "higher", "fraction"),
            "margin_loss": MetricInfo("margin loss", "lower"),
            "sse_per_example": MetricInfo("squared error of an example", "lower"),
            "true_class_length": MetricInfo("length of the capsules of present classes", "neither"),
            "other_class_length": MetricInfo("length of the capsules of other classes", "neither"),
            "translated_accuracy": MetricInfo("accuracy after translation", "higher", "fraction"),
        },
        scale_width=scale_width,
        figures=FIGURES,
    )
