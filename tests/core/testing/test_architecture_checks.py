"""A right architecture passes every check; each way to be wrong fails the check made for it."""

import numpy as np
import pytest
from pydantic import ConfigDict, Field, field_serializer

from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.layer import Context, Gradients, Layer
from neuralzoo.core.learner import Learner, Supervised
from neuralzoo.core.module import Module, Parameter
from neuralzoo.core.testing import checks_for_architecture, tiny_data
from neuralzoo.registry import Architecture, Config, Experiment, Task

TASK = Task(kind="classification", input="tabular", shape=(4,), outputs=3)


class NetConfig(Config):
    """The settings of a small network."""

    hidden: int = Field(default=16, ge=1, description="units")


class Net(Layer):
    """tanh(x U) V."""

    def __init__(self, config, rng):
        self.into = Parameter(rng.normal(size=(4, config.hidden)).astype(np.float32))
        self.out = Parameter(0.1 * rng.normal(size=(config.hidden, 3)).astype(np.float32))

    def __call__(self, x, ctx):
        h = np.tanh(x @ self.into.value)

        def pull(dy):
            ctx.grads.add_product(self.out, h.T, dy)
            dh = (1 - h * h) * (dy @ self.out.value.T)
            ctx.grads.add_product(self.into, x.T, dh)
            return dh @ self.into.value.T

        return h @ self.out.value, pull


