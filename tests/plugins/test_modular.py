import logging
import math

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.losses import CrossEntropy, MeanSquaredError
from neuralzoo.core.blocks.optimizers import SGD, Adam
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.core.testing.differences import compare_parameter_gradients, compare_with_differences
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.modular.experiment import agreement, harm_to_its_own, harms, mutual_information
from neuralzoo.plugins.modular.learner import (
    balance_term,
    class_density,
    compete,
    cooperate,
    normal_density,
    usage,
)
from neuralzoo.plugins.modular.network import Opinions, blend_classes, blend_numbers, choose
from neuralzoo.registry import SettingError, Task, create, get

CLASSES = Task(kind="classification", input="tabular", shape=(4,), outputs=3)
NUMBERS = Task(kind="regression", input="tabular", shape=(4,), outputs=2)
LINEAR = {"hidden": ()}


def learner_of(network, task, make_optimizer=lambda module: Adam(module, 0.01), name="modular", **settings):
    architecture = get(name)
    return architecture.learner(network, architecture.configure(settings), task, make_optimizer)


def examples(task, n=24, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, *task.shape)).astype(np.float32)
    if task.kind == "classification":
        return x, rng.integers(0, task.outputs, n)
    return x, rng.normal(size=(n, task.outputs)).astype(np.float32)


VARIANTS = [
    {},
    {"top": 2, "noise": 0.1, "balance": 0.1},
    {"loss": "cooperative"},
    {"update": "em"},
    {"experts": 1},
    {"experts": 2, "others": [{"name": "fnn", "settings": {"hidden": [5, 5]}}], "deviation": 0.5},
    {"experts": 3, "field": [1], "gate_settings": {"hidden": [4]}},
]


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{number}-{check}")
        for number, settings in enumerate(VARIANTS)
        for check in checks_for_architecture(get("modular"), settings=settings)
    ],
)
def test_modular_conforms(check):
    check()


