"""Sequences of different lengths: where their padding is, and that it does not matter."""

from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch, inputs_of
from neuralzoo.core.layer import Layer
from neuralzoo.core.learner import Learner
from neuralzoo.core.module import Array
from neuralzoo.core.testing._probes import LayerCase, context, expect_equal, mode, random_cotangent
from neuralzoo.core.testing.checks import NotApplicable, require
from neuralzoo.core.testing.examples import by_step
from neuralzoo.core.testing.inputs import arrays_of, first_of, with_first
from neuralzoo.core.testing.training import ArchitectureCase, learn, predict, predicts

ADVICE = "do not let steps at or after an example's length take part"


def padding_does_not_matter(case: LayerCase) -> None:
    """Padding, the steps beyond the lengths, changes neither outputs nor gradients, and its gradient is zero."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    padding = find_padding(x)
    y = layer.predict(x)
    for training in (True, False):
        compare_paddings(layer, x, padding, training, by_step=y.ndim > 2 and y.shape[:2] == padding.shape)


def find_padding(x: Any) -> Array:
    """Return where an input (array, lengths, ...) has padding.

    Shapes: the array is (N, T, ...), lengths are (N,), the result is (N, T) of bool.
    Raises: NotApplicable when there are no lengths, or there is no padding.
    """
    if len(arrays_of(x)) == 1:
        raise NotApplicable("the input has no lengths, so there is no padding")
    array, lengths = arrays_of(x)[:2]
    if array.ndim < 2 or lengths.ndim != 1:
        raise NotApplicable("the second array does not have one entry for each sequence, so these are no lengths")
    padding: Array = np.arange(array.shape[1]) >= lengths[:, None]
    if not padding.any():
        raise NotApplicable("every example has the maximum length, so there is no padding")
    return padding


def with_other_padding(x: Any, padding: Array) -> Any:
    """Return the input with other values, or other known tokens, in every position of the padding."""
    array = first_of(x).copy()
    if array.dtype.kind == "f":
        array[padding] += 1 + 3 * np.abs(random_cotangent(array[padding], seed=6))
    else:
        low, high = array.min(), array.max()
        array[padding] = np.where(array[padding] == low, high, low)
    return with_first(x, array)


def compare_paddings(layer: Layer, x: Any, padding: Array, training: bool, *, by_step: bool) -> None:
    """Compare what a pass and its pullback give with the padding of x and with another.

    With `by_step` outputs are (N, T, ...): they are compared inside the lengths only, and dL/dy is zero beyond.

    Raises: CheckFailedError when they differ, or the gradient of the padding is not zero.
    """
    needed, got = (
        _inside(layer, what, padding, training, by_step=by_step) for what in (x, with_other_padding(x, padding))
    )
    for name, array in got.items():
        message = f"what stands beyond the lengths changes the {name} in {mode(training)}; {ADVICE}"
        expect_equal(array, needed[name], message, 1e-10)
    if "input gradient" in got:
        require(
            not got["input gradient"][padding].any(),
            f"the input gradient in {mode(training)} is not zero beyond the lengths; {ADVICE}",
        )


def compare_learning(case: ArchitectureCase) -> None:
    """Compare what is predicted, measured and learned from the tiny data with one padding and with another.

    Raises: CheckFailedError when they differ.
    """
    batch = case.data()
    padding = find_padding(batch)
    other = with_other_padding(batch, padding)
    learners = [learn(case, 1, paddings) for paddings in (batch, other)]
    seen = [_seen(case, learners[0], paddings, padding) for paddings in (batch, other)]
    needed, got = (views | _learned(learner) for views, learner in zip(seen, learners, strict=True))
    for name, array in needed.items():
        expect_equal(got[name], array, f"what stands beyond the lengths changes {name}; {ADVICE}", 1e-4)


def _seen(case: ArchitectureCase, learner: Learner, batch: Batch, padding: Array) -> dict[str, Array]:
    """Return the predictions inside the lengths, and the metrics."""
    found: dict[str, Array] = {}
    if predicts(learner.module):
        y = predict(learner.module, inputs_of(batch))
        found["the prediction"] = y[~padding] if by_step(case.task) else y
    return found | {f"the metric {name}": np.array(value) for name, value in learner.evaluate(batch).items()}


def _learned(learner: Learner) -> dict[str, Array]:
    return {f"{name} after a step": array for name, array in learner.state().items()}


def _inside(layer: Layer, x: Any, padding: Array, training: bool, *, by_step: bool) -> dict[str, Array]:
    """Return copies of the output inside the lengths and of its gradients."""
    ctx = context(layer, training=training)
    y, pull = layer(x, ctx)
    output, dy = y.copy(), random_cotangent(y)
    if by_step:
        output[padding] = dy[padding] = 0
    dx = np.array(pull(dy))
    found = {"output": output, "parameter gradients": ctx.grads.vector.copy()}
    return found | {"input gradient": dx} if dx.dtype.kind == "f" else found