def cross_entropy(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    return float(-np.log(p[rows, labels]).mean()), (p - np.eye(p.shape[1], dtype=p.dtype)[labels]) / len(labels)


def learner(module, config, task, optimizer_factory):
    return Supervised(module, cross_entropy, optimizer_factory(module))


def architecture(**changes):
    right = Architecture(
        api_version=1,
        name="net",
        summary="A small network for tests",
        citation="Doe (1999), A network that is right",
        url="https://example.org/net",
        tasks=frozenset({"classification"}),
        inputs=frozenset({"tabular"}),
        config=NetConfig,
        build=lambda config, task, rng: Net(config, rng),
        learner=learner,
        example=TASK,
        experiments={"quick": Experiment(architecture="net", dataset="two-spirals", epochs=1, batch_size=8)},
    )
    return right.model_copy(update=changes)  # not validated: some are wrong on purpose


class Undescribed(NetConfig):
    depth: int = 2


class Required(NetConfig):
    depth: int = Field(ge=1, description="layers")


class TakesAnything(NetConfig):
    model_config = ConfigDict(extra="ignore")


class LosesInJson(NetConfig):
    @field_serializer("hidden")
    def _shrink(self, hidden):
        return hidden // 2


class Unused(Net):
    def __init__(self, config, rng):
        super().__init__(config, rng)
        self.spare = Parameter(rng.normal(size=3).astype(np.float32))


class HiddenState(Net):
    """A constant that is drawn and not saved."""

    def __init__(self, config, rng):
        super().__init__(config, rng)
        self.factor = float(rng.uniform(0.5, 2))

    def __call__(self, x, ctx):
        y, pull = super().__call__(x, ctx)
        return y * self.factor, lambda dy: pull(dy * self.factor)


class OneTooMany(Net):
    def predict(self, x):
        return np.pad(super().predict(x), ((0, 0), (0, 1)))


class MixesExamples(Net):
    def predict(self, x):
        return super().predict(x - x.mean(axis=0))


class ReadsIntegersAsTheyAre(Net):
    def as_input(self, x):
        return x

    def __call__(self, x, ctx):
        return super().__call__(x - x.dtype.type(1), ctx)


class PredictsOneByOne(Net):
    def predict(self, x):
        return np.concatenate([super(PredictsOneByOne, self).predict(row[None]) for row in x])


class FollowsItsPredecessor(Net):
    """A recurrence over the examples of a batch."""

    def predict(self, x):
        y = super().predict(x)
        for i in range(1, len(y)):
            y[i] += 0.5 * y[i - 1]
        return y


class Drifts(Net):
    """Computes inside in float64 and hides it."""

    def __init__(self, config, rng):
        super().__init__(config, rng)
        self.scale = Scale()

    def __call__(self, x, ctx):
        y, pull = super().__call__(x, ctx)
        y, scale = self.scale(y, ctx)
        return y.astype(x.dtype), lambda dy: pull(scale(dy).astype(x.dtype))


class Scale(Layer):
    def __call__(self, x, ctx):
        return x * np.float64(2), lambda dy: dy * 2


class WrongGradient(Net):
    def __call__(self, x, ctx):
        y, pull = super().__call__(x, ctx)
        return y, lambda dy: pull(dy * (1 + 0.1 * np.arange(3, dtype=dy.dtype)))


class NoisyLearner(Supervised):
    """Draws from a generator of its own that lives as long as the process."""

    noise = np.random.default_rng(0)

    def learn(self, batch, ctx):
        x, target = batch
        return super().learn((x + self.noise.normal(scale=0.01, size=x.shape).astype(x.dtype), target), ctx)


class ForgetfulLearner(Supervised):
    """Learns from every second batch, and does not save its position."""

    turn = 0

    def learn(self, batch, ctx):
        self.turn += 1
        if self.turn % 2:
            return super().learn(batch, ctx)
        return self.evaluate(batch) | {"grad_norm": 0.0, "lr": 0.0}


class TirelessEvaluator(Supervised):
    def evaluate(self, batch):
        self.layer.into.value += np.float32(1e-3)
        return super().evaluate(batch)


class DrawsToEvaluate(Supervised):
    noise = np.random.default_rng(0)

    def evaluate(self, batch):
        return super().evaluate(
            (batch[0] + self.noise.normal(scale=0.01, size=batch[0].shape).astype(np.float32), batch[1])
        )


class WritesIntoTheBatch(Supervised):
    def learn(self, batch, ctx):
        batch[0][:] *= np.float32(1.001)
        return super().learn(batch, ctx)


class AscendsTheLoss(Supervised):
    """Ascends the gradient of the loss."""

    def __init__(self, module, loss, optimizer):
        def uphill(prediction, target):
            value, gradient = loss(prediction, target)
            return value, -gradient

        super().__init__(module, uphill, optimizer)

    def evaluate(self, batch):
        return {"loss": cross_entropy(self.layer.predict(batch[0]), batch[1])[0]}


class WithoutLoss(Supervised):
    def evaluate(self, batch):
        return {"error": super().evaluate(batch)["loss"]}


def of(kind):
    return {"build": lambda config, task, rng: kind(config, rng)}


def trained_by(kind):
    return {"learner": lambda module, config, task, make: kind(module, cross_entropy, make(module))}


class Square(Layer):
    """x A."""

    def __init__(self, rng):
        self.weight = Parameter(rng.normal(size=(4, 4)).astype(np.float32))

    def __call__(self, x, ctx):
        def pull(dy):
            ctx.grads.add_product(self.weight, x.T, dy)
            return dy @ self.weight.value.T

        return x @ self.weight.value, pull


class TwoNetworks(Module):
    """A module of two networks: a generator and a discriminator."""

    def __init__(self, config, rng):
        self.maker, self.judge = Square(rng), Square(rng)


class TwoNetworksOneHidden(TwoNetworks):
    def __init__(self, config, rng):
        super().__init__(config, rng)
        self.shift = float(rng.normal())


class TwoOptimizers(Learner):
    """Both networks learn the identity, each with its own optimizer."""

    drift = np.float32(1)

    def __init__(self, module, loss, optimizer_factory):
        super().__init__(module, {name: optimizer_factory(getattr(module, name)) for name in ("maker", "judge")})
        self.grads = {name: Gradients(getattr(module, name)) for name in self.optimizers}

    def learn(self, batch, ctx):
        x, metrics = batch[0], {}
        for name, optimizer in self.optimizers.items():
            grads = self.grads[name]
            grads.zero()
            y, pull = getattr(self.module, name)(x, Context(training=True, rng=ctx.rng, grads=grads))
            pull((y - x) / len(x) * self.drift)
            metrics[name] = optimizer.step(grads)["grad_norm"]
        return metrics

    def evaluate(self, batch):
        x, shift = batch[0], getattr(self.module, "shift", 0.0)
        both = ((self.module.maker.predict(x) - x + shift) ** 2, (self.module.judge.predict(x) - x) ** 2)
        return {"loss": float(sum(error.mean() for error in both))}


class DriftingTwoOptimizers(TwoOptimizers):
    drift = np.float64(1)


class DriftingMemory(TwoOptimizers):
    def __init__(self, *args):
        super().__init__(*args)
        self.optimizers["judge"].moments["sum"] = self.optimizers["judge"].moments["sum"].astype(np.float64)


def two_parts(learner=TwoOptimizers, module=TwoNetworks):
    return architecture(
        build=lambda config, task, rng: module(config, rng),
        learner=lambda module, config, task, make: learner(module, None, make),
    )


class ClosedForm(Learner):
    """Least squares: fitted before the first step."""

    def prepare(self, data, ctx):
        x, labels = next(data.epoch(np.random.default_rng(0)))
        solution = np.linalg.lstsq(np.pad(x, ((0, 0), (0, 1)), constant_values=1), np.eye(3)[labels], rcond=None)[0]
        self.module.weight.value[...] = solution

    def learn(self, batch, ctx):
        return self.evaluate(batch)

    def evaluate(self, batch):
        return {"loss": float(((self.module.predict(batch[0]) - np.eye(3)[batch[1]]) ** 2).mean())}


class Linear(Layer):
    def __init__(self, config, rng):
        self.weight = Parameter(rng.normal(size=(5, 3)).astype(np.float32), trainable=False)

    def __call__(self, x, ctx):
        weight = self.weight.value
        return x @ weight[:4] + weight[4], lambda dy: dy @ weight[:4].T


PADDING_CHECK = "padding_does_not_matter"  # fails in test_lengths.py
AMBIENT = np.random.default_rng(0)

# What is wrong, the check made for it, and the others that see it as well.
BROKEN = {
    "a name with blanks": ({"name": "My Net"}, "name_is_valid", set()),
    "no year": ({"citation": "Doe, A network"}, "citation_has_a_year_and_a_url", set()),
    "no address": ({"url": "in a library"}, "citation_has_a_year_and_a_url", set()),
    "an undeclared example": ({"tasks": frozenset({"regression"})}, "example_is_a_declared_task", set()),
    "an undescribed setting": ({"config": Undescribed}, "settings_are_described_and_defaulted", set()),
    "a lossy setting": ({"config": LosesInJson}, "settings_survive_json", set()),
    "settings that take anything": ({"config": TakesAnything}, "unknown_settings_are_refused", set()),
    "an ignored seed": (
        {"build": lambda config, task, rng: Net(config, np.random.default_rng(0))},
        "seed_decides_the_weights",
        set(),
    ),
    "an ambient generator": (
        {"build": lambda config, task, rng: Net(config, AMBIENT)},
        "seed_decides_the_weights",
        {"training_resumes_bit_for_bit", "data_of_any_kind_train_the_same"},
    ),
    "one output too many": (of(OneTooMany), "predictions_have_the_right_shape", set()),
    "a mixed batch": (
        of(MixesExamples),
        "examples_are_independent",
        {"data_of_any_kind_train_the_same", "empty_batches_are_predicted"},
    ),
    "a walk along the batch": (of(FollowsItsPredecessor), "examples_are_independent", set()),
    "integers as they are": (of(ReadsIntegersAsTheyAre), "data_of_any_kind_train_the_same", set()),
    "predictions one by one": (of(PredictsOneByOne), "empty_batches_are_predicted", set()),
    "hidden float64": (of(Drifts), "float32_stays_float32", set()),
    "a wrong gradient": (of(WrongGradient), "gradients_match_finite_differences", set()),
    "an unused parameter": (of(Unused), "training_reaches_every_parameter", set()),
    "an evaluation that trains": (
        trained_by(TirelessEvaluator),
        "evaluation_changes_nothing",
        set(),
    ),
    "an evaluation that draws": (
        trained_by(DrawsToEvaluate),
        "evaluation_changes_nothing",
        {"training_resumes_bit_for_bit", "data_of_any_kind_train_the_same"},
    ),
    "a written batch": (
        trained_by(WritesIntoTheBatch),
        "batches_are_left_alone",
        {"data_of_any_kind_train_the_same"},
    ),
    "a climber": (trained_by(AscendsTheLoss), "tiny_batch_is_overfitted", set()),
    "no loss": (trained_by(WithoutLoss), "tiny_batch_is_overfitted", set()),
    "hidden state": (of(HiddenState), "saved_weights_predict_the_same", {"training_resumes_bit_for_bit"}),
    "a generator of its own": (
        trained_by(NoisyLearner),
        "training_resumes_bit_for_bit",
        {"data_of_any_kind_train_the_same"},
    ),
    "a forgetful learner": (trained_by(ForgetfulLearner), "training_resumes_bit_for_bit", set()),
}


def outcomes(wrong, **options):
    return {outcome.name: outcome for outcome in (check.run() for check in checks_for_architecture(wrong, **options))}


def failing(wrong, **options):
    return {name for name, outcome in outcomes(wrong, **options).items() if outcome.status == "fail"}


@pytest.mark.parametrize("check", checks_for_architecture(architecture()), ids=str)
def test_a_correct_architecture_passes(check):
    check()


@pytest.mark.parametrize(("changes", "made_for_it", "others"), BROKEN.values(), ids=BROKEN)
def test_a_broken_architecture_fails_the_check_made_for_it(changes, made_for_it, others):
    assert failing(architecture(**changes)) == {made_for_it} | others


def test_every_check_is_failed_by_a_broken_architecture():
    made_for = {made_for_it for _, made_for_it, _ in BROKEN.values()}
    known = {check.name for check in checks_for_architecture(architecture())}
    assert made_for == known - {"not_applicable_names_real_checks", PADDING_CHECK}


def test_a_correct_architecture_of_two_networks_passes_without_predict():
    found = outcomes(two_parts())
    assert {name: outcome.message for name, outcome in found.items() if outcome.status == "fail"} == {}
    left_out = {"predictions_have_the_right_shape", "examples_are_independent", "gradients_match_finite_differences"}
    left_out |= {"empty_batches_are_predicted"}
    assert {name for name, outcome in found.items() if outcome.status == "not applicable"} == left_out | {PADDING_CHECK}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (two_parts(DriftingTwoOptimizers), "got a gradient computed in float64"),
        (two_parts(DriftingMemory), "optimizer.judge.sum is float64"),
    ],
    ids=["gradients", "memory"],
)
def test_float64_is_found_in_an_architecture_of_two_networks(wrong, message):
    assert message in outcomes(wrong)["float32_stays_float32"].message


