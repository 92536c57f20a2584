import logging
import math

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.losses import CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.optimizers import SGD, Adam
from neuralzoo.core.layer import Context
from neuralzoo.core.testing.differences import compare_with_differences
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.modular.learner import (
    class_density,
    compete,
    cooperate,
    load_balance_loss,
    normal_density,
    usage,
)
from neuralzoo.plugins.modular.metrics import ablation_harm, ablation_specificity, gate_task_nmi, mutual_information
from neuralzoo.plugins.modular.network import ExpertOutputs, choose, mix_outputs, mix_probabilities
from neuralzoo.registry import Task, create, get

CLASSES = Task(kind="classification", input="tabular", shape=(4,), outputs=3)
NUMBERS = Task(kind="regression", input="tabular", shape=(4,), outputs=2)
LINEAR = {"hidden": ()}


def learner_of(network, task, optimizer_factory=lambda module: Adam(module, 0.01), name="modular", **settings):
    architecture = get(name)
    return architecture.learner(network, architecture.configure(settings), task, optimizer_factory)


def examples(task, n=24, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, *task.shape)).astype(np.float32)
    if task.kind == "classification":
        return x, rng.integers(0, task.outputs, n)
    return x, rng.normal(size=(n, task.outputs)).astype(np.float32)


def random_outputs(task, closed=True):
    rng = np.random.default_rng(5)
    outputs, z = rng.normal(size=(3, 6, task.outputs)), rng.normal(size=(6, 3))
    return ExpertOutputs(outputs, choose(z, 2 if closed else None)[0])


