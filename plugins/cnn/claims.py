"""Claims of the convolutional network, and their evaluators: test accuracy after translations of the images."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuralzoo.core.module import Array
from neuralzoo.core.plots.palette import CONTRAST, HIGHLIGHT, INK, NEUTRAL
from neuralzoo.plugins.cnn.experiments import ARENA, AS_PUBLISHED, FASHION, FULL, PLAIN, POOLED, STRIDED
from neuralzoo.plugins.cnn.network import CNN
from neuralzoo.registry import Candidate, Claim, ClaimFigure, Condition, Published
from neuralzoo.registry.dataset import Dataset

SHIFTS = (0, 1, 2, 3, 4, 5, 6)  # pixels
DIRECTIONS = ((0, 1), (1, 0), (0, -1), (-1, 0))
COLOURS = (HIGHLIGHT, INK, NEUTRAL, CONTRAST)


def translate(images: Array, rows: int, columns: int) -> Array:
    """Return images translated down and to the right, or up and left for negative numbers, with 0 where they were.

    Shapes: images and translated are (N, H, W, C).
    """
    height, width = images.shape[1:3]
    translated = np.zeros_like(images)
    translated[:, max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)] = images[
        :, max(-rows, 0) : height - max(rows, 0), max(-columns, 0) : width - max(columns, 0)
    ]
    return translated


def accuracy_after_shift(pixels: int) -> Callable[[CNN, Dataset], float]:
    """Return the evaluator of the accuracy on test images translated by `pixels`, the mean over four directions."""

    def evaluator(module: CNN, data: Dataset) -> float:
        x, y = data.test
        shifts = [(pixels * i, pixels * j) for i, j in (DIRECTIONS if pixels else DIRECTIONS[:1])]
        return float(np.mean([module.predict(translate(x, *shift)).argmax(axis=-1) == y for shift in shifts]))

    return evaluator


def accuracy_drop(pixels: int) -> Callable[[CNN, Dataset], float]:
    """Return the evaluator of the drop in accuracy when test images are translated by `pixels`."""

    def evaluator(module: CNN, data: Dataset) -> float:
        return accuracy_after_shift(0)(module, data) - accuracy_after_shift(pixels)(module, data)

    return evaluator


def draw_accuracy_by_shift(
    figure: Any, values: Mapping[str, Mapping[str, tuple[float, ...]]], modules: Mapping[str, Callable[[], Any]]
) -> None:
    """Draw the accuracy of each candidate against the shift, with a thin line for each seed."""
    axes = figure.subplots()
    for (label, metrics), colour in zip(values.items(), COLOURS, strict=False):
        curves = np.array([metrics[f"accuracy_after_shift_{pixels}"] for pixels in SHIFTS])  # (shifts, seeds)
        axes.plot(SHIFTS, curves, color=colour, linewidth=0.5, alpha=0.5)
        axes.plot(SHIFTS, curves.mean(axis=1), color=colour, marker="o", markersize=3, label=label)
    axes.set(xlabel="shift of the test images in pixels", ylabel="accuracy", ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


GREYDANUS = "Greydanus and Kobak (2020), Scaling down deep learning with MNIST-1D"

CLAIMS = (
    Claim(
        name="mnist1d",
        sentence="MNIST-1D test accuracy >= 0.94, at least 0.2 above an FNN of equal parameters; with shuffled "
        "positions no better than the FNN",
        candidates=(
            Candidate(label="cnn", experiment=ARENA),
            Candidate(label="fnn", experiment=PLAIN),
            Candidate(label="cnn-shuffled", experiment=ARENA.set(["dataset=mnist1d-shuffled"])),
            Candidate(label="fnn-shuffled", experiment=PLAIN.set(["dataset=mnist1d-shuffled"])),
        ),
        match="parameters",
        conditions=(
            Condition(of="cnn", at_least=0.94),
            Condition(of="cnn", over="fnn", at_least=0.2),
            Condition(of="cnn-shuffled", over="fnn-shuffled", at_most=0.0),
        ),
        published=(
            Published(
                value="CNN 0.94, MLP 0.68; shuffled 0.56 and 0.68",
                source=GREYDANUS,
                url="https://arxiv.org/abs/2011.14439",
                provenance="read",
            ),
        ),
    ),
    # Equal channels, weights, training and sizes of the feature maps: one takes the maximum of 2x2 windows, the other
    # a stride of 2.
    Claim(
        name="shifts",
        sentence="At a shift of 3 pixels, not seen in training, Fashion-MNIST accuracy drops by >= 0.05 less with max "
        "pooling than with strided convolutions",
        candidates=(
            Candidate(label="max-pooling", experiment=POOLED),
            Candidate(label="no-pooling", experiment=STRIDED),
            Candidate(label="average-pooling", experiment=POOLED.set(["model.pooling=average"])),
        ),
        match="parameters",
        conditions=(
            Condition(of="no-pooling", over="max-pooling", metric="accuracy_drop_3", at_least=0.05),
            Condition(of="max-pooling", over="no-pooling", metric="accuracy_after_shift_0", at_least=-0.02),
        ),
        metrics=tuple(f"accuracy_after_shift_{pixels}" for pixels in SHIFTS),
        evaluators={f"accuracy_after_shift_{pixels}": accuracy_after_shift(pixels) for pixels in SHIFTS}
        | {"accuracy_drop_3": accuracy_drop(3)},
        counter_evidence="Pooling makes a network less shift-invariant than is often claimed: Azulay and Weiss (2018), "
        "https://arxiv.org/abs/1805.12177; Zhang (2019), https://arxiv.org/abs/1904.11486.",
        figures=(
            ClaimFigure(
                name="accuracy_by_shift",
                caption="Accuracy against the shift of the test images, with pooling and without.",
                draw=draw_accuracy_by_shift,
            ),
        ),
    ),
    Claim(
        name="mnist",
        sentence="MNIST test error <= 0.95 % with a network of LeNet-5's sizes",
        profile="full",
        candidates=(
            Candidate(label="rectified", experiment=FULL.set(["validation=0"])),
            Candidate(label="as-published", experiment=AS_PUBLISHED.set(["validation=0"])),
        ),
        match="parameters",
        conditions=(Condition(of="rectified", at_least=0.9905),),
        metrics=("test/accuracy",),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="0.95 % error without distortions",
                source="LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document "
                "recognition",
                url="https://doi.org/10.1109/5.726791",
                provenance="quoted",
            ),
        ),
    ),
    Claim(
        name="fashion",
        sentence="Fashion-MNIST test accuracy >= 0.916 with two convolution layers, as in the published benchmark",
        profile="full",
        candidates=(Candidate(label="cnn", experiment=FASHION),),
        conditions=(Condition(of="cnn", at_least=0.916),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="0.916 to 0.925 with two convolutions and pooling",
                source="the benchmark of Fashion-MNIST, Zalando Research",
                url="https://github.com/zalandoresearch/fashion-mnist",
                provenance="read",
            ),
        ),
    ),
)