def test_hidden_state_is_found_in_an_architecture_of_two_networks():
    outcome = outcomes(two_parts(module=TwoNetworksOneHidden))["saved_weights_predict_the_same"]
    assert (outcome.status, outcome.message[:62]) == (
        "fail",
        "a fresh network with the saved weights is evaluated otherwise;",
    )


def test_an_architecture_that_is_fitted_by_prepare_alone_passes():
    closed = architecture(**of(Linear), learner=lambda module, config, task, make: ClosedForm(module, {}))
    assert failing(closed) == set()


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ({"kind": "regression", "target": "continuous"}, "net got the task 'regression'; it supports classification"),
        ({"input": "image"}, "net got image inputs; it supports tabular"),
        ({"variable_length": True}, "net got examples of different lengths; it supports one length only"),
        ({"target": "multilabel"}, "net got targets of kind 'multilabel'; it supports class, continuous"),
    ],
)
def test_a_task_that_the_architecture_does_not_declare_is_reported_with_the_reason(task, reason):
    undeclared = TASK.model_copy(update=task)
    for which, found in (
        ("example", outcomes(architecture(example=undeclared), task=TASK)),
        ("given", outcomes(architecture(), task=undeclared)),
    ):
        message = found["example_is_a_declared_task"].message
        assert message == f"the {which} task is not one that the architecture declares: {reason}"


