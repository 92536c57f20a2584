"""Claims of the gated recurrent unit, and their evaluators."""

from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.plugins.gru.experiments import ARENA, FULL
from neuralzoo.registry import Candidate, Claim, Condition, Published
from neuralzoo.registry.dataset import Dataset


def recurrent_weights(module: SequenceNetwork, data: Dataset) -> float:
    """Return the number of weights from step to step."""
    return float(sum(cell.weight_hh.value.size for cell in module.recurrent.cells))


CLAIMS = (
    Claim(
        name="cheaper",
        sentence="MNIST-1D: accuracy within 0.01 of an LSTM of equal width after equal steps, with 0.75 of its "
        "recurrent weights and <= 0.8 of its training time",
        candidates=(
            Candidate(label="gru", experiment=ARENA),
            Candidate(label="lstm", experiment=ARENA.model_copy(update={"architecture": "lstm"})),
        ),
        match="steps",
        conditions=(
            Condition(of="gru", over="lstm", at_least=-0.01),
            Condition(of="gru", over="lstm", ratio=True, metric="recurrent_weights", at_least=0.75),
            Condition(of="gru", over="lstm", ratio=True, metric="recurrent_weights", at_most=0.75),
            Condition(of="gru", over="lstm", ratio=True, metric="time/train_s", at_most=0.8),
        ),
        evaluators={"recurrent_weights": recurrent_weights},
        published=(
            Published(
                value="comparable to the LSTM",
                source="Chung, Gulcehre, Cho and Bengio (2014), Empirical evaluation of gated recurrent networks",
                url="https://arxiv.org/abs/1412.3555",
                provenance="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="mnist1d",
        sentence="MNIST-1D read step by step: test accuracy >= 0.91, as in Greydanus and Kobak",
        candidates=(Candidate(label="gru", experiment=ARENA),),
        conditions=(Condition(of="gru", at_least=0.91),),
        published=(
            Published(
                value="0.91",
                source="Greydanus and Kobak (2020), Scaling down deep learning with MNIST-1D",
                url="https://arxiv.org/abs/2011.14439",
                provenance="read",
            ),
        ),
    ),
    Claim(
        name="chorales",
        sentence="JSB Chorales NLL <= 8.54 nats/frame, as in Chung et al.",
        profile="full",
        candidates=(Candidate(label="gru", experiment=FULL),),
        conditions=(Condition(of="gru", metric="test/nats_per_step", at_most=8.54),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="8.43 nats per frame",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                provenance="read",
            ),
            Published(
                value="8.54 nats per frame",
                source="Chung, Gulcehre, Cho and Bengio (2014), Empirical evaluation of gated recurrent networks",
                url="https://arxiv.org/abs/1412.3555",
                provenance="quoted",
            ),
        ),
    ),
)
