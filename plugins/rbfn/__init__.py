"""The radial basis function network: units that are functions of the distance from a centre, fitted in closed form."""

from neuralzoo.core.metric import MetricInfo
from neuralzoo.plugins.rbfn.claims import CLAIMS
from neuralzoo.plugins.rbfn.config import RBFNConfig
from neuralzoo.plugins.rbfn.experiments import ARENA, FULL, QUICK, scale_width
from neuralzoo.plugins.rbfn.figures import FIGURES
from neuralzoo.plugins.rbfn.learner import learner
from neuralzoo.plugins.rbfn.network import build
from neuralzoo.registry import Architecture, Task, hookimpl


@hookimpl
def architecture() -> Architecture:
    """Return the RBF network architecture."""
    return Architecture(
        api_version=1,
        name="rbfn",
        summary="Radial basis function network: fits functions and patterns in closed form",
        citation="Broomhead and Lowe (1988), Multivariable functional interpolation and adaptive networks",
        url="https://www.complex-systems.com/abstracts/v02_i03_a05/",
        tasks=frozenset({"classification", "regression"}),
        inputs=frozenset({"image", "sequence", "tabular"}),
        config=RBFNConfig,
        build=build,
        learner=learner,
        example=Task(kind="classification", input="tabular", shape=(4,), outputs=3),
        experiments={"quick": QUICK, "full": FULL, "arena": ARENA},
        claims=CLAIMS,
        metrics={
            "train_accuracy": MetricInfo("accuracy", "higher", "fraction"),
            "nrmse": MetricInfo("root mean squared error over standard deviation", "lower"),
            "distance_from_bias": MetricInfo("distance of predictions from the bias", "lower"),
        },
        scale_width=scale_width,
        figures=FIGURES,
    )
