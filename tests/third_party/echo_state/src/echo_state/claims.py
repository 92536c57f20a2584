"""Claims of the echo state network."""

from neuralzoo.registry import AdamW, Candidate, Claim, Condition, Cosine, Experiment

from echo_state.experiments import QUICK

# The settings of fnn's own experiment on this dataset.
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
        sentence="MNIST-1D: ridge regression on a fixed random recurrent network has an accuracy at least 0.1 above "
        "that of a trained feed-forward network",
        candidates=(
            Candidate(label="esn", experiment=QUICK.set(["validation=0.0"])),
            Candidate(label="fnn", experiment=FEEDFORWARD),
        ),
        conditions=(Condition(of="esn", over="fnn", at_least=0.1),),
        seeds=(0, 1, 2),
    ),
)
