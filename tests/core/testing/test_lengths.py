"""Layers and architectures that read sequences of different lengths pass every check, or fail the one made for it."""

import numpy as np
import pytest

from neuralzoo.core.blocks.supervised import supervised
from neuralzoo.core.layer import Layer, zero_grad_like
from neuralzoo.core.learner import Supervised
from neuralzoo.core.module import Parameter
from neuralzoo.core.testing import checks_for_architecture, checks_for_layer
from neuralzoo.registry import Architecture, Config, Experiment, Task

LENGTHS = np.array([2, 5, 3])
X = (np.random.default_rng(0).normal(size=(3, 5, 4)), LENGTHS)
TOKENS = (np.array([[1, 2, 0, 0, 0], [3, 3, 1, 5, 2], [0, 5, 4, 4, 4]]), LENGTHS)


class Recurrence(Layer):
    """h_t = tanh(x_t U + h_{t-1} W), h_0 = 0; y is h_t at each step and 0 beyond, or what is left at the end."""

    steps = True

    def __init__(self, rng, inputs=4, hidden=3):
        self.into = Parameter(rng.normal(size=(inputs, hidden)).astype(np.float32))
        self.weight = Parameter(rng.normal(size=(hidden, hidden)).astype(np.float32))

    def inside(self, x, lengths):
        return np.arange(x.shape[1]) < lengths[:, None]  # (N, T)

    def __call__(self, batch, ctx):
        x, lengths = batch
        into, weight = self.into.value, self.weight.value
        inside = self.inside(x, lengths)[:, :, None]  # (N, T, 1)
        h = np.zeros((x.shape[1] + 1, len(x), len(weight)), x.dtype)
        for t in range(x.shape[1]):
            h[t + 1] = np.where(inside[:, t], np.tanh(x[:, t] @ into + h[t] @ weight), h[t])

        def pull(dy):
            dx = np.zeros_like(x)
            dh = np.zeros_like(h[0]) if self.steps else dy
            for t in reversed(range(x.shape[1])):
                dh = dh + dy[:, t] * inside[:, t] if self.steps else dh
                da = (1 - h[t + 1] ** 2) * dh * inside[:, t]
                ctx.grads.add_product(self.into, x[:, t].T, da)
                ctx.grads.add_product(self.weight, h[t].T, da)
                dx[:, t] = da @ into.T
                dh = np.where(inside[:, t], da @ weight.T, dh)
            return dx if ctx.needs_grad(x) else zero_grad_like(x)

        return h[1:].swapaxes(0, 1) * inside if self.steps else h[-1].copy(), pull


class Last(Recurrence):
    steps = False


class Bag(Layer):
    """The mean of a table's rows, one for each token."""

    reads_tokens = True

    def __init__(self, rng, tokens=6, width=3):
        self.table = Parameter(rng.normal(size=(tokens, width)).astype(np.float32))

    def share(self, tokens, lengths, dtype):
        inside = np.arange(tokens.shape[1]) < lengths[:, None]
        return (inside / inside.sum(axis=1, keepdims=True)).astype(dtype)[:, :, None]  # (N, T, 1)

    def __call__(self, batch, ctx):
        tokens, lengths = batch
        share = self.share(tokens, lengths, self.table.value.dtype)

        def pull(dy):
            ctx.grads.scatter_add(self.table, tokens, share * dy[:, None])
            return zero_grad_like(tokens)

        return (self.table.value[tokens] * share).sum(axis=1), pull


class BagOfPadding(Bag):
    def share(self, tokens, lengths, dtype):
        return np.full((*tokens.shape, 1), 1 / tokens.shape[1], dtype)


class UpdatesTheStateInThePadding(Last):
    """Returns the state at the last step instead of that at the end of an example."""

    def inside(self, x, lengths):
        return np.ones(x.shape[:2], bool)


class LooksAhead(Recurrence):
    """Adds to each step the sum of all steps, padding included."""

    def __call__(self, batch, ctx):
        y, pull = super().__call__(batch, ctx)
        inside = self.inside(*batch)[:, :, None]

        def pull_both(dy):
            later = (dy * inside).sum(axis=(1, 2), keepdims=True)
            return pull(dy) + np.broadcast_to(later, batch[0].shape)

        return y + batch[0].sum(axis=(1, 2), keepdims=True) * inside, pull_both


class UsesOneLengthForAll(Recurrence):
    def inside(self, x, lengths):
        return super().inside(x, np.full_like(lengths, lengths[0]))