OBJECTIVES = {
    "classes, competitive": (CLASSES, lambda o, t: compete(o, t, None, class_density)),
    "regression, competitive": (NUMBERS, lambda o, t: compete(o, t, None, lambda y, d: normal_density(y, d, 0.7))),
    "classes, cooperative": (CLASSES, lambda o, t: cooperate(o, t, None, CrossEntropy(), mix_outputs)),
    "regression, cooperative": (NUMBERS, lambda o, t: cooperate(o, t, None, MeanSquaredError(), mix_outputs)),
    "mixed probabilities": (CLASSES, lambda o, t: cooperate(o, t, None, CrossEntropy(), mix_probabilities)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("closed", [True, False])
def test_gradients_of_each_loss_agree_with_finite_differences(name, closed):
    task, objective = OBJECTIVES[name]
    experts = random_outputs(task, closed)
    target = examples(task, 6)[1]
    _, d, _ = objective(experts, target)
    compare_with_differences("outputs", d.outputs, experts.outputs, lambda: objective(experts, target)[0])
    logits = np.random.default_rng(6).normal(size=(6, 3))
    top_k = 2 if closed else None
    log_gate, pull = choose(logits, top_k)
    _, d, _ = objective(ExpertOutputs(experts.outputs, log_gate), target)
    compare_with_differences(
        "gate logits",
        pull(d.log_gate),
        logits,
        lambda: objective(ExpertOutputs(experts.outputs, choose(logits, top_k)[0]), target)[0],
    )


def test_the_gradient_of_the_load_balance_loss_agrees_with_finite_differences():
    logits = np.random.default_rng(6).normal(size=(6, 3))
    log_gate, pull = choose(logits)
    gradient = pull(load_balance_loss(log_gate)[1])
    compare_with_differences("logits", gradient, logits, lambda: load_balance_loss(choose(logits)[0])[0])


def test_the_load_balance_loss_is_zero_for_equal_loads_and_experts_minus_one_for_a_collapsed_gate():
    assert load_balance_loss(np.log(np.full((8, 4), 0.25)))[0] == pytest.approx(0, abs=1e-12)
    with np.errstate(divide="ignore"):
        assert load_balance_loss(np.log(np.eye(4)[[2] * 8]))[0] == pytest.approx(3)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradients_of_the_gate_logits_add_up_to_zero(name):
    task, objective = OBJECTIVES[name]
    log_gate, pull = choose(np.random.default_rng(6).normal(size=(6, 3)))
    _, d, _ = objective(ExpertOutputs(random_outputs(task).outputs, log_gate), examples(task, 6)[1])
    np.testing.assert_allclose(pull(d.log_gate).sum(axis=1), 0, atol=1e-12)


def test_the_competitive_loss_of_classes_is_the_cross_entropy_of_the_mixture():
    experts, target = random_outputs(CLASSES), examples(CLASSES, 6)[1]
    loss, d, h = compete(experts, target, None, class_density)
    y, pull = mix_probabilities(experts)
    np.testing.assert_allclose(np.exp(y).sum(axis=1), 1)
    value, dy = CrossEntropy()(y, target)
    mixed = pull(dy)
    assert loss == pytest.approx(value)
    np.testing.assert_allclose(d.outputs, mixed.outputs, atol=1e-12)
    np.testing.assert_allclose(choose(experts.log_gate)[1](d.log_gate), choose(experts.log_gate)[1](mixed.log_gate))
    np.testing.assert_allclose(h.sum(axis=1), 1)


def test_the_competitive_loss_has_the_value_of_its_formula():
    outputs = np.array([[[1.0]], [[3.0]]])
    loss, _, h = compete(ExpertOutputs(outputs, np.log([[0.25, 0.75]])), np.array([[2.0]]), None, normal_density)
    assert loss == pytest.approx(0.5)  # both are 1 away: exp(-1/2) whatever the gate says
    np.testing.assert_allclose(h, [[0.25, 0.75]])
    loss, _, h = compete(ExpertOutputs(outputs, np.log([[0.25, 0.75]])), np.array([[1.0]]), None, normal_density)
    assert loss == pytest.approx(-math.log(0.25 + 0.75 * math.exp(-2)))


def two_lines(n=80):
    """Return points on two crossing lines, the left and the right half of which the gate can separate."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (n, 1))
    return x, np.where(x < 0, 1 + 2 * x, 1 - 2 * x) + 0.1 * rng.normal(size=(n, 1))


LINES = Task(kind="regression", input="tabular", shape=(1,), outputs=1)


def test_the_likelihood_never_falls_when_em_fits_two_lines():
    x, y = two_lines()
    settings = {"experts": 2, "expert_settings": LINEAR, "output_std": 0.3, "update": "em", "m_steps": 200}
    network = create("modular", task=LINES, **settings).astype(np.float64)
    # The M-step is convex: steps of at most one over the largest curvature never go up.
    curvature = np.linalg.eigvalsh(np.hstack([x, np.ones_like(x)]).T @ np.hstack([x, np.ones_like(x)]) / len(x)).max()
    rate = 1 / (curvature / 0.3**2)
    learner = learner_of(network, LINES, lambda module: SGD(module, rate), **settings)
    ctx = Context(training=True, rng=np.random.default_rng(0))
    losses = [learner.learn((x, y), ctx)["loss"] for _ in range(40)]
    assert max(np.diff(losses)) <= 1e-12
    assert losses[-1] < losses[0] / 5
    assert learner.evaluate((x, y))["mean_squared_error"] < 0.03


def test_em_keeps_the_responsibilities_for_all_steps_of_a_batch_and_its_learning_rate():
    x, y = two_lines()
    settings = {"experts": 2, "expert_settings": LINEAR}
    one = create("modular", task=LINES, **settings).astype(np.float64)
    em = create("modular", task=LINES, **settings).astype(np.float64)
    rates = []

    def falling(step):
        rates.append(step)
        return 0.1

    ctx = Context(training=True, rng=np.random.default_rng(0))
    learner = learner_of(em, LINES, lambda m: SGD(m, falling), update="em", m_steps=3, **settings)
    learner.learn((x, y), ctx)
    learner.learn((x, y), ctx)
    assert rates == [0, 0, 0, 1, 1, 1]
    step = learner_of(one, LINES, lambda m: SGD(m, 0.1), **settings)
    for _ in range(6):
        step.learn((x, y), ctx)
    assert not np.array_equal(one.pack(), em.pack())


def test_fixed_responsibilities_have_the_gradient_of_the_expected_likelihood():
    experts, target = random_outputs(NUMBERS, closed=False), examples(NUMBERS, 6)[1]
    h = np.random.default_rng(1).dirichlet([1, 1, 1], 6)

    def expected():
        return -float((h * (experts.log_gate + normal_density(experts.outputs, target)[0])).sum() / 6)

    _, d, _ = compete(experts, target, h, normal_density)
    compare_with_differences("outputs", d.outputs, experts.outputs, expected)
    compare_with_differences("log g", d.log_gate, experts.log_gate, expected)


@pytest.mark.parametrize("settings", [{"expert_settings": {"hidden": []}, "task_columns": [6, 7, 8, 9]}])
def test_competitive_experts_find_the_four_sub_tasks_where_cooperative_ones_do_not(settings):
    from neuralzoo.experiments import datasets

    data = datasets.load("four-subtasks", train=1000, test=300)
    found = {}
    for loss in ("competitive", "cooperative"):
        network = create("modular", task=data.task, loss=loss, **settings)
        learner = learner_of(network, data.task, loss=loss, **settings)
        Trainer(learner, epochs=25).run(ArrayBatches(data.train, 32, shuffle=True))
        found[loss] = gate_task_nmi(network, data)
        if loss == "competitive":
            assert ablation_specificity(network, data) > 0.95
            assert (ablation_harm(network, data) > 1).sum() == 4
    assert found["competitive"] > 0.9 > found["cooperative"]


def test_ablation_specificity_is_zero_if_two_experts_share_a_sub_task():
    from neuralzoo.experiments import datasets
    from neuralzoo.experiments.datasets.conflicting_subtasks import WEIGHTS

    data = datasets.load("four-subtasks", train=10, test=200)
    network = create("modular", task=data.task, expert_settings=LINEAR, task_columns=[6, 7, 8, 9])
    knows = 50 * np.eye(4, dtype=np.float32)
    for own, sharing in ((1, False), (0, True)):  # of expert 1; then it shares that of expert 0
        gate = network.gate.dense[0]
        gate.weight.value[...] = 0
        gate.weight.value[6:] = knows
        gate.weight.value[6, 1] = 50 * sharing
        for i, expert in enumerate(network.experts):
            dense = expert.layer.dense[0]
            dense.weight.value[:, 0] = WEIGHTS[0 if sharing and i == 1 else i]
            dense.bias.value[...] = (1, -1, 0, 0)[i] * sharing  # the errors of two who share cancel
        assert ablation_harm(network, data).argmax(axis=1)[1] == own
        assert ablation_specificity(network, data) == (0 if sharing else pytest.approx(1))


def test_mutual_information_of_a_hard_gate_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    experts, tasks = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    experts = np.where(rng.random(200) < 0.5, experts, tasks % 3)
    expected = metrics.normalized_mutual_info_score(tasks, experts, average_method="geometric")
    assert mutual_information(np.eye(3)[experts], tasks) == pytest.approx(expected)
    assert mutual_information(np.full((200, 4), 0.25), tasks) == pytest.approx(0, abs=1e-12)
    assert mutual_information(np.eye(4)[(tasks + 1) % 4], tasks) == pytest.approx(1)


def test_expert_usage_is_measured_over_the_whole_dataset_and_not_by_batch():
    task = Task(kind="classification", input="tabular", shape=(3,), outputs=2)
    settings = {"experts": 2, "task_columns": (0,), "fixed_routing": True}
    learner = learner_of(create("modular", task=task, **settings), task, **settings)
    x = np.ones((8, 3), np.float32)
    x[:4, 0] = 0
    y = np.zeros(8, np.int64)
    assert learner.evaluate((x[:4], y[:4]))["max_expert_load"] == 1
    whole = learner.evaluate_all([(x[:4], y[:4]), (x[4:], y[4:])])
    assert whole["max_expert_load"] == pytest.approx(0.5)
    assert whole["gate_entropy"] == pytest.approx(math.log(2))
    assert usage(np.array([0.0, 1.0])) == {"gate_entropy": 0.0, "max_expert_load": 1.0}


def test_a_collapsed_gate_is_logged_once_with_its_entropy(caplog):
    network = create("modular", task=CLASSES)
    network.gate.dense[0].bias.value[...] = [0, 30, 0, 0]
    learner = learner_of(network, CLASSES)
    data = examples(CLASSES, 600)
    ctx = Context(training=True, rng=np.random.default_rng(0))
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            learner.learn(data, ctx)
    assert len(caplog.records) == 1
    text = caplog.records[0].getMessage()
    assert text.startswith(
        "modular: at step 1 expert 2 of 4 gets 100 % of the gate's weight (entropy of the mean gate 0.00 of 1"
    )
    caplog.clear()
    healthy = learner_of(create("modular", task=CLASSES), CLASSES)
    for _ in range(5):
        healthy.learn(data, ctx)
    assert not caplog.records


def test_load_balancing_restores_a_collapsed_gate():
    data = examples(CLASSES, 64)
    loads = {}
    for weight in (0.0, 1.0):
        network = create("modular", task=CLASSES, seed=1)
        network.gate.dense[0].bias.value[...] = [0, 3, 0, 0]
        learner = learner_of(network, CLASSES, lambda m: SGD(m, 0.5), load_balance_weight=weight)
        for _ in range(60):
            learner.learn(data, Context(training=True, rng=np.random.default_rng(0)))
        loads[weight] = learner.evaluate(data)["max_expert_load"]
    assert loads[1.0] < 0.4 < loads[0.0]


def test_candidates_that_are_matched_have_equal_numbers_of_parameters():
    from neuralzoo.experiments.claims.runner import check_sizes

    for claim in get("modular").claims:
        check_sizes(claim)


def test_the_claim_about_epochs_compares_full_batch_steps_until_the_same_training_accuracy():
    from neuralzoo.experiments.running.preflight import prepare

    claim = next(claim for claim in get("modular").claims if claim.name == "half-the-epochs")
    mixture, plain = (candidate.experiment for candidate in claim.candidates)
    assert len(prepare(mixture).train) == len(prepare(plain).train) == 1
    assert mixture.stop_condition == plain.stop_condition == ("train/accuracy", ">=", 0.9)
    assert (mixture.epochs, mixture.validation) == (plain.epochs, plain.validation)
    assert len(claim.seeds) == 25
