"""The reference experiments of the long short-term memory, and its claims."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuralzoo.core.plots.recurrent import draw_gradients
from neuralzoo.plugins.lstm.config import LSTMConfig
from neuralzoo.registry import Adam, AdamW, Claim, ClaimFigure, Condition, Contestant, Cosine, Experiment, Published

# Widths, dropout, rates and epochs were chosen on held-out training examples, on the source's validation split, or,
# where examples are generated, on those of other seeds.
QUICK = Experiment(
    architecture="lstm",
    dataset="japanese-vowels",
    epochs=50,
    batch_size=16,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20), clip=1.0),
    model={"hidden": 100, "bidirectional": True, "dropout": 0.5},
)

FULL = Experiment(
    architecture="lstm",
    dataset="jsb-chorales",
    epochs=100,
    batch_size=8,
    optimizer=AdamW(lr=3e-3, weight_decay=0.3, schedule=Cosine(warmup=50), clip=1.0),
    headline="test/nats_per_step",
    model={"hidden": 400, "dropout": 0.6},
)

ARENA = Experiment(
    architecture="lstm",
    dataset="mnist1d",
    epochs=40,
    batch_size=100,
    validation=0.0,
    optimizer=Adam(lr=6e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 48, "bidirectional": True},
)

TEXT = Experiment(
    architecture="lstm",
    dataset="three-plays",
    epochs=16,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=4e-3, schedule=Cosine(warmup=50), clip=1.0),
    headline="test/loss",
    model={"hidden": 256, "embedding": 64, "dropout": 0.2, "truncate": 64},
    data={"context": 256},
)

ADDING = Experiment(
    architecture="lstm",
    dataset="adding-200",
    epochs=4,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=1e-2, schedule=Cosine(warmup=50), clip=1.0),
    headline="test/loss",
    model={"hidden": 32, "forget_bias": 3.0},
    data={"train": 50_000},
)

REBER = Experiment(
    architecture="lstm",
    dataset="embedded-reber",
    epochs=1,
    batch_size=2,
    validation=0.0,
    optimizer=Adam(lr=5e-3, schedule=Cosine(), clip=1.0),
    headline="test/nats_per_step",
    model={"hidden": 64, "forget_bias": 4.0},
    data={"train": 4_700},
)


def strings_foretold(module: Any, data: Any) -> float:
    """Return the share of test strings at each symbol of which the strongest outputs are those that may follow."""
    x, lengths, legal = data.tests["legal"]
    y = module.predict((x, lengths))
    weakest_legal = np.where(legal > 0, y, np.inf).min(axis=-1)
    strongest_other = np.where(legal > 0, -np.inf, y).max(axis=-1)
    beyond = np.arange(x.shape[1]) >= lengths[:, None]
    return float(((weakest_legal > strongest_other) | beyond).all(axis=1).mean())


def draw_gradients_by_lag(figure: Any, values: Any, modules: Mapping[str, Callable[[], Any]]) -> None:
    """Draw how much gradient each trained network has left after a number of steps back."""
    rng = np.random.default_rng(0)
    x = np.zeros((32, 200, 2), np.float32)
    x[..., 0] = rng.random((32, 200))
    x[:, [20, 120], 1] = 1
    target = x[:, [20, 120], 0].sum(axis=1, keepdims=True)
    draw_gradients(figure, {label: load() for label, load in modules.items()}, x, target, answer="numbers")


CLAIMS = (
    Claim(
        name="vowels",
        sentence="Nine speakers are told apart by how they say two vowels, from sequences of 7 to 29 measurements",
        contestants=(Contestant(label="lstm", experiment=QUICK.set(["validation=0"])),),
        conditions=(Condition(of="lstm", at_least=0.941),),
        published=(
            Published(
                value="0.941",
                source="Kudo, Toyama and Shimbo (1999), Multidimensional curve classification",
                url="https://doi.org/10.1016/S0167-8655(99)00077-X",
                mark="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="reber",
        sentence="The embedded Reber grammar, where the second symbol decides the last but one, is learnt from fewer "
        "than 4,800 strings, with every seed",
        contestants=(Contestant(label="lstm", experiment=REBER),),
        conditions=(Condition(of="lstm", measure="strings_foretold", at_least=1.0, quorum=10),),
        seeds=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        probes={"strings_foretold": strings_foretold},
        published=(
            Published(
                value="8,440 strings on average",
                source="Hochreiter and Schmidhuber (1997), Long short-term memory",
                url="https://doi.org/10.1162/neco.1997.9.8.1735",
                mark="quoted",
            ),
        ),
    ),
    Claim(
        name="adding",
        sentence="Two marked ones of two hundred numbers are added: the memory cell carries what a simple recurrent "
        "network of equal width has lost, because its gradient does not vanish",
        profile="full",
        contestants=(
            Contestant(label="lstm", experiment=ADDING),
            Contestant(
                label="rnn",
                experiment=ADDING.model_copy(update={"architecture": "rnn", "model": {"hidden": 32}}),
            ),
        ),
        conditions=(
            Condition(of="lstm", measure="test/loss", at_most=0.001, quorum=5),
            Condition(of="rnn", measure="test/loss", at_least=0.15),
        ),
        published=(
            Published(
                value="for 600 steps: LSTM 0.164, RNN 0.177; guessing the mean 0.167",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                mark="read",
            ),
        ),
        figures=(
            ClaimFigure(
                name="gradient_by_lag",
                caption="The gradient of the answer, flowing back: the LSTM's keeps its length, the RNN's is lost.",
                draw=draw_gradients_by_lag,
            ),
        ),
    ),
    Claim(
        name="chorales",
        sentence="The next chord of a chorale by Bach is foretold as well as by the published LSTMs",
        profile="full",
        contestants=(Contestant(label="lstm", experiment=FULL),),
        conditions=(Condition(of="lstm", measure="test/nats_per_step", at_most=8.67),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="8.45 nats per frame",
                source="Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent "
                "networks for sequence modeling",
                url="https://arxiv.org/abs/1803.01271",
                mark="read",
            ),
            Published(
                value="8.67 nats per frame",
                source="Chung, Gulcehre, Cho and Bengio (2014), Empirical evaluation of gated recurrent networks",
                url="https://arxiv.org/abs/1412.3555",
                mark="quoted",
            ),
        ),
    ),
)


def resize(config: LSTMConfig, factor: float) -> LSTMConfig:
    """Return the config with its hidden width times a factor."""
    return config.model_copy(update={"hidden": max(1, round(config.hidden * factor))})
