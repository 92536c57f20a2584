"""The checks that every layer passes.

Each check is a function of a `LayerCase`; its name is the name of the check.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from neuralzoo.core.layer import Layer, Workspace
from neuralzoo.core.module import Array
from neuralzoo.core.testing.check import Check, NotApplicable, make_checks, require
from neuralzoo.core.testing.differences import compare_input_gradient, compare_parameter_gradients
from neuralzoo.core.testing.instruments import (
    MOST_ENTRIES,
    SEED,
    Bend,
    Between,
    DirtyWorkspace,
    LayerCase,
    attributes,
    context,
    direction,
    everything,
    expect_equal,
    mode,
    need_float_input,
    need_parameters,
    require_same_state,
    spread,
)
from neuralzoo.core.testing.numbers import (
    dtype_is_kept,
    every_parameter_matters,
    fresh_parameters_are_float32,
    large_inputs_stay_finite,
)

BOTH_MODES = (True, False)


def checks_for_layer(
    make: Callable[[np.random.Generator], Layer],
    x: Array,
    *,
    not_applicable: Mapping[str, str] | None = None,
    most_entries: int = MOST_ENTRIES,
) -> list[Check]:
    """Return the checks of a layer, to call one by one or to hand to `pytest.mark.parametrize` with `ids=str`.

    `make` returns a fresh layer, the same for the same generator; `x` is a small example input, at least two examples,
    away from kinks such as a maximum of equal values. `not_applicable` has a reason for each check that is left out.
    Gradients of larger arrays are compared at `most_entries` places.

    Raises: ValueError when all examples in x are equal: what mixes them would not show.
    """
    if len(x) > 1 and (x == x[:1]).all():
        raise ValueError(f"checks_for_layer got {len(x)} equal examples; it needs examples that differ: random numbers")
    return make_checks(LAYER_CHECKS, LayerCase(make, np.array(x), most_entries), not_applicable or {})


def input_gradient_matches_finite_differences(case: LayerCase) -> None:
    """The pullback returns dL/dx, in training and in evaluation."""
    need_float_input(case)
    for training in BOTH_MODES:
        compare_input_gradient(case.layer(np.float64), case.input(np.float64), training, case.most_entries)


def parameter_gradients_match_finite_differences(case: LayerCase) -> None:
    """The pullback adds dL/dw of every trainable parameter w, in training and in evaluation."""
    for training in BOTH_MODES:
        layer, x = case.layer(np.float64), case.input(np.float64)
        need_parameters(layer)
        compare_parameter_gradients(layer, x, training, case.most_entries)


def gradients_hold_inside_a_stack(case: LayerCase) -> None:
    """Between two other layers, which have parameters of their own, all gradients are right."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    y, _ = layer(x.copy(), context(training=False))
    rng = np.random.default_rng([SEED, 4])
    before = Bend(x.shape[-1], rng) if case.differentiable else None
    stack = Between(before, layer, Bend(y.shape[-1], rng))
    compare_parameter_gradients(stack, x, True, case.most_entries, data=case.differentiable)


def views_serve_like_arrays(case: LayerCase) -> None:
    """Inputs and incoming gradients that are views with gaps, read-only, give what plain arrays give."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    needed = everything(layer, x)
    ctx = context(layer)
    y, pull = layer(spread(x), ctx)
    got = {"output": y, "input gradient": pull(spread(direction(y))), "parameter gradients": ctx.grads.vector}
    for name, array in got.items():
        if case.differentiable or name != "input gradient":
            message = f"the {name} is another where x and dy are views; do not rely on how their memory is laid out"
            expect_equal(array, needed[name], message, 1e-10)


def inputs_are_left_alone(case: LayerCase) -> None:
    """Neither x nor dy is edited; both may be read-only."""
    for training in BOTH_MODES:
        layer, x = case.layer(), case.input()
        y, pull = layer(x, context(layer, training=training))
        expect_equal(x, case.input(), "the layer edited its input x; work on a copy or into a new array")
        dy = direction(y)
        pull(dy)
        expect_equal(dy, direction(y), "the pullback edited the incoming gradient dy; work on a copy")
        expect_equal(x, case.input(), "the pullback edited the input x; work on a copy")
        x.flags.writeable = dy.flags.writeable = False
        y, pull = layer(x, context(layer, training=training))
        pull(dy)


def two_passes_keep_apart(case: LayerCase) -> None:
    """After two passes, outputs and both pullbacks are what each pass alone gives, in either order."""
    layer, x1 = case.layer(np.float64), case.input(np.float64)
    inputs = (x1, x1[::-1].copy())
    alone = [everything(layer, x) for x in inputs]
    for order in ((0, 1), (1, 0)):
        contexts = [context(layer) for _ in inputs]
        passes = [layer(x, ctx) for x, ctx in zip(inputs, contexts, strict=True)]
        dx = {index: passes[index][1](direction(passes[index][0])) for index in order}
        for index, needed in enumerate(alone):
            got = {"output": passes[index][0], "parameter gradients": contexts[index].grads.vector}
            got |= {"input gradient": dx[index]} if case.differentiable else {}
            for name, array in got.items():
                message = (
                    f"after two passes the {name} of pass {index + 1} is another than alone; keep what the pullback "
                    f"needs in its closure, not on the layer, and write into new arrays"
                )
                expect_equal(array, needed[name], message, 1e-10)


def gradients_add_up(case: LayerCase) -> None:
    """A layer that is used twice adds both parameter gradients."""
    layer, x1 = case.layer(np.float64), case.input(np.float64)
    need_parameters(layer)
    x2 = x1[::-1].copy()
    one, two = (everything(layer, x)["parameter gradients"] for x in (x1, x2))
    ctx = context(layer)
    passes = []
    for x in (x1, x2):
        passes.append(layer(x, replace(ctx, rng=np.random.default_rng(SEED))))
    for y, pull in passes:
        pull(direction(y))
    expect_equal(
        ctx.grads.vector,
        one + two,
        "two uses of the layer do not add their parameter gradients; use ctx.grads.add, do not assign",
        1e-10,
    )


def examples_do_not_mix(case: LayerCase) -> None:
    """In evaluation each example alone gives what it gives in a batch, and their order does not matter."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    if len(x) < 2:
        raise NotApplicable("the example input is a single example")
    together = layer.predict(x).copy()
    require(
        len(together) == len(x),
        f"a batch of {len(x)} examples gives {len(together)} outputs; the first axis counts examples",
    )
    advice = "do not reduce over or walk along the first axis"
    for i in range(len(x)):
        message = f"example {i + 1} of {len(x)} gives another output alone than in a batch; {advice}"
        expect_equal(layer.predict(x[i : i + 1].copy()), together[i : i + 1], message, 1e-9)
    message = f"the examples give other outputs when their order is reversed; {advice}"
    expect_equal(layer.predict(x[::-1].copy()), together[::-1], message, 1e-9)


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
    """A copy gives the same output, and goes on giving it when the original changes."""
    layer, x = case.layer(), case.input()
    layer.pack()
    copy = layer.copy()
    before = layer.predict(x)
    message = "a copy of the layer {}; give __deepcopy__ up, or copy parameters there"
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


