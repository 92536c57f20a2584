"""Reference experiments of the simple recurrent network."""

from neuralzoo.registry import Adam, AdamW, Cosine, Experiment

# Widths, dropout, learning rates and epochs were chosen on held-out training examples, or on the source's validation
# split.
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
    primary_metric="test/nats_per_step",
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

LAST_STEP_ONLY = Experiment(
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
    primary_metric="test/loss",
    model={"hidden": 32},
)
