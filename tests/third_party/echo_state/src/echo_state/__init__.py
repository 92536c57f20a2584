"""Echo state network: a fixed random recurrent network, and a readout by ridge regression."""

from neuralzoo.registry import Architecture, Task, hookimpl

from echo_state.claims import CLAIMS
from echo_state.config import EchoStateConfig
from echo_state.experiments import QUICK
from echo_state.learner import learner
from echo_state.network import build


@hookimpl
def architecture() -> Architecture:
    """Return the echo state network architecture."""
    return Architecture(
        api_version=1,
        name="esn",
        summary="Echo state network: short sequences, learned in one step without back-propagation",
        citation='Jaeger (2001), The "echo state" approach to analysing and training recurrent neural networks',
        url="https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf",
        tasks=frozenset({"classification", "regression"}),
        inputs=frozenset({"sequence"}),
        supports_variable_length=True,
        config=EchoStateConfig,
        build=build,
        learner=learner,
        example=Task(kind="classification", input="sequence", shape=(6, 3), outputs=3, variable_length=True),
        experiments={"quick": QUICK},
        claims=CLAIMS,
        scale_width=scale_width,
        not_applicable={
            "training_reaches_every_parameter": "the readout is solved for before the first step, which changes nothing"
        },
    )


def scale_width(config: EchoStateConfig, factor: float) -> EchoStateConfig:
    """Return the config with its units times a factor; the size of the readout is proportional to them."""
    return config.model_copy(update={"units": max(1, round(config.units * factor))})
