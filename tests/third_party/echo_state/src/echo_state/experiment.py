"""The reference experiment of the echo state network, and its claim."""

from neuralzoo.registry import AdamW, Candidate, Claim, Condition, Cosine, Experiment

# Radius, leak and ridge were chosen on held-out training examples (seeds 0 and 1).
QUICK = Experiment(
    architecture="esn",
    dataset="mnist1d",
    epochs=1,
    batch_size=100,
    model={"units": 300, "radius": 0.8, "leak": 0.6, "ridge": 1e-7},
)

# The settings with which fnn itself competes on these data.
FEEDFORWARD = Experiment(
    architecture="fnn",
    dataset="mnist1d",
    epochs=150,
    batch_size=100,
    validation=0.0,
    optimizer=AdamW(lr=6e-3, weight_decay=0.1, schedule=Cosine(warmup=50)),
    model={"hidden": [200, 200], "activation": "silu", "dropout": 0.3},
)

CLAIMS = (
    Claim(
        name="echoes",
        sentence="Echoes of a recurrent network that is never trained, read by a linear model, tell shifted shapes "
        "apart better than a trained feed-forward network does",
        candidates=(
            Candidate(label="esn", experiment=QUICK.set(["validation=0.0"])),
            Candidate(label="fnn", experiment=FEEDFORWARD),
        ),
        conditions=(Condition(of="esn", over="fnn", at_least=0.1),),
        seeds=(0, 1, 2),
    ),
)
