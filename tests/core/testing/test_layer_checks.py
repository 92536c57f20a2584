"""A correct layer passes every check; each kind of error fails the check made for it."""

import math
import unittest
from typing import ClassVar

import numpy as np
import pytest

from neuralzoo.core.layer import Context, Layer, zero_grad_like
from neuralzoo.core.module import Parameter
from neuralzoo.core.testing import CheckFailedError, CheckResult, NotApplicable, checks_for_layer

X = np.random.default_rng(0).normal(size=(5, 4))


class Affine(Layer):
    """tanh(x W) + b, correct; with `drop`, half of the outputs are dropped in training."""

    def __init__(self, rng, *, drop=False):
        self.weight = Parameter(rng.normal(size=(4, 3)).astype(np.float32))
        self.bias = Parameter(np.zeros(3, np.float32))
        self.drop = drop

    def __call__(self, x, ctx):
        weight = self.weight.value
        t = np.tanh(x @ weight)
        keep = None
        if self.drop and ctx.training:
            keep = (ctx.random.random(t.shape) < 0.5).astype(x.dtype) * 2

        def pull(dy):
            ctx.grads.add(self.bias, dy.sum(axis=0))
            inner = (1 - t * t) * (dy if keep is None else dy * keep)
            ctx.grads.add_product(self.weight, x.T, inner)
            if not ctx.needs_grad(x):
                return zero_grad_like(x)
            return inner @ weight.T

        return (t if keep is None else t * keep) + self.bias.value, pull


class Lookup(Layer):
    """A row of a table for each token: an input without a derivative."""

    reads_tokens = True

    def __init__(self, rng):
        self.table = Parameter(rng.normal(size=(6, 3)).astype(np.float32))

    def __call__(self, x, ctx):
        def pull(dy):
            ctx.grads.scatter_add(self.table, x, dy)
            return zero_grad_like(x)

        return self.table.value[x], pull


class Squash(Layer):
    """tanh: no parameters."""

    def __call__(self, x, ctx):
        t = ctx.empty(x.shape, x.dtype)
        np.tanh(x, out=t)
        return t, lambda dy: (1 - t * t) * dy


class CachesOnSelf(Squash):
    def __call__(self, x, ctx):
        self.t = np.tanh(x)
        return self.t, lambda dy: (1 - self.t * self.t) * dy


class ModifiesItsInput(Squash):
    def __call__(self, x, ctx):
        np.tanh(x, out=x)
        return x, lambda dy: (1 - x * x) * dy


class ReadsIntegersAsTheyAre(Squash):
    def as_input(self, x):
        return x

    def __call__(self, x, ctx):
        t = np.tanh(x - x.dtype.type(1))
        return t, lambda dy: (1 - t * t) * dy


class PredictsOneByOne(Squash):
    def predict(self, x):
        return np.stack([self(row[None], Context())[0][0] for row in x])


class ModifiesTheIncomingGradient(Squash):
    def __call__(self, x, ctx):
        t = np.tanh(x)

        def pull(dy):
            dy *= 1 - t * t
            return dy

        return t, pull


class DriftsToFloat64(Squash):
    def __call__(self, x, ctx):
        scale = np.sqrt(2.0)  # a NumPy scalar is not weak
        return x / scale, lambda dy: dy / math.sqrt(2.0)


class DriftsInThePullback(Squash):
    def __call__(self, x, ctx):
        return x / math.sqrt(2.0), lambda dy: dy / np.sqrt(2.0)


class AlwaysFloat32(Squash):
    def __call__(self, x, ctx):
        return x * 2, lambda dy: (dy * 2).astype(np.float32)


class DriftsInAParameterGradient(Affine):
    def __call__(self, x, ctx):
        def pull(dy):
            ctx.grads.add(self.bias, dy.sum(axis=0) * np.float64(1))
            ctx.grads.add_product(self.weight, x.T, dy)
            return dy @ self.weight.value.T

        return x @ self.weight.value + self.bias.value, pull


class WrongInputGradient(Squash):
    def __call__(self, x, ctx):
        t = np.tanh(x)
        return t, lambda dy: (1 - t) * dy


class RightAloneOnly(Squash):
    """Leaves dL/dx out whenever the context has inputs_without_grad, not only when x is one."""

    def __call__(self, x, ctx):
        t = np.tanh(x)
        return t, lambda dy: zero_grad_like(x) if ctx.inputs_without_grad is not None else (1 - t * t) * dy


class NeedsContiguousInput(Squash):
    """Reads the memory of x in one pass, whatever its strides."""

    def __call__(self, x, ctx):
        if not x.flags.c_contiguous:
            return x.copy(), lambda dy: dy
        t = np.tanh(x)
        return t, lambda dy: (1 - t * t) * dy