class SendsGradientsIntoThePadding(Recurrence):
    def __call__(self, batch, ctx):
        y, pull = super().__call__(batch, ctx)
        return y, lambda dy: pull(dy) + (~self.inside(*batch)).astype(dy.dtype)[:, :, None]


class LearnsFromThePadding(Recurrence):
    """Its weight gradient has a part for each step, there or not."""

    def __call__(self, batch, ctx):
        y, pull = super().__call__(batch, ctx)

        def pull_more(dy):
            beyond = batch[0][~self.inside(*batch)].sum(axis=0)
            ctx.grads.add(self.into, np.broadcast_to(beyond[:, None], self.into.value.shape))
            return pull(dy)

        return y, pull_more


class ForgetsToUnsort(Last):
    """Sorts by length, as packing does, and leaves its outputs in that order."""

    def __call__(self, batch, ctx):
        x, lengths = batch
        order = np.argsort(-lengths, kind="stable")
        y, pull = super().__call__((x[order], lengths[order]), ctx)

        def pull_back(dy):
            dx = np.empty_like(x)
            dx[order] = pull(dy)
            return dx

        return y, pull_back


class ModifiesTheLengths(Recurrence):
    def __call__(self, batch, ctx):
        lengths = batch[1].copy()
        batch[1][:] = 1
        return super().__call__((batch[0], lengths), ctx)


class ModifiesTheLengthsLater(Recurrence):
    def __call__(self, batch, ctx):
        y, pull = super().__call__(batch, ctx)

        def pull_and_edit(dy):
            batch[1][:] = 1
            return pull(dy)

        return y, pull_and_edit


class ModifiesAndRestoresTheLengths(Recurrence):
    """Writes into the lengths and restores them."""

    def __call__(self, batch, ctx):
        batch[1][:] -= 1
        batch[1][:] += 1
        return super().__call__(batch, ctx)


class KeepsTheLengths(Recurrence):
    def __call__(self, batch, ctx):
        self.lengths = batch[1].copy()
        return super().__call__(batch, ctx)


class NeedsLengthsSideBySide(Recurrence):
    def __call__(self, batch, ctx):
        return super().__call__((batch[0], np.frombuffer(batch[1], np.int64)), ctx)


class DividesByLengths(Last):
    def __call__(self, batch, ctx):
        y, pull = super().__call__(batch, ctx)
        return y / batch[1][:, None], lambda dy: pull(dy / batch[1][:, None].astype(dy.dtype))


class LeavesThePaddingUnset(Recurrence):
    def __call__(self, batch, ctx):
        y, pull = super().__call__(batch, ctx)
        inside = self.inside(*batch)
        memory = np.zeros_like(y) if ctx.workspace is None else ctx.empty(y.shape, y.dtype)
        memory[inside] = y[inside]
        return memory, pull


class LeavesAnyInputGradientOut(Recurrence):
    """Leaves dL/dx out whenever the context has inputs_without_grad."""

    def __call__(self, batch, ctx):
        y, pull = super().__call__(batch, ctx)

        def pull_part(dy):
            dx = pull(dy)
            return dx if ctx.inputs_without_grad is None else zero_grad_like(dx)

        return y, pull_part


PADDING_CHECK = "padding_does_not_matter"
ALONE = "input_gradient_matches_finite_differences"
WEIGHTS = "parameter_gradients_match_finite_differences"
STACK = "gradients_hold_inside_a_stack"

# Each broken layer, the check made for its fault, and the others that see it as well.
BROKEN_LAYERS = [
    (UpdatesTheStateInThePadding, PADDING_CHECK, set()),
    (LooksAhead, PADDING_CHECK, set()),
    (BagOfPadding, PADDING_CHECK, set()),
    (SendsGradientsIntoThePadding, PADDING_CHECK, {ALONE, STACK}),
    (LearnsFromThePadding, PADDING_CHECK, {WEIGHTS, STACK}),
    (UsesOneLengthForAll, "examples_are_independent", set()),
    (ForgetsToUnsort, "examples_are_independent", set()),
    (ModifiesAndRestoresTheLengths, "inputs_are_left_alone", {"noncontiguous_inputs_work"}),
    (KeepsTheLengths, "calls_are_stateless", set()),
    (NeedsLengthsSideBySide, "noncontiguous_inputs_work", set()),
    (DividesByLengths, "dtype_is_kept", set()),
    (LeavesThePaddingUnset, "memory_may_be_reused", set()),
    (LeavesAnyInputGradientOut, STACK, set()),
]


