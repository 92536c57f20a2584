"""The reference experiments of the simple recurrent network, and its claims."""

from typing import Any

import numpy as np

from neuralzoo.core.plots.recurrent import draw_accuracy_by_lag
from neuralzoo.plugins.rnn.config import RNNConfig
from neuralzoo.registry import Adam, AdamW, Claim, ClaimFigure, Condition, Contestant, Cosine, Experiment, Published

# Widths, dropout, rates and epochs were chosen on held-out training examples, or on the source's validation split.
QUICK = Experiment(
    architecture="rnn",
    dataset="japanese-vowels",
    epochs=50,
    batch_size=16,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20), clip=1.0),
    model={"hidden": 100, "bidirectional": True, "dropout": 0.5},
)

FULL = Experiment(
    architecture="rnn",
    dataset="jsb-chorales",
    epochs=100,
    batch_size=8,
    optimizer=AdamW(lr=2e-3, weight_decay=0.3, schedule=Cosine(warmup=50), clip=1.0),
    headline="test/nats_per_step",
    model={"hidden": 200, "dropout": 0.5},
)

ARENA = Experiment(
    architecture="rnn",
    dataset="mnist1d",
    epochs=40,
    batch_size=100,
    validation=0.0,
    optimizer=Adam(lr=2e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 96, "bidirectional": True},
)

XOR = Experiment(
    architecture="rnn",
    dataset="delayed-xor",
    epochs=60,
    batch_size=50,
    validation=0.0,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20), clip=1.0),
    model={"hidden": 32},
)

WITHOUT_MEMORY = Experiment(
    architecture="fnn",
    dataset="delayed-xor",
    epochs=60,
    batch_size=50,
    validation=0.0,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20)),
    model={"hidden": [32]},
    data={"shown": 1},
)

SUNSPOTS = Experiment(
    architecture="rnn",
    dataset="sunspots",
    epochs=200,
    batch_size=32,
    validation=0.0,
    optimizer=AdamW(lr=1e-2, weight_decay=1.0, schedule=Cosine(warmup=20), clip=1.0),
    headline="test/loss",
    model={"hidden": 32},
)

LAGS = (4, 8, 16, 32, 64, 128)
USUAL_START = "model.state_init=glorot_uniform"


def by_lag(label: str, experiment: Experiment) -> tuple[Contestant, ...]:
    """Return a contestant for each lag."""
    return tuple(Contestant(label=f"{label}-{lag}", experiment=experiment.set([f"data.lag={lag}"])) for lag in LAGS)


def relative_variance(stretch: str) -> Any:
    """Return the probe that measures the mean squared error of a stretch by the variance of the record 1700-1979."""

    def probe(module: Any, data: Any) -> float:
        x, y = data.tests[stretch]
        # The targets from 1712 on and the first window are the whole record.
        record = np.concatenate([data.train[0][0].ravel(), data.train[-1].ravel(), data.test[-1].ravel()])
        return float(np.mean((module.predict(x) - y) ** 2) / record.var())

    return probe


def draw_lags(figure: Any, values: Any, modules: Any) -> None:
    """Draw the accuracy of each architecture against the lag."""
    draw_accuracy_by_lag(figure, values)


CLAIMS = (
    Claim(
        name="delayed-xor",
        sentence="What was seen four steps ago decides the answer: a recurrent network knows it, one without a memory "
        "guesses",
        contestants=(
            Contestant(label="rnn", experiment=XOR),
            Contestant(label="fnn-without-window", experiment=WITHOUT_MEMORY, control=True),
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
                mark="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="lags",
        sentence="A simple recurrent network with the usual start remembers for tens of steps and no longer; one that "
        "starts with orthogonal weights, or an LSTM whose gates start open, still remembers where it fails",
        profile="full",
        contestants=(
            *by_lag("rnn", XOR.set([USUAL_START])),
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
                mark="as commonly cited",
            ),
        ),
        figures=(
            ClaimFigure(
                name="accuracy_by_lag",
                caption="Accuracy against the lag: beyond 32 steps the simple networks guess, with either start.",
                draw=draw_lags,
            ),
        ),
    ),
    Claim(
        name="sunspots",
        sentence="Yearly sunspot numbers are foretold from the twelve years before, in the hard years 1956-1979, too",
        contestants=(Contestant(label="rnn", experiment=SUNSPOTS),),
        conditions=(Condition(of="rnn", measure="variance_1956_1979", at_most=0.35),),
        measures=("variance_1921_1955",),
        probes={
            "variance_1921_1955": relative_variance("1921-1955"),
            "variance_1956_1979": relative_variance("1956-1979"),
        },
        published=(
            Published(
                value="relative variance 0.086 in 1921-1955, 0.35 in 1956-1979; threshold autoregression 0.097, 0.28",
                source="Weigend, Huberman and Rumelhart (1990), Predicting the future: a connectionist approach",
                url="https://doi.org/10.1142/S0129065790000102",
                mark="as commonly cited",
            ),
        ),
        counter_evidence="Eight units without decay, chosen on random training years, gave 0.391 [0.341, 0.441] in "
        "1956-1979, a verdict of no. The settings were then chosen anew, on 1861-1920 held out in one piece, where a "
        "network without decay gets worse the longer it trains.",
    ),
    Claim(
        name="chorales",
        sentence="The next chord of a chorale by Bach is foretold as well as by the published recurrent network",
        profile="full",
        contestants=(Contestant(label="rnn", experiment=FULL),),
        conditions=(Condition(of="rnn", measure="test/nats_per_step", at_most=8.91),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="8.91 nats per frame",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                mark="read",
            ),
        ),
    ),
)


def resize(config: RNNConfig, factor: float) -> RNNConfig:
    """Return the config with its hidden width times a factor."""
    return config.model_copy(update={"hidden": max(1, round(config.hidden * factor))})