class MixesUpMemoryOrder(Squash):
    """Ignores the strides of the incoming gradient."""

    def __call__(self, x, ctx):
        t = np.tanh(x)

        def pull(dy):
            memory = dy if dy.base is None else np.nan_to_num(dy.base.ravel()[: dy.size].reshape(dy.shape))
            return (1 - t * t) * memory

        return t, pull


class ForgetsAParameterGradient(Affine):
    def __call__(self, x, ctx):
        def pull(dy):
            ctx.grads.add_product(self.weight, x.T, dy)
            return dy @ self.weight.value.T

        return x @ self.weight.value + self.bias.value, pull


class AssignsAParameterGradient(Affine):
    def __call__(self, x, ctx):
        def pull(dy):
            if ctx.grads.enabled and self.bias.trainable:
                ctx.grads[self.bias][...] = dy.sum(axis=0)
            ctx.grads.add_product(self.weight, x.T, dy)
            return dy @ self.weight.value.T

        return x @ self.weight.value + self.bias.value, pull


class InsistsOnGradients(Affine):
    def __call__(self, x, ctx):
        def pull(dy):
            grad = ctx.grads[self.bias]
            grad += dy.sum(axis=0)
            ctx.grads.add_product(self.weight, x.T, dy)
            return dy @ self.weight.value.T

        return x @ self.weight.value + self.bias.value, pull


class SkipsParametersWithoutInputGradient(Affine):
    def __call__(self, x, ctx):
        y, pull = super().__call__(x, ctx)
        return y, lambda dy: pull(dy) if ctx.needs_grad(x) else zero_grad_like(x)


class LeaksAcrossTheBatch(Squash):
    def __call__(self, x, ctx):
        return x - x.mean(axis=0), lambda dy: dy - dy.mean(axis=0)


class WalksAlongTheBatch(Squash):
    """A recurrence over the first axis instead of time, with the right gradients."""

    def __call__(self, x, ctx):
        h = np.empty_like(x)
        for i in range(len(x)):
            h[i] = np.tanh(x[i] + (0.5 * h[i - 1] if i else 0))

        def pull(dy):
            dx, later = np.empty_like(dy), np.zeros_like(dy[0])
            for i in reversed(range(len(x))):
                dx[i] = (1 - h[i] * h[i]) * (dy[i] + 0.5 * later)
                later = dx[i]
            return dx

        return h, pull


class TreatsTheFirstExampleOtherwise(Squash):
    """Treats the position in the batch as a time step, from the second example on."""

    def __call__(self, x, ctx):
        scale = np.where(np.arange(len(x)) % 2 == 0, 1, 2).astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        return x * scale, lambda dy: dy * scale


class StartsInFloat64(Affine):
    def __init__(self, rng):
        super().__init__(rng)
        self.bias.value = np.zeros(3)


class HasADeadParameter(Affine):
    def __init__(self, rng):
        super().__init__(rng)
        self.spare = Parameter(rng.normal(size=3).astype(np.float32))


class OverflowsInSoftmax(Squash):
    """Softmax without the maximum subtracted."""

    def __call__(self, x, ctx):
        e = np.exp(x)
        p = e / e.sum(axis=-1, keepdims=True)
        return p, lambda dy: p * (dy - (p * dy).sum(axis=-1, keepdims=True))


class CountsEvaluations(Squash):
    """Adapts a running value in evaluation too."""

    def __init__(self):
        self.shift = Parameter(np.zeros(4, np.float32), trainable=False)

    def __call__(self, x, ctx):
        y = x - self.shift.value.copy()
        if not ctx.recording:
            self.shift.value += np.float32(0.1)
        return y, lambda dy: dy


class KeepsAHiddenConstant(Squash):
    def __init__(self, rng):
        self.factor = float(rng.normal())

    def __call__(self, x, ctx):
        return x * self.factor, lambda dy: dy * self.factor


class SharesWithItsCopies(Affine):
    def __deepcopy__(self, memo):
        twin = type(self)(np.random.default_rng(0))
        twin.weight, twin.bias = self.weight, self.bias
        return twin


class ReusesItsOutput(Squash):
    """Writes every output into the same array."""

    buffers: ClassVar = {}

    def __call__(self, x, ctx):
        y = self.buffers.setdefault((x.shape, x.dtype.str), np.empty_like(x))
        np.multiply(x, 2, out=y)
        return y, lambda dy: dy * 2


class TrustsReusedMemory(Squash):
    def __call__(self, x, ctx):
        def pull(dy):
            dx = ctx.empty(x.shape, x.dtype) if ctx.workspace is not None else np.zeros_like(x)
            dx += dy * 2
            return dx

        return x * 2, pull


