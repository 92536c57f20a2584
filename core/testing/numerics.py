"""Numerical checks of layers: dtype, overflow, and that every parameter has an effect."""

from dataclasses import replace

import numpy as np

from neuralzoo.core.testing._probes import (
    DtypeGradients,
    LayerCase,
    context,
    mode,
    need_float_input,
    need_parameters,
    random_cotangent,
    require_dtype,
)
from neuralzoo.core.testing.checks import require
from neuralzoo.core.testing.inputs import first_of

BOTH_MODES = (True, False)
LARGE = 1e4


def dtype_is_kept(case: LayerCase) -> None:
    """Output, input gradient and parameter gradients are computed in the dtype of the input, float32 or float64."""
    for dtype in (np.float32, np.float64):
        for training in BOTH_MODES:
            layer, x = case.layer(dtype), case.input(dtype)
            y, pull = layer(x, replace(context(training=training), grads=DtypeGradients(layer)))
            require_dtype(f"the output in {mode(training)}", y, dtype)
            dx = pull(random_cotangent(y))
            if case.differentiable:
                require_dtype(f"the input gradient in {mode(training)}", dx, dtype)


def fresh_parameters_are_float32(case: LayerCase) -> None:
    """A fresh layer has parameters of float32."""
    parameters = case.make(np.random.default_rng(0)).named_parameters()
    wide = [f"{name} is {p.value.dtype}" for name, p in parameters.items() if p.value.dtype.kind == "f"]
    wide = [text for text in wide if not text.endswith("float32")]
    require(not wide, f"in a fresh layer {', '.join(wide)}; make parameters with .astype(np.float32)")


def every_parameter_matters(case: LayerCase) -> None:
    """No trainable parameter has a gradient of zero everywhere."""
    layer, x = case.layer(np.float64), case.input(np.float64)
    need_parameters(layer)
    ctx = context(layer)
    y, pull = layer(x, ctx)
    pull(random_cotangent(y))
    dead = [name for name, parameter in layer.trainable_parameters().items() if not ctx.grads[parameter].any()]
    require(not dead, f"the gradient of {', '.join(dead)} is zero everywhere; use it, or make it trainable=False")


def large_inputs_stay_finite(case: LayerCase) -> None:
    """Inputs as large as 1e4 give finite outputs and gradients in float32."""
    need_float_input(case)
    layer, x = case.layer(), case.input()
    first_of(x)[...] *= LARGE / max(float(np.abs(first_of(x)).max(initial=0)), 1e-6)
    with np.errstate(all="ignore"):
        y, pull = layer(x, context(layer))
        dx = pull(random_cotangent(y))
    for name, array in (("output", y), ("input gradient", dx)):
        finite = bool(np.isfinite(array).all())
        require(finite, f"the {name} for values up to {LARGE:g} is not finite; subtract a maximum before exp, or clip")
