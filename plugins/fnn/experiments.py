"""Reference experiments of the feed-forward network, and how their settings were chosen."""

from neuralzoo.registry import Adam, AdamW, Cosine, Experiment

# Widths, dropout, learning rate and initialization were chosen on the validation split (seeds 0 to 2).
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

# MNIST-1D: widths, activation, dropout, learning rate, decay and epochs were chosen on 600 held-out training examples
# (seeds 0 to 2).
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