def example_for(kind):
    return TOKENS if issubclass(kind, Bag) else X


def outcomes(checks):
    return {outcome.name: outcome for outcome in (check.run() for check in checks)}


def failing(checks):
    return {name for name, outcome in outcomes(checks).items() if outcome.status == "fail"}


@pytest.mark.parametrize("check", checks_for_layer(Recurrence, X), ids=str)
def test_a_correct_layer_that_reads_lengths_passes(check):
    check()


@pytest.mark.parametrize("kind", [Last, Bag])
def test_correct_layers_with_one_output_or_tokens_pass(kind):
    found = outcomes(checks_for_layer(kind, example_for(kind)))
    assert {name: outcome.message for name, outcome in found.items() if outcome.status == "fail"} == {}
    assert found[PADDING_CHECK].status == "pass"


@pytest.mark.parametrize(("kind", "made_for_it", "others"), BROKEN_LAYERS, ids=lambda v: getattr(v, "__name__", None))
def test_a_broken_layer_that_reads_lengths_fails_the_check_made_for_it(kind, made_for_it, others):
    assert failing(checks_for_layer(kind, example_for(kind))) == {made_for_it} | others


@pytest.mark.parametrize("kind", [ModifiesTheLengths, ModifiesTheLengthsLater])
def test_a_layer_that_modifies_the_lengths_is_found(kind):
    message = outcomes(checks_for_layer(kind, X))["inputs_are_left_alone"].message
    assert "edited" in message
    np.testing.assert_array_equal(X[1], LENGTHS)
    np.testing.assert_array_equal(X[1], [2, 5, 3])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (UpdatesTheStateInThePadding, "what stands beyond the lengths changes the output in training;"),
        (LearnsFromThePadding, "what stands beyond the lengths changes the parameter gradients in training;"),
        (SendsGradientsIntoThePadding, "the input gradient in training is not zero beyond the lengths;"),
    ],
)
def test_a_failure_names_what_the_padding_changes(kind, message):
    found = outcomes(checks_for_layer(kind, X))[PADDING_CHECK].message
    assert found == f"{message} do not let steps at or after an example's length take part"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ((X[0], LENGTHS[:2]), "got 2 rows of int64 beside 3 examples; it needs a row of integers for each"),
        ((X[0], LENGTHS / 1), "got 3 rows of float64 beside 3 examples; it needs a row of integers for each"),
        ((np.ones((2, 3, 4)), np.array([2, 2])), "got 2 equal examples; it needs examples that differ"),
        ((X[0], np.array([5, 5, 5])), "got lengths that are all 5; it needs a shorter one as well"),
    ],
    ids=["too few", "no integers", "equal examples", "no padding"],
)
def test_an_input_that_could_hide_errors_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        checks_for_layer(Recurrence, x)


def test_equal_sequences_of_different_lengths_are_examples_that_differ():
    assert failing(checks_for_layer(Recurrence, (np.ones((2, 3, 4)), np.array([2, 3])))) == set()


def test_an_input_may_be_lists():
    assert failing(checks_for_layer(Recurrence, (X[0].tolist(), LENGTHS.tolist()))) == set()


def test_an_output_with_as_many_features_as_steps_is_compared_whole():
    class TakesAFeatureOfEachStep(Layer):
        def __call__(self, batch, ctx):
            x = batch[0]
            return x[:, :, 0].copy(), lambda dy: dy[:, :, None] * np.array([1, 0, 0, 0], dy.dtype)

    assert failing(checks_for_layer(lambda rng: TakesAFeatureOfEachStep(), X)) == {PADDING_CHECK}


def test_integers_that_are_no_lengths_can_be_declared():
    class Chosen(Layer):
        """Keeps of each example the part whose number is given."""

        def __call__(self, batch, ctx):
            x, number = batch
            mask = (np.arange(x.shape[1]) == number[:, None]).astype(x.dtype)[:, :, None]
            return (x * mask).sum(axis=1), lambda dy: dy[:, None] * mask

    reason = {PADDING_CHECK: "the second array says which part is kept"}
    x = (X[0], np.array([4, 0, 4]))
    assert failing(checks_for_layer(lambda rng: Chosen(), x)) == {PADDING_CHECK}
    assert failing(checks_for_layer(lambda rng: Chosen(), x, not_applicable=reason)) == set()


def test_checks_do_not_modify_the_lengths():
    x = (X[0].copy(), LENGTHS.copy())
    failing(checks_for_layer(Recurrence, x))
    for array, needed in zip(x, X, strict=True):
        np.testing.assert_array_equal(array, needed)


