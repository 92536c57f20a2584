"""Claims about the radial basis function network."""

from typing import Any

import numpy as np

from neuralzoo.plugins.rbfn.experiments import FEED_FORWARD, FULL, SERIES, SPIRALS
from neuralzoo.registry import Adam, Candidate, Claim, Condition, Published

DISTANCE_RADII = 100.0  # of the inputs from the mean of the data
DIRECTIONS = 50


def nrmse(module: Any, data: Any) -> float:
    """Return the normalised root mean squared error: the RMSE on the test examples over their standard deviation."""
    x, t = data.test
    return float(np.sqrt(np.mean(np.square(module.predict(x) - t)))) / float(t.std())


def train_accuracy(module: Any, data: Any) -> float:
    """Return the accuracy on the training examples."""
    x, y = data.train
    return float((module.predict(x).argmax(axis=-1) == y).mean())


def distance_from_bias(module: Any, data: Any) -> float:
    """Return the largest distance of predictions from the output bias, for inputs at a hundred radii of the data.

    In standard deviations of the training targets. The bias is the last of the parameters, as in an fnn.
    """
    x, t = data.train
    rows = x.reshape(len(x), -1)
    mean = rows.mean(axis=0)
    radius = float(np.linalg.norm(rows - mean, axis=1).max())
    directions = np.random.default_rng(0).standard_normal((DIRECTIONS, rows.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    outside = (mean + DISTANCE_RADII * radius * directions).astype(x.dtype).reshape(DIRECTIONS, *x.shape[1:])
    bias = list(module.named_parameters().values())[-1].value
    return float(np.abs(module.predict(outside) - bias).max()) / float(t.std())


JANG = Published(
    value="normalised error: back-propagation 0.02, ANFIS 0.007",
    source="Jang (1993), ANFIS: adaptive-network-based fuzzy inference system",
    url="https://doi.org/10.1109/21.256541",
    provenance="as commonly cited",
)

CLAIMS = (
    Claim(
        name="mackey-glass",
        sentence="Mackey-Glass t+6 NRMSE <= 0.02",
        candidates=(Candidate(label="rbfn", experiment=SERIES),),
        conditions=(Condition(of="rbfn", metric="nrmse", at_most=0.02),),
        evaluators={"nrmse": nrmse},
        published=(JANG,),
    ),
    Claim(
        name="fast",
        sentence="Mackey-Glass t+6: NRMSE at most that of a feed-forward network of equal parameters, and at least 20 "
        "times faster training",
        candidates=(
            Candidate(label="rbfn", experiment=SERIES),
            Candidate(label="fnn", experiment=FEED_FORWARD),
        ),
        match="parameters",
        conditions=(
            Condition(of="rbfn", over="fnn", metric="nrmse", at_most=0.0),
            Condition(of="fnn", over="rbfn", ratio=True, metric="time/train_s", at_least=20.0),
        ),
        evaluators={"nrmse": nrmse},
        published=(JANG,),
        counter_evidence="With inputs and targets standardised, which radial units do not need, the feed-forward "
        "network came close: NRMSE 0.0102 and 0.0135 on two sets of held-out training examples, with radial units "
        "0.0095 and 0.0101 (seed 0).",
    ),
    Claim(
        name="two-spirals",
        sentence="Two spirals: fits all 194 points, which logistic regression does not",
        candidates=(
            Candidate(label="rbfn", experiment=SPIRALS),
            Candidate(
                label="logistic",
                experiment=SPIRALS.model_copy(
                    update={"architecture": "fnn", "model": {"hidden": []}, "epochs": 500, "optimizer": Adam(lr=5e-3)}
                ),
                control=True,
            ),
        ),
        conditions=(
            Condition(of="rbfn", metric="train_accuracy", at_least=1.0),
            Condition(of="logistic", metric="train_accuracy", at_least=0.4),
            Condition(of="logistic", metric="train_accuracy", at_most=0.6),
        ),
        metrics=("test/accuracy",),  # between the points
        evaluators={"train_accuracy": train_accuracy},
        published=(
            Published(
                value="solved by back-propagation with short-cut connections, about 20,000 epochs",
                source="Lang and Witbrock (1988), Learning to tell two spirals apart",
                provenance="as commonly cited",
            ),
        ),
    ),
    Claim(
        name="fall-back",
        sentence="Extrapolation: far outside the data a network of Gaussian units predicts its bias; multiquadric "
        "units and a feed-forward network do not",
        candidates=(
            Candidate(label="rbfn", experiment=SERIES),
            Candidate(label="multiquadric", experiment=SERIES.set(["model.basis=multiquadric"]), control=True),
            Candidate(label="fnn", experiment=FEED_FORWARD.set(["epochs=50"]), control=True),
        ),
        conditions=(
            Condition(of="rbfn", metric="distance_from_bias", at_most=1e-6),
            Condition(of="multiquadric", metric="distance_from_bias", at_least=1.0),
            Condition(of="fnn", metric="distance_from_bias", at_least=1.0),
        ),
        evaluators={"distance_from_bias": distance_from_bias},
    ),
    Claim(
        name="mnist",
        sentence="MNIST test error <= 3.6 % with 1,000 radial units",
        profile="full",
        candidates=(Candidate(label="rbfn", experiment=FULL.set(["validation=0"])),),
        conditions=(Condition(of="rbfn", at_least=0.964),),
        seeds=(0, 1, 2),
        published=(
            Published(
                value="3.6 % error with 1,000 radial units, 100 for each class, and a linear classifier",
                source="LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document "
                "recognition",
                url="https://doi.org/10.1109/5.726791",
                provenance="quoted",
            ),
        ),
    ),
)
