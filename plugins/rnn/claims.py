"""Claims of the simple recurrent network, and their evaluators."""

from collections.abc import Callable

import numpy as np

from neuralzoo.core.blocks.recurrent.network import SequenceNetwork
from neuralzoo.plugins.rnn.experiments import FULL, LAST_STEP_ONLY, SUNSPOTS, XOR
from neuralzoo.plugins.rnn.figures import draw_lags
from neuralzoo.registry import Candidate, Claim, ClaimFigure, Condition, Experiment, Published
from neuralzoo.registry.dataset import Dataset

LAGS = (4, 8, 16, 32, 64, 128)
GLOROT_INIT = "model.state_init=glorot_uniform"


def by_lag(label: str, experiment: Experiment) -> tuple[Candidate, ...]:
    """Return a candidate for each lag."""
    return tuple(Candidate(label=f"{label}-{lag}", experiment=experiment.set([f"data.lag={lag}"])) for lag in LAGS)


def relative_variance(period: str) -> Callable[[SequenceNetwork, Dataset], float]:
    """Return the evaluator of the mean squared error in a period over the variance of the record 1700-1979."""

    def evaluator(module: SequenceNetwork, data: Dataset) -> float:
        x, y = data.extra_test_sets[period]
        # The first window and the targets from 1712 on are the whole record.
        record = np.concatenate([data.train[0][0].ravel(), data.train[-1].ravel(), data.test[-1].ravel()])
        return float(np.mean((module.predict(x) - y) ** 2) / record.var())

    return evaluator


CLAIMS = (
    Claim(
        name="delayed-xor",
        sentence="Delayed XOR (delay 4): accuracy >= 0.999, where a feed-forward network that reads the last step "
        "alone stays at chance",
        candidates=(
            Candidate(label="rnn", experiment=XOR),
            Candidate(label="fnn-without-window", experiment=LAST_STEP_ONLY, control=True),
        ),
        conditions=(
            Condition(of="rnn", at_least=0.999),
            Condition(of="fnn-without-window", at_most=0.55),
            Condition(of="fnn-without-window", at_least=0.45),
        ),
        published=(
            Published(
                value="solved by real-time recurrent learning, for a delay of four",
                source="Williams and Zipser (1989), A learning algorithm for continually running fully recurrent "
                "neural networks",
                url="https://doi.org/10.1162/neco.1989.1.2.270",
                provenance="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="lags",
        sentence="Delayed XOR by lag: an RNN with Glorot initialization solves lag 8 and stays at chance at lag 128; "
        "with orthogonal initialization, or as an LSTM with open forget gates, lag 64 is solved",
        profile="full",
        candidates=(
            *by_lag("rnn", XOR.set([GLOROT_INIT])),
            *by_lag("rnn-orthogonal", XOR),
            *by_lag(
                "lstm", XOR.model_copy(update={"architecture": "lstm", "model": {"hidden": 32, "forget_bias": 4.0}})
            ),
        ),
        conditions=(
            Condition(of="rnn-128", at_most=0.6),
            Condition(of="rnn-8", at_least=0.99),
            Condition(of="lstm-64", at_least=0.99),
            Condition(of="rnn-orthogonal-64", at_least=0.99),
        ),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="gradients vanish exponentially with the lag",
                source="Bengio, Simard and Frasconi (1994), Learning long-term dependencies with gradient descent is "
                "difficult",
                url="https://doi.org/10.1109/72.279181",
                provenance="as commonly cited",
            ),
        ),
        figures=(
            ClaimFigure(
                name="accuracy_by_lag",
                caption="Accuracy by lag: beyond 32 steps the RNN is at chance, with either initialization.",
                draw=draw_lags,
            ),
        ),
    ),
    Claim(
        name="sunspots",
        sentence="Sunspots predicted from twelve years: relative variance <= 0.35 in 1956-1979, as in Weigend et al.",
        candidates=(Candidate(label="rnn", experiment=SUNSPOTS),),
        conditions=(Condition(of="rnn", metric="variance_1956_1979", at_most=0.35),),
        metrics=("variance_1921_1955",),
        evaluators={
            "variance_1921_1955": relative_variance("1921-1955"),
            "variance_1956_1979": relative_variance("1956-1979"),
        },
        published=(
            Published(
                value="relative variance 0.086 in 1921-1955, 0.35 in 1956-1979; threshold autoregression 0.097, 0.28",
                source="Weigend, Huberman and Rumelhart (1990), Predicting the future: a connectionist approach",
                url="https://doi.org/10.1142/S0129065790000102",
                provenance="as commonly cited",
            ),
        ),
        counter_evidence="Eight units without weight decay, chosen on random training years, gave 0.391 "
        "[0.341, 0.441] in 1956-1979, a verdict of no. The settings were then chosen anew, on 1861-1920 held out in "
        "one piece, where a network without decay gets worse the longer it trains.",
    ),
    Claim(
        name="chorales",
        sentence="JSB Chorales NLL <= 8.91 nats/frame, as in Bai et al.",
        profile="full",
        candidates=(Candidate(label="rnn", experiment=FULL),),
        conditions=(Condition(of="rnn", metric="test/nats_per_step", at_most=8.91),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="8.91 nats per frame",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                provenance="read",
            ),
        ),
    ),
)
