"""Convolutional neural network (CNN)."""

from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.cnn.claims import CLAIMS
from neuralzoo.plugins.cnn.config import CNNConfig, scale_width
from neuralzoo.plugins.cnn.experiments import ARENA, FULL, QUICK
from neuralzoo.plugins.cnn.figures import FIGURES
from neuralzoo.plugins.cnn.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the CNN architecture."""
    return Architecture(
        api_version=1,
        name="cnn",
        summary="Convolutional network: shared local filters and pooling, for images and sequences",
        citation="LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition",
        url="https://doi.org/10.1109/5.726791",
        tasks=frozenset({"classification", "regression"}),
        inputs=frozenset({"image", "sequence"}),
        targets=frozenset({"class", "multilabel", "continuous"}),
        config=CNNConfig,
        build=build,
        learner=supervised,
        example=Task(kind="classification", input="image", shape=(8, 8, 1), outputs=3),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA},
        claims=CLAIMS,
        metrics={
            "accuracy_after_shift": MetricInfo("accuracy after a shift", "higher", "fraction"),
            "accuracy_drop": MetricInfo("loss of accuracy by a shift", "lower", "fraction"),
        },
        scale_width=scale_width,
        figures=FIGURES,
    )