@pytest.mark.parametrize("task", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_a_mixture_of_one_is_that_network_bit_for_bit_before_and_after_training(task):
    settings = {"hidden": (7,), "dropout": 0.2}
    mixture = create("modular", task=task, seed=3, experts=1, expert_settings=settings)
    alone = create("fnn", task=task, seed=3, **settings)
    data = examples(task)
    assert np.array_equal(mixture.predict(data[0]), alone.predict(data[0]))
    for network, name, own in ((mixture, "modular", {"experts": 1}), (alone, "fnn", {})):
        Trainer(learner_of(network, task, name=name, **own), epochs=5, seed=1).run(ArrayBatches(data, 8, shuffle=True))
    assert np.array_equal(mixture.predict(data[0]), alone.predict(data[0]))


def test_there_is_a_sentence_for_no_experts():
    with pytest.raises(SettingError) as caught:
        create("modular", experts=0)
    assert str(caught.value) == "modular got experts=0; it needs to be greater than or equal to 1"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"expert": "fn"}, ("expert: ", "'fn'", "did you mean fnn")),
        ({"expert_settings": {"hiden": [3]}}, ("expert: fnn", "hiden", "did you mean hidden")),
        ({"gate_settings": {"dropout": 1.5}}, ("gate: fnn", "dropout", "1.5", "less than 1")),
        ({"others": [{"name": "fnn", "settings": {"activation": "rleu"}}]}, ("others[0]: fnn", "did you mean relu")),
        ({"top": 5}, ("top is 5", "at most 4")),
        ({"assigned": True}, ("assigned is true", "0 places", "1 or 4")),
        ({"field": [0, 0]}, ("field has 0, 0", "each place once")),
        ({"field": [4]}, ("field=[4]", "shape (4,)")),
        ({"field": [0, 1, 2, 3]}, ("leave the experts something",)),
        ({"update": "em", "loss": "cooperative"}, ("update is em", "competitive")),
        ({"expert": "lstm", "expert_settings": {}}, ("lstm got tabular inputs",)),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_with_what_it_needs(settings, words):
    with pytest.raises(SettingError) as caught:
        create("modular", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_experts_may_be_of_any_architecture_that_reads_the_examples():
    task = Task(kind="classification", input="sequence", shape=(6, 3), outputs=3)
    settings = {"expert": "gru", "expert_settings": {"hidden": 5}, "others": [{"name": "fnn"}], "experts": 2}
    network = create("modular", task=task, **settings)
    assert [type(expert).__name__ for expert in network.experts][2] == "FNN"
    assert network.experts[0] is not network.experts[1]
    x, y = examples(task)
    learner = learner_of(network, task, **settings)
    start = learner.evaluate((x, y))["loss"]
    Trainer(learner, epochs=60).run(ArrayBatches((x, y), 24))
    assert learner.evaluate((x, y))["loss"] < start / 2


def random_opinions(task, closed=True):
    rng = np.random.default_rng(5)
    answers, z = rng.normal(size=(3, 6, task.outputs)), rng.normal(size=(6, 3))
    return Opinions(answers, choose(z, 2 if closed else None)[0])


OBJECTIVES = {
    "classes compete": (CLASSES, lambda o, t: compete(o, t, None, class_density)),
    "numbers compete": (NUMBERS, lambda o, t: compete(o, t, None, lambda y, d: normal_density(y, d, 0.7))),
    "classes cooperate": (CLASSES, lambda o, t: cooperate(o, t, None, CrossEntropy(), blend_numbers)),
    "numbers cooperate": (NUMBERS, lambda o, t: cooperate(o, t, None, MeanSquaredError(), blend_numbers)),
    "blended classes": (CLASSES, lambda o, t: cooperate(o, t, None, CrossEntropy(), blend_classes)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("closed", [True, False])
def test_gradients_of_a_loss_are_those_of_finite_differences(name, closed):
    task, objective = OBJECTIVES[name]
    opinions = random_opinions(task, closed)
    target = examples(task, 6)[1]
    _, d, _ = objective(opinions, target)
    compare_with_differences("answers", d.answers, opinions.answers, lambda: objective(opinions, target)[0])
    logits = np.random.default_rng(6).normal(size=(6, 3))
    top = 2 if closed else None
    log_gate, pull = choose(logits, top)
    _, d, _ = objective(Opinions(opinions.answers, log_gate), target)
    compare_with_differences(
        "the gate's logits",
        pull(d.log_gate),
        logits,
        lambda: objective(Opinions(opinions.answers, choose(logits, top)[0]), target)[0],
    )


def test_the_gradient_of_balance_is_that_of_finite_differences():
    logits = np.random.default_rng(6).normal(size=(6, 3))
    log_gate, pull = choose(logits)
    gradient = pull(balance_term(log_gate)[1])
    compare_with_differences("logits", gradient, logits, lambda: balance_term(choose(logits)[0])[0])


def test_balance_is_zero_for_equal_shares_and_the_number_of_others_for_one_alone():
    assert balance_term(np.log(np.full((8, 4), 0.25)))[0] == pytest.approx(0, abs=1e-12)
    with np.errstate(divide="ignore"):
        assert balance_term(np.log(np.eye(4)[[2] * 8]))[0] == pytest.approx(3)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradients_of_the_gate_add_up_to_zero(name):
    task, objective = OBJECTIVES[name]
    log_gate, pull = choose(np.random.default_rng(6).normal(size=(6, 3)))
    _, d, _ = objective(Opinions(random_opinions(task).answers, log_gate), examples(task, 6)[1])
    np.testing.assert_allclose(pull(d.log_gate).sum(axis=1), 0, atol=1e-12)


def test_competing_classes_have_the_likelihood_of_the_blend():
    opinions, target = random_opinions(CLASSES), examples(CLASSES, 6)[1]
    loss, d, h = compete(opinions, target, None, class_density)
    y, pull = blend_classes(opinions)
    np.testing.assert_allclose(np.exp(y).sum(axis=1), 1)
    value, dy = CrossEntropy()(y, target)
    blended = pull(dy)
    assert loss == pytest.approx(value)
    np.testing.assert_allclose(d.answers, blended.answers, atol=1e-12)
    np.testing.assert_allclose(choose(opinions.log_gate)[1](d.log_gate), choose(opinions.log_gate)[1](blended.log_gate))
    np.testing.assert_allclose(h.sum(axis=1), 1)


def test_the_competitive_loss_has_the_value_of_its_formula():
    answers = np.array([[[1.0]], [[3.0]]])
    loss, _, h = compete(Opinions(answers, np.log([[0.25, 0.75]])), np.array([[2.0]]), None, normal_density)
    assert loss == pytest.approx(0.5)  # both are 1 away: exp(-1/2) whatever the gate says
    np.testing.assert_allclose(h, [[0.25, 0.75]])
    loss, _, h = compete(Opinions(answers, np.log([[0.25, 0.75]])), np.array([[1.0]]), None, normal_density)
    assert loss == pytest.approx(-math.log(0.25 + 0.75 * math.exp(-2)))


def test_the_whole_network_has_the_gradients_of_finite_differences_with_every_kind_of_gate():
    for settings in VARIANTS:
        if not settings.get("noise"):
            network = create("modular", task=CLASSES, **settings).astype(np.float64)
            compare_parameter_gradients(network, examples(CLASSES, 3)[0].astype(np.float64), True, 8)


def test_top_k_with_all_experts_is_the_dense_mixture():
    x = examples(CLASSES)[0]
    dense, sparse = (create("modular", task=CLASSES, seed=1, top=top) for top in (None, 4))
    assert np.array_equal(dense.predict(x), sparse.predict(x))


def test_top_k_asks_the_most_trusted_experts_only():
    x = examples(CLASSES)[0]
    network = create("modular", task=CLASSES, seed=1, top=2)
    dense = create("modular", task=CLASSES, seed=1).gates(x)
    gates = network.gates(x)
    assert ((gates > 0).sum(axis=1) == 2).all()
    kept = np.where(gates > 0, dense, 0)
    np.testing.assert_allclose(gates, kept / kept.sum(axis=1, keepdims=True), rtol=1e-5)
    assert (kept.max(axis=1) == dense.max(axis=1)).all()
    asked = []
    for i, expert in enumerate(network.experts):
        network.experts[i] = Listener(expert, asked)
    network.predict(x)
    assert sum(asked) == 2 * len(x)


class Listener(type(create("fnn"))):
    """An expert that notes how many examples it was asked about."""

    def __init__(self, expert, asked):
        self.layers = expert.layers
        self.asked = asked

    def __call__(self, x, ctx):
        self.asked.append(len(x))
        return super().__call__(x, ctx)


@pytest.mark.parametrize("task", [CLASSES, NUMBERS], ids=["classes", "numbers"])
@pytest.mark.parametrize("field", [(0,), (0, 1, 2)], ids=["a number", "a place for each"])
def test_experts_learn_from_the_examples_assigned_to_them_only(task, field):
    x, target = examples(task)
    owner = np.arange(len(x)) % 2  # of three experts, the last one has nothing to do
    x[:, field] = owner[:, None] if len(field) == 1 else np.eye(3)[owner]
    settings = {"experts": 3, "field": field, "assigned": True}
    network = create("modular", task=task, **settings)
    objective = learner_of(network, task, **settings).aims.objective

    def gradients(rows):
        ctx = Context(training=True, grads=Gradients(network))
        opinions, pull = network.opinions(x[rows], ctx)
        pull(objective(opinions, target[rows], None)[1])
        return {name: ctx.grads[p].copy() for name, p in network.trainable().items()}

    together, alone = gradients(slice(None)), gradients(owner == 0)
    for name in together:
        if name.startswith("experts.0"):
            assert np.abs(together[name]).max() > 0
            np.testing.assert_allclose(together[name], alone[name] / 2, rtol=1e-4, atol=1e-6)  # means over 24 and 12
        else:
            assert not alone[name].any()
        assert together[name].any() != name.startswith("experts.2")


def test_an_assignment_to_nobody_is_told():
    network = create("modular", task=CLASSES, experts=3, field=(0,), assigned=True)
    with pytest.raises(ValueError, match="Assignment got experts from 0 to 3 at place 0; it needs numbers from 0 to 2"):
        network.predict(np.array([[0, 1, 1, 1], [3, 1, 1, 1]], np.float32))


def test_experts_do_not_see_the_field():
    network = create("modular", task=CLASSES, field=(1, 3), seed=2)
    x = examples(CLASSES)[0]
    other = x.copy()
    other[:, [1, 3]] += 1
    before, after = (network.opinions(inputs, Context())[0] for inputs in (x, other))
    assert np.array_equal(before.answers, after.answers)
    assert not np.allclose(before.log_gate, after.log_gate)


def two_lines(n=80):
    """Return points on two crossing lines, the left and the right half of which the gate can tell apart."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (n, 1))
    return x, np.where(x < 0, 1 + 2 * x, 1 - 2 * x) + 0.1 * rng.normal(size=(n, 1))


LINES = Task(kind="regression", input="tabular", shape=(1,), outputs=1)


def test_the_likelihood_never_falls_when_em_fits_two_lines():
    x, y = two_lines()
    settings = {"experts": 2, "expert_settings": LINEAR, "deviation": 0.3, "update": "em", "m_steps": 200}
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
    opinions, target = random_opinions(NUMBERS, closed=False), examples(NUMBERS, 6)[1]
    h = np.random.default_rng(1).dirichlet([1, 1, 1], 6)

    def expected():
        return -float((h * (opinions.log_gate + normal_density(opinions.answers, target)[0])).sum() / 6)

    _, d, _ = compete(opinions, target, h, normal_density)
    compare_with_differences("answers", d.answers, opinions.answers, expected)
    compare_with_differences("log g", d.log_gate, opinions.log_gate, expected)


@pytest.mark.parametrize("settings", [{"expert_settings": {"hidden": []}, "field": [6, 7, 8, 9]}])
def test_experts_that_compete_find_the_four_sub_tasks_where_cooperation_does_not(settings):
    from neuralzoo.experiments import datasets

    data = datasets.load("four-subtasks", train=1000, test=300)
    found = {}
    for loss in ("competitive", "cooperative"):
        network = create("modular", task=data.task, loss=loss, **settings)
        learner = learner_of(network, data.task, loss=loss, **settings)
        Trainer(learner, epochs=25).run(ArrayBatches(data.train, 32, shuffle=True))
        found[loss] = agreement(network, data)
        if loss == "competitive":
            assert harm_to_its_own(network, data) > 0.95
            assert (harms(network, data) > 1).sum() == 4
    assert found["competitive"] > 0.9 > found["cooperative"]


def test_mutual_information_of_a_hard_gate_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    experts, tasks = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    experts = np.where(rng.random(200) < 0.5, experts, tasks % 3)
    expected = metrics.normalized_mutual_info_score(tasks, experts, average_method="geometric")
    assert mutual_information(np.eye(3)[experts], tasks) == pytest.approx(expected)
    assert mutual_information(np.full((200, 4), 0.25), tasks) == pytest.approx(0, abs=1e-12)
    assert mutual_information(np.eye(4)[(tasks + 1) % 4], tasks) == pytest.approx(1)


def test_without_an_expert_the_others_share_its_weight():
    x = examples(CLASSES)[0]
    network = create("modular", task=CLASSES, seed=1)
    opinions = network.opinions(x, Context(), without=2)[0]
    gates = network.gates(x)
    gates[:, 2] = 0
    np.testing.assert_allclose(np.exp(opinions.log_gate), gates / gates.sum(axis=1, keepdims=True), rtol=1e-5)
    with pytest.raises(ValueError, match="only expert"):
        create("modular", experts=1).opinions(x, Context(), without=0)


def test_how_experts_are_used_is_measured_over_the_whole_data_and_not_by_batch():
    task = Task(kind="classification", input="tabular", shape=(3,), outputs=2)
    settings = {"experts": 2, "field": (0,), "assigned": True}
    learner = learner_of(create("modular", task=task, **settings), task, **settings)
    x = np.ones((8, 3), np.float32)
    x[:4, 0] = 0
    y = np.zeros(8, np.int64)
    assert learner.evaluate((x[:4], y[:4]))["busiest_share"] == 1
    whole = learner.evaluate_all([(x[:4], y[:4]), (x[4:], y[4:])])
    assert whole["busiest_share"] == pytest.approx(0.5)
    assert whole["gate_entropy"] == pytest.approx(math.log(2))
    assert usage(np.array([0.0, 1.0])) == {"gate_entropy": 0.0, "busiest_share": 1.0}


def test_a_gate_that_collapses_is_told_once_with_the_measure(caplog):
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
    assert text.startswith("modular: expert 2 of 4 gets 100 % of the gate's weight (entropy of the mean gate 0.00 of 1")
    caplog.clear()
    healthy = learner_of(create("modular", task=CLASSES), CLASSES)
    for _ in range(5):
        healthy.learn(data, ctx)
    assert not caplog.records


def test_balance_draws_a_collapsed_gate_back():
    data = examples(CLASSES, 64)
    shares = {}
    for balance in (0.0, 1.0):
        network = create("modular", task=CLASSES, seed=1)
        network.gate.dense[0].bias.value[...] = [0, 3, 0, 0]
        learner = learner_of(network, CLASSES, lambda m: SGD(m, 0.5), balance=balance)
        for _ in range(60):
            learner.learn(data, Context(training=True, rng=np.random.default_rng(0)))
        shares[balance] = learner.evaluate(data)["busiest_share"]
    assert shares[1.0] < 0.4 < shares[0.0]


def test_resizing_changes_the_experts_and_not_the_gate():
    modular = get("modular")
    config = modular.configure({"expert_settings": {"hidden": [20]}, "others": [{"name": "fnn"}]})
    small = modular.resize(config, 0.5)
    assert small.expert_settings["hidden"] == [10]
    assert small.others[0].settings["hidden"] == [128, 64]
    assert small.gate_settings == config.gate_settings


def test_contestants_that_are_matched_have_equal_numbers_of_parameters():
    from neuralzoo.experiments.proofs import check_sizes

    for claim in get("modular").claims:
        check_sizes(claim)


@pytest.mark.parametrize(("name", "panels"), [("peterson-barney", 4), ("four-subtasks", 4), ("mnist1d", 10)])
def test_pictures_show_the_gate_by_sub_task(name, panels, tmp_path):
    pytest.importorskip("matplotlib")
    from neuralzoo.experiments import datasets
    from neuralzoo.experiments.figures import page

    data = datasets.load(name)
    network = create("modular", task=data.task)
    for declared in get("modular").figures:
        with page(tmp_path / f"{declared.name}.png") as figure:
            declared.draw(figure, network, data)
    shares = np.array(figure.axes[0].images[0].get_array())
    assert shares.shape == (4, panels)
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-4)


def test_no_gradient_is_lost_when_the_data_need_none():
    x, target = examples(CLASSES)
    network = create("modular", task=CLASSES, top=2, field=(1,))
    vectors = []
    for data in (None, x):
        ctx = Context(training=True, rng=np.random.default_rng(0), grads=Gradients(network), data=data)
        y, pull = network(x, ctx)
        pull(CrossEntropy()(y, target)[1])
        vectors.append(ctx.grads.vector.copy())
    assert np.array_equal(*vectors)