def test_a_required_setting_is_named():
    wrong = outcomes(architecture(config=Required), settings={"depth": 2})
    assert wrong["settings_are_described_and_defaulted"].message.startswith("the config has no default for depth")


def test_a_parameter_that_training_does_not_reach_is_named():
    assert (
        "training does not change spare;"
        in outcomes(architecture(**of(Unused)))["training_reaches_every_parameter"].message
    )


def test_the_layer_where_float32_is_lost_is_named():
    message = outcomes(architecture(**of(Drifts)))["float32_stays_float32"].message
    assert message.startswith("float32 does not stay: the output of scale is float64;")


def test_a_network_without_predict_is_reported_with_the_remedy():
    class Silent(Net):
        predict = property()

    message = outcomes(architecture(**of(Silent)))["predictions_have_the_right_shape"].message
    assert message == "Silent has no predict(x); give it one, or say in not_applicable why there is none"


def test_declared_exceptions_are_skipped_with_their_reasons():
    reason = "it is trained by an adversary and has no loss that falls"
    found = outcomes(architecture(not_applicable={"tiny_batch_is_overfitted": reason}, **trained_by(AscendsTheLoss)))
    assert {name for name, outcome in found.items() if outcome.status != "pass"} == {
        "tiny_batch_is_overfitted",
        PADDING_CHECK,
    }
    assert found["tiny_batch_is_overfitted"].message == reason


