"""Checks that what comes in is converted at the door: any kind of numbers, and batches without examples."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from neuralzoo.core.batches import Batch, inputs_of
from neuralzoo.core.module import Array, Module
from neuralzoo.core.testing._probes import LayerCase, context, expect_equal, mode, random_cotangent
from neuralzoo.core.testing.checks import CheckFailedError, require
from neuralzoo.core.testing.inputs import each, first_of, rows_of, with_first
from neuralzoo.core.testing.training import ArchitectureCase, differing, learn, predict, predicts

BOTH_MODES = (True, False)
ADVICE = "compute with x as the layer's __call__ gets it, and do not replace as_input"
Change = Callable[[Array], Any]

NUMBERS: dict[str, Change] = {
    "uint8": lambda x: np.abs(np.rint(x)).astype(np.uint8),
    "int64": lambda x: np.rint(x).astype(np.int64),
    "bool": lambda x: x > 0,
    "float16": lambda x: x.astype(np.float16),
    "big-endian float32": lambda x: x.astype(">f4"),
    "float64": lambda x: x.astype(np.float32).astype(np.float64),
    "lists": lambda x: x.astype(np.float32).tolist(),
}
"""Examples of the kinds of numbers that may come in, made of float examples."""

TOKENS: dict[str, Change] = {
    "int32": lambda x: x.astype(np.int32),
    "uint8": lambda x: x.astype(np.uint8),
    "uint64": lambda x: x.astype(np.uint64),
    "big-endian int64": lambda x: x.astype(">i8"),
    "lists": lambda x: x.tolist(),
}
"""The same for tokens."""


def kinds_of(x: Any) -> dict[str, tuple[Any, Any]]:
    """Return inputs of each kind by its name, beside the same values in float32, or in int64 if they are tokens."""
    first = first_of(x)
    kinds, dtype = (NUMBERS, np.float32) if first.dtype.kind == "f" else (TOKENS, np.int64)
    changed = {name: change(first) for name, change in kinds.items()}
    return {name: (with_first(x, new), with_first(x, np.array(new, dtype))) for name, new in changed.items()}


def inputs_of_any_kind_work(case: LayerCase) -> None:
    """Integers, bool, floats of other sizes and byte orders, and lists give what the same values give in float32.

    Tokens of any integers give what int64 gives; tokens that are no integers are refused.
    """
    if not case.differentiable:
        _require_tokens(case)
    kinds = kinds_of(case.x)
    if case.layer().compute_dtype is None:
        kinds.pop("float64", None)  # which such a layer keeps, between layers of float64
    for name, (x, same) in kinds.items():
        for training in BOTH_MODES:
            needed, got = _outputs(case, same, training), _outputs(case, x, training)
            for what, array in got.items():
                expect_equal(array, needed[what], f"the {what} of {name} in {mode(training)} is another; {ADVICE}")


def batches_may_be_empty(case: LayerCase) -> None:
    """Without examples `predict` returns no outputs, in the shape that outputs have."""
    _require_empty(case.layer().predict, case.input())


def data_of_any_kind_train_the_same(case: ArchitectureCase) -> None:
    """Integers, floats of other sizes and byte orders are learned and predicted like the same values in float32."""
    batch = case.data()
    for name in ("uint8", "big-endian float32", "float16", "big-endian int64"):
        if name not in (kinds := kinds_of(batch[0])):
            continue
        one, same = kinds[name]
        got: dict[str, Array] = {}
        needed: dict[str, Array] = {}
        for x, found in ((one, got), (same, needed)):
            data = _with_inputs(batch, x)
            learner = learn(case, steps=1, batch=data)
            found |= learner.state() | {f"metric {k}": np.array(v) for k, v in learner.evaluate(data).items()}
            if predicts(learner.module):
                found["prediction"] = predict(learner.module, inputs_of(data))
        changed = differing(got, needed)
        advice = "convert what prepare, learn or evaluate read with as_batch or as_input"
        require(not changed, f"training on {name} gives other {', '.join(changed[:4])} than on float32; {advice}")


def empty_batches_are_predicted(case: ArchitectureCase) -> None:
    """Without examples `predict` returns no predictions, in the shape that predictions have."""
    module = case.build()
    _require_empty(lambda x: predict(module, x), case.inputs())


def _with_inputs(batch: Batch, x: Array) -> Batch:
    """Return a batch with other inputs, which are its targets as well where they were."""
    return tuple(x if array is batch[0] or np.shares_memory(array, batch[0]) else array for array in batch)


def _require_empty(call: Callable[[Any], Array], x: Any) -> None:
    needed = call(x)
    got = call(rows_of(x, slice(0)))
    require(
        got.shape == (0, *needed.shape[1:]) and got.dtype == needed.dtype,
        f"a batch without examples gives {got.dtype} of shape {got.shape}; it needs {needed.dtype} of "
        f"{(0, *needed.shape[1:])}: do not replace predict, or use predict_rows there",
    )


def _require_tokens(case: LayerCase) -> None:
    layer, x = case.layer(), case.input()
    require(
        _reads_tokens(layer),
        "integers come in as floats; a layer that looks up tokens needs `reads_tokens = True` in its class",
    )
    for dtype in (np.float32, np.bool_):
        try:
            layer.predict(with_first(x, first_of(x).astype(dtype)))
        except ValueError:
            continue
        raise CheckFailedError(
            f"tokens of {np.dtype(dtype)} are not refused; raise a ValueError unless they are integers"
        )


def _reads_tokens(module: Module) -> bool:
    return any(part.reads_tokens for _, part in module.named_modules())


def _outputs(case: LayerCase, x: Any, training: bool) -> dict[str, Array]:
    """Return output and gradients; arithmetic on values that the layer is not made for may overflow alike."""
    layer, x = case.layer(), each(copy, x)
    ctx = context(layer, training=training)
    with np.errstate(all="ignore"):
        y, pull = layer(x, ctx)
        output = y.copy()
        dx = np.array(pull(random_cotangent(y)))
    found = {"output": output, "parameter gradient": ctx.grads.vector.copy()}
    return found | {"input gradient": dx} if case.differentiable else found
