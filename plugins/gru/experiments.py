"""Reference experiments of the gated recurrent unit."""

from neuralzoo.registry import Adam, AdamW, Cosine, Experiment

# Widths, dropout, learning rates and epochs were chosen on held-out training examples, or on the source's validation
# split.
QUICK = Experiment(
    architecture="gru",
    dataset="japanese-vowels",
    epochs=50,
    batch_size=16,
    optimizer=Adam(lr=3e-3, schedule=Cosine(warmup=20), clip=1.0),
    model={"hidden": 100, "bidirectional": True, "dropout": 0.5},
)

FULL = Experiment(
    architecture="gru",
    dataset="jsb-chorales",
    epochs=100,
    batch_size=8,
    optimizer=AdamW(lr=3e-3, weight_decay=0.3, schedule=Cosine(warmup=50), clip=1.0),
    primary_metric="test/nats_per_step",
    model={"hidden": 400, "dropout": 0.6},
)

ARENA = Experiment(
    architecture="gru",
    dataset="mnist1d",
    epochs=40,
    batch_size=100,
    validation=0.0,
    optimizer=Adam(lr=6e-3, schedule=Cosine(warmup=50), clip=1.0),
    model={"hidden": 48, "bidirectional": True},
)

TEXT = Experiment(
    architecture="gru",
    dataset="shakespeare-3plays",
    epochs=16,
    batch_size=32,
    validation=0.0,
    optimizer=Adam(lr=4e-3, schedule=Cosine(warmup=50), clip=1.0),
    primary_metric="test/loss",
    model={"hidden": 256, "embedding": 64, "dropout": 0.2, "tbptt_steps": 64},
    data={"context": 256},
)
