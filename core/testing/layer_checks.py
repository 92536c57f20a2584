"""Conformance checks of layers.

Each check is a function of a `LayerCase`; its name is the name of the check.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neuralzoo.core.layer import Layer, Workspace
from neuralzoo.core.testing._probes import (
    MOST_ENTRIES,
    SEED,
    DirtyWorkspace,
    LayerCase,
    NonlinearProbe,
    Sandwich,
    context,
    expect_equal,
    need_float_input,
    need_parameters,
    outputs_and_gradients,
    random_cotangent,
    require_same_state,
    strided_copy,
)
from neuralzoo.core.testing.checks import Check, NotApplicable, make_checks, require
from neuralzoo.core.testing.conversions import batches_may_be_empty, inputs_of_any_kind_work
from neuralzoo.core.testing.differences import compare_input_gradient, compare_parameter_gradients
from neuralzoo.core.testing.inputs import arrays_of, each, first_of, reversed_rows, rows_of
from neuralzoo.core.testing.numerics import (
    dtype_is_kept,
    every_parameter_matters,
    fresh_parameters_are_float32,
    large_inputs_stay_finite,
)
from neuralzoo.core.testing.padding import padding_does_not_matter
from neuralzoo.core.testing.state import (
    calls_are_stateless,
    copies_are_independent,
    evaluation_is_repeatable,
    randomness_comes_from_the_context,
    state_makes_an_equal_layer,
)

BOTH_MODES = (True, False)


def checks_for_layer(
    make: Callable[[np.random.Generator], Layer],
    x: Any,
    *,
    not_applicable: Mapping[str, str] | None = None,
    most_entries: int = MOST_ENTRIES,
) -> list[Check]:
    """Return the checks of a layer, to call one by one or to pass to `pytest.mark.parametrize` with `ids=str`.

    `make` returns a fresh layer, the same for the same generator; `x` is a small example input, at least two examples,
    away from kinks such as a maximum of equal values. `not_applicable` has a reason for each check that is skipped.
    Gradients of larger arrays are compared at `most_entries` entries.

    A layer that reads `(x, lengths)` is given such a tuple: dL/dx is of the first array, the others have a row of
    integers for each example. The second are lengths, one of them shorter than the longest example; where it means
    something else, `not_applicable` says so of `padding_does_not_matter`.

    Shapes: x is (N, ...), or (N, T, ...) with lengths (N,) from 1 to T; outputs by step are (N, T, D), others (N, ...).
    Raises: ValueError when the input could hide errors: all examples are equal, or of the maximum length; or when the
    arrays of a tuple do not fit together.
    """
    x = each(np.array, x)
    _check_input(x)
    return make_checks(LAYER_CHECKS, LayerCase(make, x, most_entries), not_applicable or {})


def _check_input(x: Any) -> None:
    first, *rest = arrays_of(x)
    examples = len(first)
    for array in rest:
        if len(array) != examples or array.dtype.kind not in "iu":
            raise ValueError(
                f"checks_for_layer got {len(array)} rows of {array.dtype} beside {examples} examples; it needs a row "
                f"of integers for each example"
            )
    if examples > 1 and all((array == array[:1]).all() for array in (first, *rest)):
        raise ValueError(
            f"checks_for_layer got {examples} equal examples; it needs examples that differ: random values"
        )
    if rest and first.ndim > 1 and (rest[0] == first.shape[1]).all():
        raise ValueError(f"checks_for_layer got lengths that are all {first.shape[1]}; it needs a shorter one as well")


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
    y, _ = layer(each(np.copy, x), context(training=False))
    rng = np.random.default_rng([SEED, 4])
    before = NonlinearProbe(first_of(x).shape[-1], rng) if case.differentiable else None
    stack = Sandwich(before, layer, NonlinearProbe(y.shape[-1], rng))
    compare_parameter_gradients(stack, x, True, case.most_entries, leaf=case.differentiable)


def noncontiguous_inputs_work(case: LayerCase) -> None:
    """Non-contiguous, read-only inputs and incoming gradients give the results of contiguous arrays."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    needed = outputs_and_gradients(layer, x)
    ctx = context(layer)
    y, pull = layer(each(strided_copy, x), ctx)
    got = {
        "output": y,
        "input gradient": pull(strided_copy(random_cotangent(y))),
        "parameter gradients": ctx.grads.vector,
    }
    for name, array in got.items():
        if case.differentiable or name != "input gradient":
            message = f"the {name} is another where x and dy are views; do not rely on how their memory is laid out"
            expect_equal(array, needed[name], message, 1e-10)


def inputs_are_left_alone(case: LayerCase) -> None:
    """Neither x nor dy is modified; both may be read-only."""
    for training in BOTH_MODES:
        layer, x = case.layer(), case.input()
        y, pull = layer(x, context(layer, training=training))
        _require_untouched(x, case, "the layer edited its input x; work on a copy or into a new array")
        dy = random_cotangent(y)
        pull(dy)
        expect_equal(dy, random_cotangent(y), "the pullback edited the incoming gradient dy; work on a copy")
        _require_untouched(x, case, "the pullback edited the input x; work on a copy")
        for array in (dy, *arrays_of(x)):
            array.flags.writeable = False
        y, pull = layer(x, context(layer, training=training))
        pull(dy)


