"""The reference experiments of the feed-forward network, and its picture."""

from typing import Any

from neuralzoo.plugins.fnn.network import FNN
from neuralzoo.registry import Adam, Cosine, Experiment

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


def draw_first_layer_weights(figure: Any, module: FNN, examples: tuple[Any, ...]) -> None:
    """Draw what the strongest first-layer units look for: red adds, blue takes away."""
    inputs = examples[0][0]
    weights = module.dense[0].weight.value.T  # (units, inputs)
    strongest = (weights**2).sum(axis=1).argsort()[::-1][:32]
    for axes, unit in zip(figure.subplots(4, 8).flat, strongest, strict=False):
        field = weights[unit].reshape(inputs.shape)
        field = field.mean(axis=-1) if field.ndim == 3 else field.reshape(1, -1)
        limit = float(abs(field).max())
        axes.imshow(field, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="equal" if len(field) > 1 else "auto")
    for axes in figure.axes:
        axes.set_axis_off()
