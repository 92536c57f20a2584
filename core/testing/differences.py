"""Derivatives by finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Array
from neuralzoo.core.testing._probes import MOST_ENTRIES, SEED, context, mode, random_cotangent
from neuralzoo.core.testing.checks import CheckFailedError, require
from neuralzoo.core.testing.inputs import each, first_of

STEP = 1e-6
TOLERANCE = 1e-5


def compare_input_gradient(layer: Layer, x: Any, training: bool, most: int) -> None:
    """Compare the gradient of a layer's input, or of the first array of it, with finite differences.

    Raises: CheckFailedError at the first difference.
    """
    y, pull = layer(each(np.copy, x), context(layer, training=training))
    dy = random_cotangent(y)
    dx = pull(dy.copy())
    compare_with_differences(f"x in {mode(training)}", dx, first_of(x), lambda: _loss(layer, x, dy, training), most)


def compare_parameter_gradients(layer: Layer, x: Any, training: bool, most: int, *, leaf: bool = False) -> None:
    """Compare the gradients of a layer's parameters with finite differences; with `leaf`, dL/dx is not needed.

    Raises: CheckFailedError at the first difference.
    """
    ctx = context(layer, training=training, leaf=first_of(x) if leaf else None)
    y, pull = layer(x, ctx)
    dy = random_cotangent(y)
    pull(dy.copy())
    for name, parameter in layer.trainable_parameters().items():
        what, gradient = f"{name} in {mode(training)}", ctx.grads[parameter]
        compare_with_differences(what, gradient, parameter.value, lambda: _loss(layer, x, dy, training), most)


def compare_with_differences(
    what: str, gradient: Array, at: Array, loss: Callable[[], float], most: int = MOST_ENTRIES
) -> None:
    """Compare a gradient with central differences of `loss`, entry by entry and along a random direction.

    `at` is what `loss` reads; it is perturbed and restored. Of a large array only `most` entries are compared, but
    the direction covers all of them.

    Raises: CheckFailedError at the first difference.
    """
    require(
        gradient.shape == at.shape,
        f"the gradient of {what} has shape {gradient.shape}; it needs {at.shape}, the shape of {what}",
    )
    rng = np.random.default_rng([SEED, 3])
    entries = np.arange(at.size) if at.size <= most else np.sort(rng.choice(at.size, most, replace=False))
    scale = max(float(np.abs(gradient).max(initial=0)), 1e-2)
    for entry in entries:
        index = tuple(int(i) for i in np.unravel_index(entry, at.shape))
        direction = np.zeros_like(at)
        direction[index] = 1
        _compare(f"{what} at {index}", float(gradient[index]), _slope(at, direction, loss), scale)
    if at.size > most:
        direction = rng.standard_normal(at.shape)
        expected = float((gradient * direction).sum())
        _compare(f"{what} along a random direction", expected, _slope(at, direction, loss), scale * at.size**0.5)


def _loss(layer: Layer, x: Any, dy: Array, training: bool) -> float:
    y, _ = layer(each(np.copy, x), context(training=training))
    return float((y * dy).sum())


def _slope(at: Array, direction: Array, loss: Callable[[], float]) -> float:
    start = at.copy()
    at[...] = start + STEP * direction
    high = loss()
    at[...] = start - STEP * direction
    low = loss()
    at[...] = start
    return (high - low) / (2 * STEP)


def _compare(where: str, claimed: float, measured: float, scale: float) -> None:
    if not abs(claimed - measured) <= TOLERANCE * max(scale, abs(measured)):
        raise CheckFailedError(
            f"the pullback's gradient of {where} is {claimed:.6g} and finite differences say {measured:.6g}; "
            f"compare the backward formula with the forward one, term by term"
        )