class DrawsFromItsOwnGenerator(Squash):
    def __init__(self):
        self.draws = iter(np.random.default_rng(0).random(10_000).tolist())

    def __call__(self, x, ctx):
        factor = 1 + next(self.draws) if ctx.training else 1.0
        return x * factor, lambda dy: dy * factor


class DrawsInEvaluation(Squash):
    """Its draws come from the context where it has a generator, and never end."""

    noise = np.random.default_rng(1)

    def __call__(self, x, ctx):
        rng = self.noise if ctx.rng is None else ctx.rng
        shift = rng.normal(size=x.shape).astype(x.dtype)
        return x + shift, lambda dy: dy


class Raises(Squash):
    def __call__(self, x, ctx):
        raise KeyError("no such thing")


ALONE = "input_gradient_matches_finite_differences"
STACK = "gradients_hold_inside_a_stack"
NOT_FAILED_HERE = {"not_applicable_names_real_checks", "padding_does_not_matter"}  # the latter: test_lengths.py

# Each broken layer, the check made for its fault, and the others that see it as well.
BROKEN = [
    (CachesOnSelf, "calls_are_stateless", {"passes_are_independent"}),
    (
        ModifiesItsInput,
        "inputs_are_left_alone",
        {
            STACK,
            "noncontiguous_inputs_work",
            "passes_are_independent",
            "examples_are_independent",
            "memory_may_be_reused",
            "gradients_can_be_disabled",
        },
    ),
    (ModifiesTheIncomingGradient, "inputs_are_left_alone", {STACK, "noncontiguous_inputs_work"}),
    (DriftsToFloat64, "dtype_is_kept", set()),
    (ReadsIntegersAsTheyAre, "inputs_of_any_kind_work", set()),
    (PredictsOneByOne, "batches_may_be_empty", set()),
    (DriftsInThePullback, "dtype_is_kept", set()),
    (AlwaysFloat32, "dtype_is_kept", set()),
    (DriftsInAParameterGradient, "dtype_is_kept", set()),
    (StartsInFloat64, "fresh_parameters_are_float32", set()),
    (HasADeadParameter, "every_parameter_matters", set()),
    (OverflowsInSoftmax, "large_inputs_stay_finite", set()),
    (WrongInputGradient, ALONE, {STACK}),
    (RightAloneOnly, STACK, set()),
    (NeedsContiguousInput, "noncontiguous_inputs_work", set()),
    (MixesUpMemoryOrder, "noncontiguous_inputs_work", {STACK}),
    (ForgetsAParameterGradient, "parameter_gradients_match_finite_differences", {STACK, "every_parameter_matters"}),
    (AssignsAParameterGradient, "gradients_add_up", set()),
    (InsistsOnGradients, "gradients_can_be_disabled", set()),
    (SkipsParametersWithoutInputGradient, "gradients_can_be_disabled", set()),
    (LeaksAcrossTheBatch, "examples_are_independent", set()),
    (WalksAlongTheBatch, "examples_are_independent", set()),
    (TreatsTheFirstExampleOtherwise, "examples_are_independent", set()),
    (CountsEvaluations, "evaluation_is_repeatable", {ALONE, "examples_are_independent", "copies_are_independent"}),
    (KeepsAHiddenConstant, "state_makes_an_equal_layer", set()),
    (SharesWithItsCopies, "copies_are_independent", set()),
    (ReusesItsOutput, "passes_are_independent", set()),
    (TrustsReusedMemory, "memory_may_be_reused", set()),
    (
        DrawsFromItsOwnGenerator,
        "randomness_comes_from_the_context",
        {
            ALONE,
            STACK,
            "noncontiguous_inputs_work",
            "passes_are_independent",
            "memory_may_be_reused",
            "gradients_can_be_disabled",
        },
    ),
    (
        DrawsInEvaluation,
        "evaluation_is_repeatable",
        {"examples_are_independent", "state_makes_an_equal_layer", "copies_are_independent"},
    ),
]


def maker(kind):
    """Return what makes a layer of this kind: from a generator where it needs one."""
    needs_rng = issubclass(kind, Affine | Lookup | KeepsAHiddenConstant)
    return kind if needs_rng else lambda rng: kind()


def outcomes(make, x=X, **options):
    return {outcome.name: outcome for outcome in (check.run() for check in checks_for_layer(make, x, **options))}


def failing(make, x=X):
    return {name for name, outcome in outcomes(make, x).items() if outcome.status == "fail"}


