"""Claims of the long short-term memory, and their evaluators."""

from typing import Any

import numpy as np

from neuralzoo.plugins.lstm.experiments import ADDING, FULL, QUICK, REBER
from neuralzoo.plugins.lstm.figures import draw_gradients_by_lag
from neuralzoo.registry import Candidate, Claim, ClaimFigure, Condition, Published
from neuralzoo.registry.dataset import Dataset


def exact_match(module: Any, data: Dataset) -> float:
    """Return the fraction of test strings at each symbol of which the allowed next symbols have the largest outputs."""
    x, lengths, allowed = data.extra_test_sets["allowed_next"]
    y = module.predict((x, lengths))
    smallest_allowed = np.where(allowed > 0, y, np.inf).min(axis=-1)
    largest_other = np.where(allowed > 0, -np.inf, y).max(axis=-1)
    padding = np.arange(x.shape[1]) >= lengths[:, None]
    return float(((smallest_allowed > largest_other) | padding).all(axis=1).mean())


CLAIMS = (
    Claim(
        name="vowels",
        sentence="Japanese Vowels, speaker identification: test accuracy >= 0.941, as in Kudo et al.",
        candidates=(Candidate(label="lstm", experiment=QUICK.set(["validation=0"])),),
        conditions=(Condition(of="lstm", at_least=0.941),),
        published=(
            Published(
                value="0.941",
                source="Kudo, Toyama and Shimbo (1999), Multidimensional curve classification",
                url="https://doi.org/10.1016/S0167-8655(99)00077-X",
                provenance="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="reber",
        sentence="Embedded Reber grammar: every test string predicted after 4,700 training strings, in 10 of 10 seeds",
        candidates=(Candidate(label="lstm", experiment=REBER),),
        conditions=(Condition(of="lstm", metric="exact_match", at_least=1.0, min_seeds=10),),
        seeds=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        evaluators={"exact_match": exact_match},
        published=(
            Published(
                value="8,440 strings on average",
                source="Hochreiter and Schmidhuber (1997), Long short-term memory",
                url="https://doi.org/10.1162/neco.1997.9.8.1735",
                provenance="quoted",
            ),
        ),
    ),
    Claim(
        name="adding",
        sentence="Adding problem (T = 200): MSE <= 0.001 in 5 of 5 seeds, where an RNN of equal width stays at chance",
        profile="full",
        candidates=(
            Candidate(label="lstm", experiment=ADDING),
            Candidate(
                label="rnn",
                experiment=ADDING.model_copy(update={"architecture": "rnn", "model": {"hidden": 32}}),
            ),
        ),
        conditions=(
            Condition(of="lstm", metric="test/loss", at_most=0.001, min_seeds=5),
            Condition(of="rnn", metric="test/loss", at_least=0.15),
        ),
        published=(
            Published(
                value="for 600 steps: LSTM 0.164, RNN 0.177; guessing the mean 0.167",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                provenance="read",
            ),
        ),
        figures=(
            ClaimFigure(
                name="gradient_by_lag",
                caption="The gradient of the output by lag: the LSTM's keeps its norm, the RNN's vanishes.",
                draw=draw_gradients_by_lag,
            ),
        ),
    ),
    Claim(
        name="chorales",
        sentence="JSB Chorales NLL <= 8.67 nats/frame, as in Chung et al.",
        profile="full",
        candidates=(Candidate(label="lstm", experiment=FULL),),
        conditions=(Condition(of="lstm", metric="test/nats_per_step", at_most=8.67),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="8.45 nats per frame",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                provenance="read",
            ),
            Published(
                value="8.67 nats per frame",
                source="Chung, Gulcehre, Cho and Bengio (2014), Empirical evaluation of gated recurrent networks",
                url="https://arxiv.org/abs/1412.3555",
                provenance="quoted",
            ),
        ),
    ),
)
