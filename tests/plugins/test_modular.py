from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from neuralzoo.core.batches import ArrayBatches
from neuralzoo.core.blocks.losses import CrossEntropy
from neuralzoo.core.blocks.optimizers import Adam
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.testing import checks_for_architecture, checks_for_layer
from neuralzoo.core.testing.differences import compare_parameter_gradients
from neuralzoo.core.trainer import Trainer
from neuralzoo.plugins.modular.layers import Assignment
from neuralzoo.registry import SettingError, Task, create, get

CLASSES = Task(kind="classification", input="tabular", shape=(4,), outputs=3)
NUMBERS = Task(kind="regression", input="tabular", shape=(4,), outputs=2)


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


def mixture_layer(rng, settings):
    modular = get("modular")
    return modular.build(modular.configure(settings), CLASSES, rng)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, settings in {"dense": {}, "top": {"top": 2}, "field": {"experts": 3, "field": [1]}}.items()
        for check in checks_for_layer(partial(mixture_layer, settings=settings), examples(CLASSES, 5)[0])
    ],
)
def test_a_mixture_is_a_layer_whose_inputs_have_gradients_too(check):
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


def test_a_field_that_is_a_measurement_assigns_nobody():
    with pytest.raises(ValueError, match="numbers at place 1 that are not whole; it needs the numbers of experts"):
        Assignment([1], 3).predict(np.array([[0, 1], [0, 1.4]], np.float32))


def test_experts_do_not_see_the_field():
    network = create("modular", task=CLASSES, field=(1, 3), seed=2)
    x = examples(CLASSES)[0]
    other = x.copy()
    other[:, [1, 3]] += 1
    before, after = (network.opinions(inputs, Context())[0] for inputs in (x, other))
    assert np.array_equal(before.answers, after.answers)
    assert not np.allclose(before.log_gate, after.log_gate)


def test_without_an_expert_the_others_share_its_weight():
    x = examples(CLASSES)[0]
    network = create("modular", task=CLASSES, seed=1)
    opinions = network.opinions(x, Context(), without=2)[0]
    gates = network.gates(x)
    gates[:, 2] = 0
    np.testing.assert_allclose(np.exp(opinions.log_gate), gates / gates.sum(axis=1, keepdims=True), rtol=1e-5)
    with pytest.raises(ValueError, match="only expert"):
        create("modular", experts=1).opinions(x, Context(), without=0)


def test_examples_that_only_the_removed_expert_was_for_go_to_all_others_alike():
    x = examples(CLASSES)[0]
    x[:, 0] = np.arange(len(x)) % 3
    network = create("modular", task=CLASSES, experts=3, field=(0,), assigned=True)
    gates = np.exp(network.opinions(x, Context(), without=1)[0].log_gate)
    np.testing.assert_allclose(gates, np.array([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]])[np.arange(len(x)) % 3])


def test_resizing_changes_the_experts_and_not_the_gate():
    modular = get("modular")
    config = modular.configure({"expert_settings": {"hidden": [20]}, "others": [{"name": "fnn"}]})
    small = modular.resize(config, 0.5)
    assert small.expert_settings["hidden"] == [10]
    assert small.others[0].settings["hidden"] == [128, 64]
    assert small.gate_settings == config.gate_settings


@pytest.mark.parametrize(("name", "panels"), [("peterson-barney", 4), ("four-subtasks", 4), ("mnist1d", 10)])
def test_pictures_show_the_gate_by_sub_task(name, panels, tmp_path):
    pytest.importorskip("matplotlib")
    from neuralzoo.experiments import datasets
    from neuralzoo.experiments.running.figures import page

    data = datasets.load(name)
    network = create("modular", task=data.task)
    for declared in get("modular").figures:
        with page(tmp_path / f"{declared.name}.png") as figure:
            declared.draw(figure, network, data)
    shares = np.array(figure.axes[0].images[0].get_array())
    assert shares.shape == (4, panels)
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-4)


def test_the_gate_of_examples_of_one_number_is_drawn_on_a_line(tmp_path):
    pytest.importorskip("matplotlib")
    from neuralzoo.experiments.running.figures import page

    task = CLASSES.model_copy(update={"shape": (1,)})
    data = SimpleNamespace(test=examples(task), classes=(), task=task)
    with page(tmp_path / "gate_map.png") as figure:
        get("modular").figures[0].draw(figure, create("modular", task=task), data)
    x = data.test[0][:, 0]
    drawn = np.concatenate([marks.get_offsets() for marks in figure.axes[0].collections])
    np.testing.assert_allclose(np.sort(abs(drawn[:, 0])), np.sort(abs(x - x.mean())), atol=1e-6)
    assert not drawn[:, 1].any()


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