def test_an_exception_from_an_unknown_check_is_a_failure():
    wrong = architecture(not_applicable={"tiny_batch_is_overfit": "a reason that is long enough"})
    assert failing(wrong) == {"not_applicable_names_real_checks"}


def test_the_optimizer_and_the_settings_can_be_chosen():
    made = []

    def optimizer_factory(module):
        made.append(module.into.value.shape)
        return SGD(module, 1.0)

    assert failing(architecture(), optimizer_factory=optimizer_factory, settings={"hidden": 7}) == set()
    assert set(made) == {(4, 7)}


KINDS = [
    (Task(kind="classification", input="image", shape=(4, 4, 1), outputs=3), np.float32, (8,), np.int64),
    (Task(kind="regression", input="tabular", shape=(4,), outputs=2), np.float32, (8, 2), np.float32),
    (Task(kind="reconstruction", input="image", shape=(4, 4, 1), outputs=16), np.float32, (8, 4, 4, 1), np.float32),
    (Task(kind="generation", input="tabular", shape=(2,), outputs=2), np.float32, (8, 2), np.float32),
    (Task(kind="sequence-labelling", input="sequence", shape=(5, 2), outputs=3), np.float32, (8, 5), np.int64),
    (
        Task(kind="language-modelling", input="tokens", shape=(6,), outputs=5, vocab_size=5),
        np.int64,
        (8, 6),
        np.int64,
    ),
]


@pytest.mark.parametrize(("task", "dtype", "target_shape", "target_dtype"), KINDS, ids=lambda v: getattr(v, "kind", ""))
def test_tiny_data_has_the_shapes_and_dtypes_of_datasets(task, dtype, target_shape, target_dtype):
    x, target = tiny_data(task)
    assert (x.shape, x.dtype) == ((8, *task.shape), dtype)
    assert (target.shape, target.dtype) == (target_shape, target_dtype)


def test_tiny_text_has_the_next_token_as_target():
    x, target = tiny_data(KINDS[-1][0])
    np.testing.assert_array_equal(target[:, :-1], x[:, 1:])


def test_tiny_labels_cover_all_classes():
    assert set(tiny_data(TASK)[1]) == {0, 1, 2}


@pytest.mark.parametrize("kind", ["language-modelling", "sequence-labelling"])
@pytest.mark.parametrize("vocab_size", [2, 5, 30])
def test_targets_are_functions_of_the_tokens_so_far(kind, vocab_size):
    task = Task(kind=kind, input="tokens", shape=(6,), outputs=vocab_size, vocab_size=vocab_size)
    answers = {}
    for tokens, targets in zip(*tiny_data(task), strict=True):
        for t, answer in enumerate(targets):
            answers.setdefault(tuple(tokens[: t + 1]), set()).add(int(answer))
    assert all(len(known) == 1 for known in answers.values())


def test_a_task_of_an_unknown_kind_has_no_tiny_data():
    with pytest.raises(ValueError, match="tiny_data got a task of kind 'painting'"):
        tiny_data(TASK.model_copy(update={"kind": "painting"}))