def task(kind="classification", **changes):
    return Task(**{"kind": kind, "input": "sequence", "shape": (5, 2), "outputs": 3, "variable_length": True} | changes)


ONE_ANSWER, EACH_STEP = task(), task("sequence-labelling")
TASKS = {
    "one answer": ONE_ANSWER,
    "continuous": task("regression"),
    "an answer for each step": EACH_STEP,
    "multilabel targets for each step": task("sequence-labelling", target="multilabel"),
    "one length": task(variable_length=False),
    "tokens": task(input="tokens", shape=(6,), vocab_size=5),
}


class ReadsTokens(Layer):
    """What is left at the end of a recurrence over the rows of a table, one for each token."""

    reads_tokens = True

    def __init__(self, rng, tokens, hidden):
        self.table = Parameter(rng.normal(size=(tokens, 4)).astype(np.float32))
        self.last = Last(rng, 4, hidden)

    def __call__(self, batch, ctx):
        tokens, lengths = batch
        y, pull = self.last((self.table.value[tokens], lengths), ctx)

        def pull_both(dy):
            ctx.grads.scatter_add(self.table, tokens, pull(dy))
            return zero_grad_like(tokens)

        return y, pull_both


class Reader(Layer):
    """A linear view of what a layer that reads lengths gives."""

    def __init__(self, task, rng, step_by_step=Recurrence, at_the_end=Last):
        if task.input == "tokens":
            self.read = ReadsTokens(rng, task.vocab_size, 8)
        else:
            self.read = (step_by_step if task.kind == "sequence-labelling" else at_the_end)(rng, task.shape[1], 8)
        self.out = Parameter((0.5 * rng.normal(size=(8, task.outputs))).astype(np.float32))

    def __call__(self, x, ctx):
        h, pull = self.read(x if isinstance(x, tuple) else (x, np.full(len(x), x.shape[1])), ctx)

        def pull_both(dy):
            ctx.grads.add_product(self.out, h.reshape(-1, 8).T, dy.reshape(-1, dy.shape[-1]))
            return pull(dy @ self.out.value.T)

        return h @ self.out.value, pull_both


class StepAlone(Recurrence):
    """Each step by itself, in the padding too: correct where padding is not compared."""

    def __call__(self, batch, ctx):
        x = batch[0]
        h = np.tanh(x @ self.into.value) + self.weight.value.sum(axis=0)

        def pull(dy):
            da = (1 - (h - self.weight.value.sum(axis=0)) ** 2) * dy
            ctx.grads.add(self.into, np.einsum("ntd,nth->dh", x, da))
            ctx.grads.add(self.weight, np.broadcast_to(dy.sum(axis=(0, 1)), self.weight.value.shape))
            return da @ self.into.value.T

        return h, pull


class OneTooMany(Reader):
    def predict(self, x):
        return np.pad(super().predict(x), ((0, 0), (0, 1)))


class WrongGradient(Reader):
    def __call__(self, x, ctx):
        y, pull = super().__call__(x, ctx)
        return y, lambda dy: pull(dy * 2)


class OneHidden(Reader):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.factor = float(arguments[1].uniform(0.5, 2))

    def __call__(self, x, ctx):
        y, pull = super().__call__(x, ctx)
        return y * self.factor, lambda dy: pull(dy * self.factor)


class CountsThePadding(Supervised):
    """Trains and evaluates without regard to the lengths."""

    def __init__(self, module, optimizer):
        super().__init__(module, lambda y, target: (float((y**2).mean()), 2 * y / y.size), optimizer)


class EvaluatesThePadding(Supervised):
    """Reports the mean over all steps, padding included."""

    def evaluate(self, batch):
        return super().evaluate(batch) | {"brightness": float(batch[0].mean())}


def architecture(example=ONE_ANSWER, network=Reader, learner=supervised, **readers):
    return Architecture(
        api_version=1,
        name="reader",
        summary="A small network that reads sequences",
        citation="Doe (1999), A network that is right",
        url="https://example.org/reader",
        tasks=frozenset({"classification", "regression", "sequence-labelling"}),
        inputs=frozenset({"sequence", "tokens"}),
        supports_variable_length=True,
        targets=frozenset({"class", "multilabel", "continuous"}),
        config=Config,
        build=lambda config, task, rng: network(task, rng, **readers),
        learner=learner,
        example=example,
        experiments={"quick": Experiment(architecture="reader", dataset="two-spirals", epochs=1, batch_size=8)},
    ).model_copy()


