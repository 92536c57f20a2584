"""Reference experiments of the long short-term memory."""

from neuralzoo.registry import Adam, AdamW, Cosine, Experiment

# Widths, dropout, learning rates and epochs were chosen on held-out training examples, on the source's validation
# split, or, where examples are generated, on those of other seeds.
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
    primary_metric="test/nats_per_step",
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
    dataset="shakespeare-3plays",
    epochs=16,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=4e-3, schedule=Cosine(warmup=50), clip=1.0),
    primary_metric="test/loss",
    model={"hidden": 256, "embedding": 64, "dropout": 0.2, "tbptt_steps": 64},
    data={"context": 256},
)

ADDING = Experiment(
    architecture="lstm",
    dataset="adding-200",
    epochs=4,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=1e-2, schedule=Cosine(warmup=50), clip=1.0),
    primary_metric="test/loss",
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
    primary_metric="test/nats_per_step",
    model={"hidden": 64, "forget_bias": 4.0},
    data={"train": 4_700},
)
