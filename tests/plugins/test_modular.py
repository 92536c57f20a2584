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
from neuralzoo.plugins.modular.layers import FixedGate
from neuralzoo.registry import SettingError, Task, create, get

CLASSES = Task(kind="classification", input="tabular", shape=(4,), outputs=3)
NUMBERS = Task(kind="regression", input="tabular", shape=(4,), outputs=2)


def learner_of(network, task, optimizer_factory=lambda module: Adam(module, 0.01), name="modular", **settings):
    architecture = get(name)
    return architecture.learner(network, architecture.configure(settings), task, optimizer_factory)


def examples(task, n=24, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, *task.shape)).astype(np.float32)
    if task.kind == "classification":
        return x, rng.integers(0, task.outputs, n)
    return x, rng.normal(size=(n, task.outputs)).astype(np.float32)


VARIANTS = [
    {},
    {"top_k": 2, "noise": 0.1, "load_balance_weight": 0.1},
    {"loss": "cooperative"},
    {"update": "em"},
    {"experts": 1},
    {"experts": 2, "extra_experts": [{"name": "fnn", "settings": {"hidden": [5, 5]}}], "output_std": 0.5},
    {"experts": 3, "task_columns": [1], "gate_settings": {"hidden": [4]}},
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
        for name, settings in {
            "dense": {},
            "top_k": {"top_k": 2},
            "task columns": {"experts": 3, "task_columns": [1]},
        }.items()
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


def test_zero_experts_raise_an_error():
    with pytest.raises(SettingError) as caught:
        create("modular", experts=0)
    assert str(caught.value) == "modular got experts=0; it needs to be greater than or equal to 1"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"expert": "fn"}, ("expert: ", "'fn'", "did you mean fnn")),
        ({"expert_settings": {"hiden": [3]}}, ("expert: fnn", "hiden", "did you mean hidden")),
        ({"gate_settings": {"dropout": 1.5}}, ("gate: fnn", "dropout", "1.5", "less than 1")),
        (
            {"extra_experts": [{"name": "fnn", "settings": {"activation": "rleu"}}]},
            ("extra_experts[0]: fnn", "did you mean relu"),
        ),
        ({"top_k": 5}, ("top_k is 5", "at most 4")),
        ({"fixed_routing": True}, ("fixed_routing is true", "has 0", "1 or 4")),
        ({"task_columns": [0, 0]}, ("task_columns has 0, 0", "each column once")),
        ({"task_columns": [4]}, ("task_columns=[4]", "shape (4,)")),
        ({"task_columns": [0, 1, 2, 3]}, ("leave the experts an input",)),
        ({"update": "em", "loss": "cooperative"}, ("update is em", "competitive")),
        ({"expert": "lstm", "expert_settings": {}}, ("lstm got tabular inputs",)),
    ],
    ids=str,
)
def test_a_wrong_setting_raises_an_error_that_names_it(settings, words):
    with pytest.raises(SettingError) as caught:
        create("modular", **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_experts_may_be_of_any_architecture_that_reads_the_examples():
    task = Task(kind="classification", input="sequence", shape=(6, 3), outputs=3)
    settings = {"expert": "gru", "expert_settings": {"hidden": 5}, "extra_experts": [{"name": "fnn"}], "experts": 2}
    network = create("modular", task=task, **settings)
    assert [type(expert).__name__ for expert in network.experts][2] == "FNN"
    assert network.experts[0] is not network.experts[1]
    x, y = examples(task)
    learner = learner_of(network, task, **settings)
    start = learner.evaluate((x, y))["loss"]
    Trainer(learner, epochs=60).run(ArrayBatches((x, y), 24))
    assert learner.evaluate((x, y))["loss"] < start / 2


def test_gradients_with_every_kind_of_gate_agree_with_finite_differences():
    for settings in VARIANTS:
        if not settings.get("noise"):
            network = create("modular", task=CLASSES, **settings).astype(np.float64)
            compare_parameter_gradients(network, examples(CLASSES, 3)[0].astype(np.float64), True, 8)


def test_top_k_with_all_experts_is_the_dense_mixture():
    x = examples(CLASSES)[0]
    dense, sparse = (create("modular", task=CLASSES, seed=1, top_k=top) for top in (None, 4))
    assert np.array_equal(dense.predict(x), sparse.predict(x))


def test_top_k_computes_the_experts_of_the_largest_gate_weights_only():
    x = examples(CLASSES)[0]
    network = create("modular", task=CLASSES, seed=1, top_k=2)
    dense = create("modular", task=CLASSES, seed=1).gates(x)
    gates = network.gates(x)
    assert ((gates > 0).sum(axis=1) == 2).all()
    kept = np.where(gates > 0, dense, 0)
    np.testing.assert_allclose(gates, kept / kept.sum(axis=1, keepdims=True), rtol=1e-5)
    assert (kept.max(axis=1) == dense.max(axis=1)).all()
    counts = []
    for i, expert in enumerate(network.experts):
        network.experts[i] = CountingExpert(expert, counts)
    network.predict(x)
    assert sum(counts) == 2 * len(x)


class CountingExpert(type(create("fnn"))):
    """An expert that counts the examples that are routed to it."""

    def __init__(self, expert, counts):
        self.layers = expert.layers
        self.counts = counts

    def __call__(self, x, ctx):
        self.counts.append(len(x))
        return super().__call__(x, ctx)


@pytest.mark.parametrize("task", [CLASSES, NUMBERS], ids=["classes", "numbers"])
@pytest.mark.parametrize("columns", [(0,), (0, 1, 2)], ids=["one column", "a column for each"])
def test_experts_learn_from_the_examples_routed_to_them_only(task, columns):
    x, target = examples(task)
    owner = np.arange(len(x)) % 2  # of three experts, the last one has nothing to do
    x[:, columns] = owner[:, None] if len(columns) == 1 else np.eye(3)[owner]
    settings = {"experts": 3, "task_columns": columns, "fixed_routing": True}
    network = create("modular", task=task, **settings)
    objective = learner_of(network, task, **settings).objective.loss

    def gradients(rows):
        ctx = Context(training=True, grads=Gradients(network))
        experts, pull = network.expert_outputs(x[rows], ctx)
        pull(objective(experts, target[rows], None)[1])
        return {name: ctx.grads[p].copy() for name, p in network.trainable_parameters().items()}

    together, alone = gradients(slice(None)), gradients(owner == 0)
    for name in together:
        if name.startswith("experts.0"):
            assert np.abs(together[name]).max() > 0
            np.testing.assert_allclose(together[name], alone[name] / 2, rtol=1e-4, atol=1e-6)  # means over 24 and 12
        else:
            assert not alone[name].any()
        assert together[name].any() != name.startswith("experts.2")


def test_a_fixed_route_to_no_expert_raises_an_error():
    network = create("modular", task=CLASSES, experts=3, task_columns=(0,), fixed_routing=True)
    with pytest.raises(ValueError, match="FixedGate got experts from 0 to 3 in column 0; it needs indices from 0 to 2"):
        network.predict(np.array([[0, 1, 1, 1], [3, 1, 1, 1]], np.float32))


def test_fixed_routing_by_fractions_raises_an_error():
    with pytest.raises(ValueError, match="values in column 1 that are not whole; it needs indices of experts"):
        FixedGate([1], 3).predict(np.array([[0, 1], [0, 1.4]], np.float32))


def test_experts_do_not_depend_on_the_task_columns():
    network = create("modular", task=CLASSES, task_columns=(1, 3), seed=2)
    x = examples(CLASSES)[0]
    other = x.copy()
    other[:, [1, 3]] += 1
    before, after = (network.expert_outputs(inputs, Context())[0] for inputs in (x, other))
    assert np.array_equal(before.outputs, after.outputs)
    assert not np.allclose(before.log_gate, after.log_gate)


def test_without_an_expert_the_weights_of_the_others_are_renormalised():
    x = examples(CLASSES)[0]
    network = create("modular", task=CLASSES, seed=1)
    experts = network.expert_outputs(x, Context(), without=2)[0]
    gates = network.gates(x)
    gates[:, 2] = 0
    np.testing.assert_allclose(np.exp(experts.log_gate), gates / gates.sum(axis=1, keepdims=True), rtol=1e-5)
    with pytest.raises(ValueError, match="only expert"):
        create("modular", experts=1).expert_outputs(x, Context(), without=0)


def test_examples_of_a_removed_expert_get_equal_weights_of_the_others():
    x = examples(CLASSES)[0]
    x[:, 0] = np.arange(len(x)) % 3
    network = create("modular", task=CLASSES, experts=3, task_columns=(0,), fixed_routing=True)
    gates = np.exp(network.expert_outputs(x, Context(), without=1)[0].log_gate)
    np.testing.assert_allclose(gates, np.array([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]])[np.arange(len(x)) % 3])


