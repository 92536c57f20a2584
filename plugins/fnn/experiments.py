"""The reference experiments of the feed-forward network, its claims, and its picture."""

from typing import Any

from neuralzoo.plugins.fnn.config import FNNConfig
from neuralzoo.plugins.fnn.network import FNN
from neuralzoo.registry import Adam, AdamW, Claim, Condition, Contestant, Cosine, Experiment, Published

# Widths, dropout, rate and start were chosen on the validation split (seeds 0 to 2).
QUICK = Experiment(
    architecture="fnn",
    dataset="fashion-mnist-5k",
    epochs=40,
    batch_size=64,
    optimizer=Adam(lr=2e-3, schedule=Cosine(warmup=70)),
    model={"hidden": [512, 256], "dropout": 0.4, "input_dropout": 0.1, "init": "lecun_normal"},
)

# Error without augmentation: 1.6 % is the usual figure for one layer of 800 units and cross-entropy.
FULL = Experiment(
    architecture="fnn",
    dataset="mnist",
    epochs=40,
    batch_size=128,
    validation=1 / 12,
    optimizer=Adam(lr=1e-3, schedule=Cosine(warmup=400)),
    model={"hidden": [800, 800], "dropout": 0.5, "input_dropout": 0.2, "init": "lecun_normal"},
)


# MNIST-1D: widths, activation, dropout, rate, decay and epochs were chosen on 600 held-out training examples (seeds 0
# to 2).
ARENA = Experiment(
    architecture="fnn",
    dataset="mnist1d",
    epochs=150,
    batch_size=100,
    validation=0.0,
    optimizer=AdamW(lr=6e-3, weight_decay=0.1, schedule=Cosine(warmup=50)),
    model={"hidden": [200, 200], "activation": "silu", "dropout": 0.3},
)

SPIRALS = Experiment(
    architecture="fnn",
    dataset="two-spirals",
    epochs=1500,
    batch_size=194,
    validation=0.0,
    optimizer=Adam(lr=5e-3),
    model={"hidden": [64, 64], "activation": "tanh"},
)

FASHION = Experiment(
    architecture="fnn",
    dataset="fashion-mnist",
    epochs=30,
    batch_size=128,
    validation=0.0,
    optimizer=Adam(lr=1e-3, schedule=Cosine(warmup=400)),
    model={"hidden": [256, 128, 100], "dropout": 0.2},
)


def share_of_training_points(module: FNN, data: Any) -> float:
    """Return the share of the training examples that are classified rightly, in evaluation mode."""
    x, y = data.train
    return float((module.predict(x).argmax(axis=-1) == y).mean())


CLAIMS = (
    Claim(
        name="nonlinearity",
        sentence="Hidden layers with a non-linearity learn what a linear model cannot; the activation is what does it",
        contestants=(
            Contestant(label="fnn", experiment=ARENA),
            Contestant(label="identity", experiment=ARENA.set(["model.activation=identity"])),
            # The decay of the deep network would hold a linear model back.
            Contestant(
                label="logistic",
                experiment=ARENA.set(["model.hidden=[]", "optimizer.weight_decay=0.01"]),
                control=True,
            ),
        ),
        match="parameters",
        conditions=(
            Condition(of="fnn", at_least=0.68),
            Condition(of="fnn", over="identity", at_least=0.3),
            Condition(of="identity", at_least=0.29),
            Condition(of="identity", at_most=0.35),
            Condition(of="logistic", at_least=0.29),
            Condition(of="logistic", at_most=0.35),
        ),
        published=(
            Published(
                value="MLP 0.68, logistic regression 0.32",
                source="Greydanus and Kobak (2020), Scaling down deep learning with MNIST-1D",
                url="https://arxiv.org/abs/2011.14439",
                mark="read",
            ),
        ),
        counter_evidence="Two layers of 800 rectifiers with a decay of 1, chosen first, gave 0.687 [0.680, 0.695] on "
        "the test split, a verdict of partly, and the logistic control, held back by that decay, 0.291. The settings "
        "were then chosen anew, on held-out training examples, and the control freed of the decay.",
    ),
    Claim(
        name="two-spirals",
        sentence="Two intertwined spirals, which no line divides, are told apart on every one of their 194 points",
        contestants=(
            Contestant(label="fnn", experiment=SPIRALS),
            Contestant(label="logistic", experiment=SPIRALS.set(["model.hidden=[]", "epochs=500"]), control=True),
        ),
        conditions=(
            Condition(of="fnn", measure="points", at_least=1.0),
            Condition(of="logistic", measure="points", at_least=0.4),
            Condition(of="logistic", measure="points", at_most=0.6),
        ),
        probes={"points": share_of_training_points},
        published=(
            Published(
                value="solved by back-propagation with short-cut connections, about 20,000 epochs",
                source="Lang and Witbrock (1988), Learning to tell two spirals apart",
                mark="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="mnist",
        sentence="Handwritten digits are read with at most 1.6 % errors without knowing that they are images",
        profile="full",
        contestants=(Contestant(label="fnn", experiment=FULL),),
        conditions=(Condition(of="fnn", at_least=0.984),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="1.6 % error with 800 hidden units and cross-entropy, 4.7 % with 300 hidden units",
                source="Simard, Steinkraus and Platt (2003); LeCun et al. (1998)",
                mark="quoted",
            ),
        ),
    ),
    Claim(
        name="fashion",
        sentence="Pictures of clothes are told apart as well as by the published network of the same three widths",
        profile="full",
        contestants=(Contestant(label="fnn", experiment=FASHION),),
        conditions=(Condition(of="fnn", at_least=0.8833),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="0.8833 with hidden layers of 256, 128 and 100",
                source="the benchmark of Fashion-MNIST, Zalando Research",
                url="https://github.com/zalandoresearch/fashion-mnist",
                mark="read",
            ),
        ),
    ),
)


def resize(config: FNNConfig, factor: float) -> FNNConfig:
    """Return the config with its hidden widths times a factor."""
    return config.model_copy(update={"hidden": tuple(max(1, round(width * factor)) for width in config.hidden)})


def draw_first_layer_weights(figure: Any, module: FNN, data: Any) -> None:
    """Draw what the strongest first-layer units look for: red adds, blue takes away."""
    inputs = data.test[0][0]
    weights = module.dense[0].weight.value.T  # (units, inputs)
    strongest = (weights**2).sum(axis=1).argsort()[::-1][:32]
    for axes, unit in zip(figure.subplots(4, 8).flat, strongest, strict=False):
        field = weights[unit].reshape(inputs.shape)
        field = field.mean(axis=-1) if field.ndim == 3 else field.reshape(1, -1)
        limit = float(abs(field).max())
        axes.imshow(field, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="equal" if len(field) > 1 else "auto")
    for axes in figure.axes:
        axes.set_axis_off()