@pytest.mark.parametrize("check", checks_for_layer(Affine, X), ids=str)
def test_a_correct_layer_passes(check):
    check()


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda rng: Affine(rng, drop=True), X),
        (maker(Squash), X),
        (maker(Squash), X[:1]),
        (maker(Squash), X.reshape(5, 2, 2)),
        (Lookup, np.array([[1, 2], [3, 3], [0, 5]])),
    ],
    ids=["drawing", "no parameters", "one example", "more axes", "tokens"],
)
def test_correct_layers_of_other_kinds_pass(make, x):
    assert failing(make, x) == set()


@pytest.mark.parametrize(("kind", "made_for_it", "others"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_layer_fails_the_check_made_for_it(kind, made_for_it, others):
    assert failing(maker(kind)) == {made_for_it} | others


@pytest.mark.parametrize("x", [np.ones((3, 4)), np.full((2, 3), 5)], ids=["values", "tokens"])
def test_examples_that_are_all_equal_are_refused(x):
    with pytest.raises(ValueError, match=r"got [23] equal examples; it needs examples that differ: random values"):
        checks_for_layer(Affine, x)


def test_integers_that_a_layer_does_not_declare_as_tokens_are_explained():
    class Undeclared(Lookup):
        reads_tokens = False

    result = outcomes(Undeclared, np.array([[1, 2], [3, 3], [0, 5]]))["inputs_of_any_kind_work"]
    assert "needs `reads_tokens = True` in its class" in result.message


def test_every_check_is_failed_by_a_broken_layer():
    made_for = {made_for_it for _, made_for_it, _ in BROKEN}
    assert made_for == {check.name for check in checks_for_layer(Affine, X)} - NOT_FAILED_HERE


def test_a_failure_names_the_entry_and_both_values():
    message = outcomes(maker(WrongInputGradient))[ALONE].message
    assert "x in training at (0, 0) is" in message
    assert "finite differences say" in message


def test_a_wrong_gradient_anywhere_in_a_large_array_is_found():
    class OneWrong(Squash):
        def __call__(self, x, ctx):
            def pull(dy):
                dx = 2 * dy
                dx[-1, 77] *= 1.5
                return dx

            return 2 * x, pull

    large = np.random.default_rng(2).normal(size=(30, 100))
    assert "along a random direction" in outcomes(maker(OneWrong), large, most_entries=3)[ALONE].message


def test_a_gradient_of_the_wrong_shape_is_named():
    class Flat(Squash):
        def __call__(self, x, ctx):
            return 2 * x, lambda dy: (2 * dy).ravel()

    assert "has shape (20,); it needs (5, 4)" in outcomes(maker(Flat))[ALONE].message


def test_an_error_inside_a_layer_is_a_failure_and_not_a_crash():
    class Raises(Squash):
        def __call__(self, x, ctx):
            raise KeyError("no such thing")

    outcome = outcomes(maker(Raises))["dtype_is_kept"]
    assert (outcome.status, outcome.message) == ("fail", "it raised KeyError: 'no such thing'; no error is due here")


def test_a_check_that_does_not_apply_is_reported_with_its_reason():
    found = outcomes(
        maker(LeaksAcrossTheBatch), not_applicable={"examples_are_independent": "it is about the whole batch"}
    )
    assert found["examples_are_independent"] == CheckResult(
        "examples_are_independent", "not applicable", "it is about the whole batch"
    )
    assert found["parameter_gradients_match_finite_differences"].message == "there are no trainable parameters"


def test_test_runners_skip_a_check_that_does_not_apply():
    checks = checks_for_layer(Affine, X, not_applicable={"dtype_is_kept": "there is a reason for it"})
    with pytest.raises(NotApplicable, match="there is a reason") as caught:
        next(check for check in checks if check.name == "dtype_is_kept")()
    assert isinstance(caught.value, unittest.SkipTest)


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({"dtype_is_kpet": "a reason that is long enough"}, "dtype_is_kpet, which is no check; it needs one of"),
        ({"dtype_is_kept": " "}, "gives no reason for dtype_is_kept"),
    ],
)
def test_an_exception_from_an_unknown_check_or_without_a_reason_is_a_failure(declared, complaint):
    outcome = outcomes(Affine, not_applicable=declared)["not_applicable_names_real_checks"]
    assert outcome.status == "fail"
    assert complaint in outcome.message


def test_a_check_called_by_hand_raises_its_failure():
    check = next(check for check in checks_for_layer(maker(DriftsToFloat64), X) if str(check) == "dtype_is_kept")
    with pytest.raises(CheckFailedError, match="the output in training is float64 where float32 came in"):
        check()


def test_checks_do_not_modify_the_example():
    x = X.copy()
    failing(maker(ModifiesItsInput), x)
    np.testing.assert_array_equal(x, X)