def _require_untouched(x: Any, case: LayerCase, message: str) -> None:
    for array, needed in zip(arrays_of(x), arrays_of(case.input()), strict=True):
        expect_equal(array, needed, message)


def passes_are_independent(case: LayerCase) -> None:
    """After two passes, outputs and both pullbacks give what each pass alone gives, in either order."""
    layer, x1 = case.layer(np.float64), case.input(np.float64)
    inputs = (x1, reversed_rows(x1))
    alone = [outputs_and_gradients(layer, x) for x in inputs]
    for order in ((0, 1), (1, 0)):
        contexts = [context(layer) for _ in inputs]
        passes = [layer(x, ctx) for x, ctx in zip(inputs, contexts, strict=True)]
        dx = {index: passes[index][1](random_cotangent(passes[index][0])) for index in order}
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
    x2 = reversed_rows(x1)
    one, two = (outputs_and_gradients(layer, x)["parameter gradients"] for x in (x1, x2))
    ctx = context(layer)
    passes = []
    for x in (x1, x2):
        passes.append(layer(x, replace(ctx, rng=np.random.default_rng(SEED))))
    for y, pull in passes:
        pull(random_cotangent(y))
    expect_equal(
        ctx.grads.vector,
        one + two,
        "two uses of the layer do not add their parameter gradients; use ctx.grads.add, do not assign",
        1e-10,
    )


def examples_are_independent(case: LayerCase) -> None:
    """In evaluation each example alone gives what it gives in a batch, and their order does not matter."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    examples = len(first_of(x))
    if examples < 2:
        raise NotApplicable("the example input is a single example")
    together = layer.predict(x).copy()
    require(
        len(together) == examples,
        f"a batch of {examples} examples gives {len(together)} outputs; the first axis counts examples",
    )
    advice = "do not reduce over or walk along the first axis"
    for i in range(examples):
        message = f"example {i + 1} of {examples} gives another output alone than in a batch; {advice}"
        expect_equal(layer.predict(rows_of(x, slice(i, i + 1))), together[i : i + 1], message, 1e-9)
    message = f"the examples give other outputs when their order is reversed; {advice}"
    expect_equal(layer.predict(reversed_rows(x)), together[::-1], message, 1e-9)


def memory_may_be_reused(case: LayerCase) -> None:
    """Outputs and gradients are the same in reused memory that holds values of an earlier step."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    needed = outputs_and_gradients(layer, x)
    workspace: Workspace = DirtyWorkspace()
    for _ in range(2):
        workspace.reset()
        for name, array in outputs_and_gradients(layer, x, workspace).items():
            if case.differentiable or name != "input gradient":
                message = f"the {name} depends on what ctx.empty held before; set every value of a borrowed array"
                expect_equal(array, needed[name], message, 1e-10)


def gradients_can_be_disabled(case: LayerCase) -> None:
    """Discarded gradients and inputs without a gradient change nothing else; a frozen layer is that of evaluation."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    alone = outputs_and_gradients(layer, x)
    ctx = context(layer, leaf=first_of(x))
    y, pull = layer(x, ctx)
    pull(random_cotangent(y))
    message = "parameter gradients change when dL/dx is not needed; leave out dL/dx only"
    expect_equal(ctx.grads.vector, alone["parameter gradients"], message, 1e-10)
    discarded = outputs_and_gradients(layer, x, collect=False)
    evaluated = outputs_and_gradients(layer, x, training=False) if layer.has_parameters else alone
    before = layer.freeze().state()
    frozen = outputs_and_gradients(layer, x)
    require_same_state(layer, before, "a training pass changed {} although the layer is frozen; use ctx.training")
    if case.differentiable:
        message = "the input gradient changes when {}; use ctx.grads.add, which discards what is not collected"
        expect_equal(
            discarded["input gradient"],
            alone["input gradient"],
            message.format("parameter gradients are not collected"),
            1e-10,
        )
        message = "the input gradient of a frozen layer is not that of evaluation; use ctx.training and ctx.grads.add"
        expect_equal(frozen["input gradient"], evaluated["input gradient"], message, 1e-10)


LAYER_CHECKS: tuple[Callable[[LayerCase], None], ...] = (
    input_gradient_matches_finite_differences,
    parameter_gradients_match_finite_differences,
    gradients_hold_inside_a_stack,
    noncontiguous_inputs_work,
    dtype_is_kept,
    inputs_of_any_kind_work,
    batches_may_be_empty,
    fresh_parameters_are_float32,
    every_parameter_matters,
    large_inputs_stay_finite,
    inputs_are_left_alone,
    passes_are_independent,
    gradients_add_up,
    examples_are_independent,
    padding_does_not_matter,
    state_makes_an_equal_layer,
    copies_are_independent,
    evaluation_is_repeatable,
    calls_are_stateless,
    memory_may_be_reused,
    gradients_can_be_disabled,
    randomness_comes_from_the_context,
)
