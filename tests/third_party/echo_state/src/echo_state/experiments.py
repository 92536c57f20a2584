"""Reference experiment of the echo state network."""

from neuralzoo.registry import Experiment

# Radius, leak and ridge were chosen on held-out training examples (seeds 0 and 1).
QUICK = Experiment(
    architecture="esn",
    dataset="mnist1d",
    epochs=1,
    batch_size=100,
    model={"units": 300, "radius": 0.8, "leak": 0.6, "ridge": 1e-7},
)
