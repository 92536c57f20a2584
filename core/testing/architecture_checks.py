"""Conformance checks of architectures.

Each check is a function of an `ArchitectureCase`; its name is the name of the check. An architecture is that of the
registry, known here by its attributes only: the core does not import the registry.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Layer
from neuralzoo.core.module import Module
from neuralzoo.core.optimizer import Optimizer
from neuralzoo.core.task import Task
from neuralzoo.core.testing._probes import expect_equal, perturb
from neuralzoo.core.testing.checks import Check, CheckFailedError, NotApplicable, make_checks, require
from neuralzoo.core.testing.conversions import data_of_any_kind_train_the_same, empty_batches_are_predicted
from neuralzoo.core.testing.declarations import (
    citation_has_a_year_and_a_url,
    example_is_a_declared_task,
    name_is_valid,
    settings_are_described_and_defaulted,
    settings_survive_json,
    unknown_settings_are_refused,
)
from neuralzoo.core.testing.differences import compare_parameter_gradients
from neuralzoo.core.testing.examples import by_step, prediction_shape
from neuralzoo.core.testing.inputs import first_of, reversed_rows, rows_of
from neuralzoo.core.testing.padding import compare_learning, compare_paddings, find_padding
from neuralzoo.core.testing.training import (
    ArchitectureCase,
    differing,
    evaluate_loss,
    interrupted_run,
    learn,
    predict,
    predicts,
    uninterrupted_run,
    watch_dtypes,
    watch_gradients,
)

REACHING_STEPS = 3  # a last layer initialized to zero keeps gradients of the first step from the layers below
OVERFITTING_STEPS = 300
OVERFITTED = 0.5
MOST_ENTRIES = 8


def checks_for_architecture(
    architecture: Any,
    task: Task | None = None,
    *,
    optimizer_factory: Callable[[Module], Optimizer] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Check]:
    """Return the checks of an architecture, to call one by one or to pass to `pytest.mark.parametrize` with `ids=str`.

    They build it for its example task, or for `task`, with its default settings, or with `settings`, and train it on
    tiny random data with `optimizer_factory` (Adam, 0.01). One that supports several kinds of task, or examples of
    one length and of different ones, should be checked with a task of each. The checks that
    `architecture.not_applicable` names are skipped, with its reasons.
    """
    optimizer = optimizer_factory or (lambda module: Adam(module, 0.01))
    case = ArchitectureCase(architecture, task or architecture.example, optimizer, dict(settings or {}))
    return make_checks(ARCHITECTURE_CHECKS, case, architecture.not_applicable)


def seed_decides_the_weights(case: ArchitectureCase) -> None:
    """The same seed gives the same weights, another seed gives others."""
    one, same, other = (case.build(seed).state() for seed in (0, 0, 1))
    changed = differing(one, same)
    require(
        not changed,
        f"two builds with the same seed differ in {', '.join(changed)}; draw from the rng that build is given only",
    )
    require(
        not one or bool(differing(one, other)),
        "builds with different seeds are equal; draw the weights from the rng that build is given",
    )


def predictions_have_the_right_shape(case: ArchitectureCase) -> None:
    """Built for the task, it predicts finite values of the shape that the task needs."""
    x = case.inputs()
    shape = first_of(x).shape
    y, needed = predict(case.build(), x), prediction_shape(case.task, shape[0])
    require(y.shape == needed, f"the prediction for {shape} has shape {y.shape}; the task needs {needed}")
    require(
        bool(np.isfinite(y).all()),
        "the prediction of the untrained network is not finite; check the weight initialization",
    )


def examples_are_independent(case: ArchitectureCase) -> None:
    """In evaluation each example alone gives what it gives in a batch, and their order does not matter."""
    learner, x = learn(case, steps=1), case.inputs()
    examples = len(first_of(x))
    together = predict(learner.module, x)
    advice = "do not use statistics of the batch, or the other examples, in evaluation"
    for i in range(examples):
        message = f"example {i + 1} of {examples} gives another prediction alone than in a batch; {advice}"
        expect_equal(predict(learner.module, rows_of(x, slice(i, i + 1))), together[i : i + 1], message, 1e-4)
    message = f"the examples give other predictions when their order is reversed; {advice}"
    expect_equal(predict(learner.module, reversed_rows(x)), together[::-1], message, 1e-4)


def padding_does_not_matter(case: ArchitectureCase) -> None:
    """Where examples differ in length, padding changes no prediction, no metric and no trained weight."""
    if not case.task.variable_length:
        raise NotApplicable("the task has examples of one length")
    compare_learning(case)
    module = case.build()
    if isinstance(module, Layer):
        perturb(module.astype(np.float64))
        x = case.inputs(np.float64)
        compare_paddings(module, x, find_padding(x), True, by_step=by_step(case.task))


def float32_stays_float32(case: ArchitectureCase) -> None:
    """Every layer keeps float32 forward and backward; so do parameters, gradients and optimizer states."""
    module = case.build()
    found = watch_dtypes(module)
    learner = case.learner(module)
    watch_gradients(learner)
    case.prepare(learner)
    case.steps(learner, 1)
    if predicts(module):
        predict(module, case.inputs())
    drifted = [
        f"{name} is {array.dtype}"
        for name, array in learner.state().items()
        if array.ndim and array.dtype.kind == "f" and array.dtype != np.float32
    ]
    require(
        not found and not drifted,
        f"float32 does not stay: {'; '.join([*found, *drifted][:3])}; use Python numbers and math.sqrt instead of "
        f"NumPy scalars, and the input's dtype for new arrays",
    )


def gradients_match_finite_differences(case: ArchitectureCase) -> None:
    """The whole network's pullback agrees with finite differences in float64."""
    module = case.build()
    if not isinstance(module, Layer):
        raise NotApplicable("the module is not a Layer, so it has no pullback of its own")
    perturb(module.astype(np.float64))
    compare_parameter_gradients(module, rows_of(case.inputs(np.float64), slice(3)), True, MOST_ENTRIES)