def calls_leave_nothing_behind(case: LayerCase) -> None:
    """A pass and its pullback change no attribute of the layer and no trainable parameter."""
    for training in BOTH_MODES:
        layer, x = case.layer(), case.input()
        before, weights = attributes(layer), layer.state()
        y, pull = layer(x, context(layer, training=training))
        pull(direction(y))
        after = attributes(layer)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        require(
            not changed,
            f"a call in {mode(training)} set {', '.join(changed)} on the layer; keep it in the pullback's closure",
        )
        trainable = layer.trainable().keys()
        require_same_state(
            layer, {n: weights[n] for n in trainable}, "a call changed {}; only optimizers change weights"
        )


def memory_may_be_reused(case: LayerCase) -> None:
    """Outputs and gradients are the same in borrowed memory that holds what an earlier step left."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    needed = everything(layer, x)
    workspace: Workspace = DirtyWorkspace()
    for _ in range(2):
        workspace.reset()
        for name, array in everything(layer, x, workspace).items():
            if case.differentiable or name != "input gradient":
                message = f"the {name} depends on what ctx.empty held before; set every value of a borrowed array"
                expect_equal(array, needed[name], message, 1e-10)


def gradients_may_be_unwanted(case: LayerCase) -> None:
    """Frozen parameters, gradients that nobody collects and data without a gradient change nothing else."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    alone = everything(layer, x)
    ctx = context(layer, data=x)
    y, pull = layer(x, ctx)
    pull(direction(y))
    message = "parameter gradients change when x is the data that needs no gradient; leave out dL/dx only"
    expect_equal(ctx.grads.vector, alone["parameter gradients"], message, 1e-10)
    unwanted = everything(layer, x, collect=False)
    for parameter in layer.named_parameters().values():
        parameter.trainable = False
    frozen = everything(layer, x)
    if case.differentiable:
        message = "the input gradient changes when {}; use ctx.grads.add, which drops what is not wanted"
        expect_equal(
            unwanted["input gradient"],
            alone["input gradient"],
            message.format("parameter gradients are not wanted"),
            1e-10,
        )
        expect_equal(frozen["input gradient"], alone["input gradient"], message.format("parameters are frozen"), 1e-10)


def randomness_comes_from_the_context(case: LayerCase) -> None:
    """Equal generators give equal outputs, and NumPy's global generator is not used."""
    layer, x = case.layer(), case.input()
    before = repr(np.random.get_state())  # noqa: NPY002 - the global generator is what is watched
    first, second = (layer(x, context(layer))[0] for _ in range(2))
    expect_equal(second, first, "two passes with equal generators differ; draw from ctx.random only")
    after = repr(np.random.get_state())  # noqa: NPY002
    require(before == after, "the layer drew from NumPy's global generator; draw from ctx.random only")


LAYER_CHECKS: tuple[Callable[[LayerCase], None], ...] = (
    input_gradient_matches_finite_differences,
    parameter_gradients_match_finite_differences,
    gradients_hold_inside_a_stack,
    views_serve_like_arrays,
    dtype_is_kept,
    fresh_parameters_are_float32,
    every_parameter_matters,
    large_inputs_stay_finite,
    inputs_are_left_alone,
    two_passes_keep_apart,
    gradients_add_up,
    examples_do_not_mix,
    state_makes_an_equal_layer,
    copies_are_independent,
    evaluation_is_repeatable,
    calls_leave_nothing_behind,
    memory_may_be_reused,
    gradients_may_be_unwanted,
    randomness_comes_from_the_context,
)
