"""The constant answer: a network that does clearly worse than it has learned nothing, however green its run is."""

import math
import warnings
from collections.abc import Mapping

import numpy as np

from neuralzoo.core.blocks.supervised import mask_padding
from neuralzoo.core.blocks.targets import IGNORE_INDEX
from neuralzoo.core.module import Array
from neuralzoo.core.task import PER_STEP_TASKS
from neuralzoo.experiments.running.assembly import Assembly

EARLY_STEPS = 100
"""Before this step a network is hardly trained: it is judged by its loss alone, and only beyond EARLY_MARGIN."""
LOSS_MARGIN, EARLY_MARGIN = 1.5, 10.0
"""A loss is clearly worse beyond this factor: that of an untrained network may be several times the constant one."""
STANDARD_ERRORS = 3
"""An accuracy is clearly worse by this many standard errors of the constant answer's."""
CROSS_ENTROPY, SQUARED_ERROR = "cross-entropy", "mean squared error"


class WorseThanConstantWarning(UserWarning):
    """A run has ended with metrics that are clearly worse than those of a constant answer."""


def constant_answer(a: Assembly) -> dict[str, float]:
    """Return the metrics on the test split of the best constant answer to the training targets, where it is known.

    Classes: the most frequent one and the frequencies (accuracy, cross-entropy, with one example of each class added).
    Continuous targets, reconstruction included: their mean (squared error).
    """
    if a.data.task.kind == "generation":
        return {}
    train, test = (_targets(a, arrays) for arrays in (a.train.arrays, a.test.arrays))
    loss = a.learner.metric_info.get("loss")
    quantity = loss.quantity if loss is not None else ""
    if a.data.task.target == "class":
        train, test = train[train != IGNORE_INDEX], test[test != IGNORE_INDEX]
        counts = np.bincount(train, minlength=a.data.task.outputs)
        likelihood = (counts + 1) / (counts.sum() + len(counts))
        found = {"accuracy": float(np.mean(test == counts.argmax()))}
        return found | ({"loss": -float(np.log(likelihood)[test].mean())} if quantity == CROSS_ENTROPY else {})
    if a.data.task.target != "continuous":
        return {}
    error = float(np.mean(np.square(test - train.mean(axis=0)), dtype=np.float64))
    found = {"mean_squared_error": error, "sse_per_example": error * test[0].size}
    return found | ({"loss": error} if quantity == SQUARED_ERROR else {})


def worse_than_constant(a: Assembly, metrics: Mapping[str, float], steps: int) -> dict[str, float]:
    """Return what the constant answer has for each test metric that is clearly worse after so many training steps.

    There is none where the accuracy is clearly better: an overfitted classifier may be right, and far too sure.
    Metrics that are not finite have a warning of their own.
    """
    constant = {f"test/{name}": value for name, value in constant_answer(a).items()}
    judged = {name: value for name, value in constant.items() if math.isfinite(metrics.get(name, math.nan))}
    accuracy = judged.pop("test/accuracy", None)
    margin = LOSS_MARGIN if steps >= EARLY_STEPS else EARLY_MARGIN
    worse = {name: value for name, value in judged.items() if value > 0 and metrics[name] > margin * value}
    if accuracy is not None:
        n = np.count_nonzero(_targets(a, a.test.arrays) != IGNORE_INDEX)
        difference = metrics["test/accuracy"] - accuracy
        clear = STANDARD_ERRORS * math.sqrt(accuracy * (1 - accuracy) / n)
        if difference > clear:
            return {}
        if difference < -clear and steps >= EARLY_STEPS:
            worse["test/accuracy"] = accuracy
    return worse


def warn_if_worse_than_constant(a: Assembly, metrics: Mapping[str, float], steps: int) -> dict[str, float]:
    """Warn of metrics that are clearly worse than those of the constant answer, and return the latter."""
    if worse := worse_than_constant(a, metrics, steps):
        text = " and ".join(f"{name} {metrics[name]:.4g} (against {each:.4g})" for name, each in worse.items())
        answer = "most frequent class" if a.data.task.target == "class" else "mean"
        warnings.warn(
            f"the network has {text}, which is worse than always answering the {answer} of the training targets; "
            "it needs another learning rate, or more epochs",
            WorseThanConstantWarning,
            stacklevel=2,
        )
    return worse


def _targets(a: Assembly, arrays: tuple[Array, ...]) -> Array:
    """Return the targets of a split, padding masked."""
    return (mask_padding(arrays) if a.data.task.kind in PER_STEP_TASKS else arrays)[-1]