def test_scale_width_changes_the_experts_and_not_the_gate():
    modular = get("modular")
    config = modular.configure({"expert_settings": {"hidden": [20]}, "extra_experts": [{"name": "fnn"}]})
    small = modular.scale_width(config, 0.5)
    assert small.expert_settings["hidden"] == [10]
    assert small.extra_experts[0].settings["hidden"] == [128, 64]
    assert small.gate_settings == config.gate_settings


@pytest.mark.parametrize(("name", "panels"), [("peterson-barney", 4), ("four-subtasks", 4), ("mnist1d", 10)])
def test_expert_usage_shows_the_gate_by_sub_task(name, panels, tmp_path):
    pytest.importorskip("matplotlib")
    from neuralzoo.experiments import datasets
    from neuralzoo.experiments.running.files import save_figure

    data = datasets.load(name)
    network = create("modular", task=data.task)
    for declared in get("modular").figures:
        with save_figure(tmp_path / f"{declared.name}.png") as figure:
            declared.draw(figure, network, data)
    shares = np.array(figure.axes[0].images[0].get_array())
    assert shares.shape == (4, panels)
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-4)


def test_the_gate_map_of_a_single_feature_is_drawn_on_a_line(tmp_path):
    pytest.importorskip("matplotlib")
    from neuralzoo.experiments.running.files import save_figure

    task = CLASSES.model_copy(update={"shape": (1,)})
    data = SimpleNamespace(test=examples(task), classes=(), task=task)
    with save_figure(tmp_path / "gate_map.png") as figure:
        get("modular").figures[0].draw(figure, create("modular", task=task), data)
    x = data.test[0][:, 0]
    drawn = np.concatenate([points.get_offsets() for points in figure.axes[0].collections])
    np.testing.assert_allclose(np.sort(abs(drawn[:, 0])), np.sort(abs(x - x.mean())), atol=1e-6)
    assert not drawn[:, 1].any()


def test_parameter_gradients_do_not_depend_on_the_gradient_of_the_input():
    x, target = examples(CLASSES)
    network = create("modular", task=CLASSES, top_k=2, task_columns=(1,))
    vectors = []
    for data in (None, x):
        ctx = Context(training=True, rng=np.random.default_rng(0), grads=Gradients(network), inputs_without_grad=data)
        y, pull = network(x, ctx)
        pull(CrossEntropy()(y, target)[1])
        vectors.append(ctx.grads.vector.copy())
    assert np.array_equal(*vectors)
