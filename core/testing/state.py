"""Checks that parameters are the only state of a layer: nothing else is kept, and nothing else decides the output."""

import numpy as np

from neuralzoo.core.testing._probes import (
    LayerCase,
    attributes,
    context,
    expect_equal,
    mode,
    random_cotangent,
    require_same_state,
)
from neuralzoo.core.testing.checks import require

BOTH_MODES = (True, False)


def state_makes_an_equal_layer(case: LayerCase) -> None:
    """A fresh layer that is given the state gives the same output."""
    layer, fresh = case.layer(), case.layer(seed=1)
    x = case.input()
    layer(x, context(layer))
    fresh.load_state(layer.state())
    expect_equal(
        fresh.predict(x),
        layer.predict(x),
        "a fresh layer with the same state gives another output; keep everything that decides the output in a "
        "Parameter (trainable=False for what is not learned) or in the constructor's arguments",
    )


def copies_are_independent(case: LayerCase) -> None:
    """A copy gives the same output, also after the original changes."""
    layer, x = case.layer(), case.input()
    layer.pack()
    copy = layer.copy()
    before = layer.predict(x)
    message = "a copy of the layer {}; remove __deepcopy__, or copy parameters there"
    expect_equal(copy.predict(x), before, message.format("gives another output"))
    for parameter in layer.named_parameters().values():
        parameter.value += 1
    expect_equal(copy.predict(x), before, message.format("changes with the original"))


def evaluation_is_repeatable(case: LayerCase) -> None:
    """In evaluation the same input gives the same output, without a generator, and parameters stay."""
    layer, x = case.layer(), case.input()
    layer(x, context(layer))
    before = layer.state()
    first = layer.predict(x)
    expect_equal(layer.predict(x), first, "evaluation gives another output the second time; draw in training only")
    require_same_state(layer, before, "evaluation changed {}; change running values in training only")


def calls_are_stateless(case: LayerCase) -> None:
    """A pass and its pullback change no attribute of the layer and no trainable parameter."""
    for training in BOTH_MODES:
        layer, x = case.layer(), case.input()
        before, weights = attributes(layer), layer.state()
        y, pull = layer(x, context(layer, training=training))
        pull(random_cotangent(y))
        after = attributes(layer)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        require(
            not changed,
            f"a call in {mode(training)} set {', '.join(changed)} on the layer; keep it in the pullback's closure",
        )
        trainable = layer.trainable_parameters().keys()
        require_same_state(
            layer, {n: weights[n] for n in trainable}, "a call changed {}; only optimizers change weights"
        )


def randomness_comes_from_the_context(case: LayerCase) -> None:
    """Equal generators give equal outputs, and NumPy's global generator is not used."""
    layer, x = case.layer(), case.input()
    before = repr(np.random.get_state())  # noqa: NPY002 - the global generator is what is watched
    first, second = (layer(x, context(layer))[0] for _ in range(2))
    expect_equal(second, first, "two passes with equal generators differ; draw from ctx.random only")
    after = repr(np.random.get_state())  # noqa: NPY002
    require(before == after, "the layer drew from NumPy's global generator; draw from ctx.random only")
