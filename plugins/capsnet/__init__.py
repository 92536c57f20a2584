"""The capsule network: vectors for things and their poses, routed by agreement."""

from neuralzoo.plugins.capsnet.config import CapsNetConfig
from neuralzoo.plugins.capsnet.experiments import ARENA, CLAIMS, FULL, PUBLISHED, QUICK, resize
from neuralzoo.plugins.capsnet.figures import FIGURES
from neuralzoo.plugins.capsnet.learner import learner
from neuralzoo.plugins.capsnet.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Hand over the capsule network."""
    return Architecture(
        contract=1,
        name="capsnet",
        summary="Capsule network: says what is there, and how, by the length and direction of vectors",
        citation="Sabour, Frosst and Hinton (2017), Dynamic routing between capsules",
        url="https://arxiv.org/abs/1710.09829",
        tasks=frozenset({"classification"}),
        inputs=frozenset({"image", "sequence"}),
        answers=frozenset({"class", "classes"}),
        config=CapsNetConfig,
        build=build,
        learner=learner,
        example=Task(kind="classification", input="image", shape=(20, 20, 1), outputs=3),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA, "published": PUBLISHED},
        claims=CLAIMS,
        resize=resize,
        figures=FIGURES,
    )