def training_reaches_every_parameter(case: ArchitectureCase) -> None:
    """A few steps change every trainable parameter."""
    module = case.build()
    learner = case.learner(module)
    case.prepare(learner)
    before = module.state()
    case.steps(learner, REACHING_STEPS)
    changed = differing(before, module.state())
    still = [name for name in module.trainable_parameters() if name not in changed]
    require(
        not still,
        f"training does not change {', '.join(still)}; add its gradient in the pullback and give it to an optimizer, "
        f"or make it Parameter(..., trainable=False)",
    )


def evaluation_changes_nothing(case: ArchitectureCase) -> None:
    """Evaluating gives the same twice, and leaves weights and optimizers as they are."""
    learner = learn(case, steps=1)
    batch, before = case.data(), learner.state()
    first, second = learner.evaluate(batch), learner.evaluate(batch)
    changed = differing(before, learner.state())
    require(not changed, f"evaluation changed {', '.join(changed)}; change things in learn only")
    require(first == second, f"evaluating twice gave {first} and {second}; do not draw in evaluation")


def batches_are_left_alone(case: ArchitectureCase) -> None:
    """Batches are views of the dataset: training and evaluation do not write into them."""
    batch = case.data()
    for array in batch:
        array.flags.writeable = False
    learner = case.learner(case.build())
    case.prepare(learner, batch)
    learner.learn(batch, case.context())
    learner.evaluate(batch)


def tiny_batch_is_overfitted(case: ArchitectureCase) -> None:
    """Training on eight examples, `prepare` included, at least halves the initial loss."""
    learner = case.learner(case.build())
    start = evaluate_loss(learner, case.data())
    case.prepare(learner)
    loss = evaluate_loss(learner, case.data())
    start = start if np.isfinite(start) else loss
    if loss <= OVERFITTED * start:
        return
    ctx = case.context()
    for step in range(OVERFITTING_STEPS):
        learner.learn(case.data(), ctx)
        if step % 10 == 9:
            loss = min(loss, evaluate_loss(learner, case.data()))
            if loss <= OVERFITTED * start:
                return
    raise CheckFailedError(
        f"after {OVERFITTING_STEPS} steps on eight examples the loss went from {start:.4g} to {loss:.4g}; it needs "
        f"{OVERFITTED * start:.4g}: check the gradients, the optimizer's modules and the weight initialization"
    )


def saved_weights_predict_the_same(case: ArchitectureCase) -> None:
    """A fresh network with the trained weights gives the same predictions, or metrics where it has no `predict`."""
    learner, fresh, x = learn(case, steps=2), case.build(seed=1), case.inputs()
    fresh.load_state(learner.module.state())
    advice = (
        "otherwise; keep everything that decides a prediction in a Parameter (trainable=False for what is not learned "
        "by gradient)"
    )
    if predicts(fresh):
        message = f"a fresh network with the saved weights predicts {advice}"
        expect_equal(predict(fresh, x), predict(learner.module, x), message)
    else:
        equal = case.learner(fresh).evaluate(case.data()) == learner.evaluate(case.data())
        require(equal, f"a fresh network with the saved weights is evaluated {advice}")


def training_resumes_bit_for_bit(case: ArchitectureCase) -> None:
    """Interrupted in mid-epoch and resumed from the checkpoint, training ends with the same bits."""
    whole, resumed = uninterrupted_run(case), interrupted_run(case)
    changed = differing(whole.learner.state(), resumed.learner.state())
    require(
        not changed,
        f"training that was interrupted and resumed ends with other {', '.join(changed[:4])}; draw from the context's "
        f"generator only, and return all that training changes from the learner's state()",
    )
    histories = [
        [{k: v for k, v in epoch.items() if not k.startswith("time/")} for epoch in run.history]
        for run in (whole, resumed)
    ]
    require(histories[0] == histories[1], "training that was resumed has another history; keep metrics pure functions")


ARCHITECTURE_CHECKS: tuple[Callable[[ArchitectureCase], None], ...] = (
    name_is_valid,
    citation_has_a_year_and_a_url,
    example_is_a_declared_task,
    settings_are_described_and_defaulted,
    settings_survive_json,
    unknown_settings_are_refused,
    seed_decides_the_weights,
    predictions_have_the_right_shape,
    examples_are_independent,
    padding_does_not_matter,
    float32_stays_float32,
    data_of_any_kind_train_the_same,
    empty_batches_are_predicted,
    gradients_match_finite_differences,
    training_reaches_every_parameter,
    evaluation_changes_nothing,
    batches_are_left_alone,
    tiny_batch_is_overfitted,
    saved_weights_predict_the_same,
    training_resumes_bit_for_bit,
)
