"""Derivatives by finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Array
from neuralzoo.core.testing._probes import MOST_ENTRIES, SEED, context, direction, mode
from neuralzoo.core.testing.checks import CheckFailed, require
from neuralzoo.core.testing.inputs import each, first_of

STEP = 1e-6
TOLERANCE = 1e-5


def compare_input_gradient(layer: Layer, x: Any, training: bool, most: int) -> None:
    """Compare the gradient of a layer's input, of the first array of several, with finite differences.

    Raises: CheckFailed at the first difference.
    """
    y, pull = layer(each(np.copy, x), context(layer, training=training))
    dy = direction(y)
    dx = pull(dy.copy())
    compare_with_differences(f"x in {mode(training)}", dx, first_of(x), lambda: _loss(layer, x, dy, training), most)


def compare_parameter_gradients(layer: Layer, x: Any, training: bool, most: int, *, data: bool = False) -> None:
    """Compare the gradients of a layer's parameters with finite differences; x is the data if `data` says so.

    Raises: CheckFailed at the first difference.
    """
    ctx = context(layer, training=training, data=first_of(x) if data else None)
    y, pull = layer(x, ctx)
    dy = direction(y)
    pull(dy.copy())
    for name, parameter in layer.trainable().items():
        what, gradient = f"{name} in {mode(training)}", ctx.grads[parameter]
        compare_with_differences(what, gradient, parameter.value, lambda: _loss(layer, x, dy, training), most)


def compare_with_differences(
    what: str, gradient: Array, at: Array, loss: Callable[[], float], most: int = MOST_ENTRIES
) -> None:
    """Compare a gradient with central differences of `loss`, entry by entry and along a random direction.

    `at` is what `loss` reads; it is moved and put back. Of a large array only `most` entries are looked at, but
    the direction covers all of them.

    Raises: CheckFailed at the first difference.
    """
    require(
        gradient.shape == at.shape,
        f"the gradient of {what} has shape {gradient.shape}; it needs {at.shape}, the shape of {what}",
    )
    rng = np.random.default_rng([SEED, 3])
    entries = np.arange(at.size) if at.size <= most else np.sort(rng.choice(at.size, most, replace=False))
    scale = max(float(np.abs(gradient).max(initial=0)), 1e-2)
    for entry in entries:
        place = tuple(int(i) for i in np.unravel_index(entry, at.shape))
        way = np.zeros_like(at)
        way[place] = 1
        _compare(f"{what} at {place}", float(gradient[place]), _slope(at, way, loss), scale)
    if at.size > most:
        way = rng.standard_normal(at.shape)
        expected = float((gradient * way).sum())
        _compare(f"{what} along a random direction", expected, _slope(at, way, loss), scale * at.size**0.5)


def _loss(layer: Layer, x: Any, dy: Array, training: bool) -> float:
    y, _ = layer(each(np.copy, x), context(training=training))
    return float((y * dy).sum())


def _slope(at: Array, way: Array, loss: Callable[[], float]) -> float:
    start = at.copy()
    at[...] = start + STEP * way
    high = loss()
    at[...] = start - STEP * way
    low = loss()
    at[...] = start
    return (high - low) / (2 * STEP)


def _compare(where: str, claimed: float, measured: float, scale: float) -> None:
    if not abs(claimed - measured) <= TOLERANCE * max(scale, abs(measured)):
        raise CheckFailed(
            f"the pullback's gradient of {where} is {claimed:.6g} and finite differences say {measured:.6g}; "
            f"compare the backward formula with the forward one, term by term"
        )