@pytest.mark.parametrize("check", checks_for_architecture(architecture()), ids=str)
def test_a_correct_architecture_that_reads_lengths_passes(check):
    check()


@pytest.mark.parametrize("name", TASKS)
def test_an_architecture_is_checked_with_each_task_that_it_can_do(name):
    found = outcomes(checks_for_architecture(architecture(), TASKS[name]))
    assert {name: outcome.message for name, outcome in found.items() if outcome.status == "fail"} == {}
    left_out = {name for name, outcome in found.items() if outcome.status == "not applicable"}
    assert left_out == (set() if TASKS[name].variable_length else {PADDING_CHECK})


def test_the_task_that_is_given_is_the_one_that_is_checked():
    seen = []

    class Noting(Reader):
        def __init__(self, task, rng):
            seen.append(task)
            super().__init__(task, rng)

    failing(checks_for_architecture(architecture(network=Noting), EACH_STEP))
    assert set(seen) == {EACH_STEP}


def test_a_network_that_reads_the_padding_passes_where_padding_is_not_compared():
    assert failing(checks_for_architecture(architecture(EACH_STEP, step_by_step=StepAlone))) == set()


def learned_by(kind):
    return {"learner": lambda module, config, task, make: kind(module, make(module))}


def measured_by(kind):
    def learner(module, config, task, make):
        plain = supervised(module, config, task, make)
        return kind(module, plain.loss, plain.optimizers["main"])

    return {"learner": learner}


# What is wrong, the check made for it, and the others that see it as well.
BROKEN_ARCHITECTURES = {
    "an answer from the padding": ({"at_the_end": UpdatesTheStateInThePadding}, PADDING_CHECK, set()),
    "steps that see the padding": ({"example": EACH_STEP, "step_by_step": LooksAhead}, PADDING_CHECK, set()),
    "a gradient for the padding": (
        {"example": EACH_STEP, "step_by_step": SendsGradientsIntoThePadding},
        PADDING_CHECK,
        set(),
    ),
    "a step from the padding": ({"example": EACH_STEP, "step_by_step": LearnsFromThePadding}, PADDING_CHECK, set()),
    "a loss of the padding": (
        {"example": EACH_STEP, "step_by_step": StepAlone} | learned_by(CountsThePadding),
        PADDING_CHECK,
        set(),
    ),
    "a metric of the padding": (measured_by(EvaluatesThePadding), PADDING_CHECK, set()),
    "examples out of order": ({"at_the_end": ForgetsToUnsort}, "examples_are_independent", set()),
    "one length for all": (
        {"example": EACH_STEP, "step_by_step": UsesOneLengthForAll},
        "examples_are_independent",
        set(),
    ),
    "float64 from lengths": ({"at_the_end": DividesByLengths}, "float32_stays_float32", set()),
    "one output too many": ({"network": OneTooMany}, "predictions_have_the_right_shape", set()),
    "hidden state": ({"network": OneHidden}, "saved_weights_predict_the_same", {"training_resumes_bit_for_bit"}),
    "a wrong gradient": ({"network": WrongGradient}, "gradients_match_finite_differences", set()),
}


@pytest.mark.parametrize(("wrong", "made_for_it", "others"), BROKEN_ARCHITECTURES.values(), ids=BROKEN_ARCHITECTURES)
def test_a_broken_architecture_that_reads_lengths_fails_the_check_made_for_it(wrong, made_for_it, others):
    assert failing(checks_for_architecture(architecture(**wrong))) == {made_for_it} | others


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("an answer from the padding", "the prediction"),
        ("a metric of the padding", "the metric brightness"),
        ("a loss of the padding", "the metric loss"),
        ("a step from the padding", "module.read.into after a step"),
    ],
)
def test_a_failure_of_an_architecture_names_what_the_padding_changes(wrong, what):
    found = outcomes(checks_for_architecture(architecture(**BROKEN_ARCHITECTURES[wrong][0])))[PADDING_CHECK].message
    assert found.startswith(f"what stands beyond the lengths changes {what};")


@pytest.mark.parametrize("kind", [ModifiesTheLengths, ModifiesTheLengthsLater])
def test_a_network_that_modifies_the_lengths_is_found(kind):
    found = outcomes(checks_for_architecture(architecture(EACH_STEP, step_by_step=kind)))["batches_are_left_alone"]
    assert "assignment destination is read-only" in found.message
