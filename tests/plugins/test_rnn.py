import re

import numpy as np
import pytest

from neuralzoo.core.blocks.optimizers import SGD
from neuralzoo.core.blocks.recurrent.layer import Recurrent
from neuralzoo.core.checkpoint import load_checkpoint
from neuralzoo.core.layer import Context, Gradients
from neuralzoo.core.optimizer import DivergenceError
from neuralzoo.core.testing import checks_for_architecture
from neuralzoo.core.trainer import Trainer
from neuralzoo.experiments import run as runner
from neuralzoo.experiments.running import run_folder as folder
from neuralzoo.experiments.running.preflight import prepare, reference
from neuralzoo.experiments.tracking.client import connect
from neuralzoo.plugins.rnn.network import RNNCell, identity, rnn_step
from neuralzoo.registry import SettingError, Task, create, get

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("check", checks_for_architecture(get("rnn")), ids=str)
def test_rnn_conforms(check):
    check()


def recurrence(cell, inputs=3, hidden=4):
    return Recurrent(inputs, lambda inputs, rng: cell(inputs, hidden, rng), np.random.default_rng(1)).astype(np.float64)


def relu_cell(inputs, hidden, rng):
    return RNNCell(inputs, hidden, rng, activation="relu", state_init=identity)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_each_step_is_the_equation_of_the_paper(activation):
    recurrent = recurrence(RNNCell if activation == "tanh" else relu_cell)
    (cell,) = recurrent.cells
    for parameter in cell.named_parameters().values():
        parameter.value[...] = RNG.normal(size=parameter.value.shape)
    x = RNG.normal(size=(2, 5, 3))
    h, f = RNG.normal(size=(2, 4)), np.tanh if activation == "tanh" else lambda z: np.maximum(z, 0)
    W, U, b = cell.weight_ih.value, cell.weight_hh.value, cell.bias.value
    y, (end,), _ = recurrent.run(x, Context(), None, (h[None],))
    for t in range(5):
        h = rnn_step(x[:, t], h, W, U, b, f)
        np.testing.assert_allclose(y[:, t], h, atol=1e-13)
    np.testing.assert_allclose(end[0], h, atol=1e-13)


def test_a_known_value_of_three_steps():
    recurrent = recurrence(RNNCell, inputs=1, hidden=1)
    recurrent.cells[0].weight_ih.value[...] = 2
    recurrent.cells[0].weight_hh.value[...] = 0.5
    first = np.tanh(2)
    needed = [first, np.tanh(0.5 * first), np.tanh(-2 + 0.5 * np.tanh(0.5 * first))]
    np.testing.assert_allclose(recurrent.predict(np.array([[[1.0], [0.0], [-1.0]]]))[0, :, 0], needed, atol=1e-14)


def test_without_weights_from_step_to_step_it_forgets():
    recurrent = recurrence(RNNCell)
    recurrent.cells[0].weight_hh.value[...] = 0
    x = RNG.normal(size=(2, 6, 3))
    order = RNG.permutation(6)
    np.testing.assert_allclose(recurrent.predict(x)[:, order], recurrent.predict(x[:, order]), atol=1e-14)
    _, pull = recurrent(x, Context(training=True))
    dy = np.zeros((2, 6, 4))
    dy[:, 3] = 1
    dx = pull(dy)
    assert dx[:, 3].all()
    assert not np.delete(dx, 3, axis=1).any()


def test_relu_units_with_identity_weights_repeat_their_state():
    recurrent = recurrence(relu_cell)
    initial = abs(RNG.normal(size=(1, 2, 4)))
    y, _, pull = recurrent.run(np.zeros((2, 50, 3)), Context(training=True), None, (initial,))
    np.testing.assert_array_equal(y, np.broadcast_to(initial[0][:, None], y.shape))
    dfinal = RNG.normal(size=(1, 2, 4))
    _, (dinitial,) = pull(np.zeros_like(y), (dfinal,))
    np.testing.assert_array_equal(dinitial, dfinal)  # neither vanished nor exploded


@pytest.mark.parametrize(("factor", "steps"), [(0.5, 40), (2.0, 40)])
def test_the_gradient_vanishes_or_explodes_with_the_power_of_the_recurrent_weights(factor, steps):
    recurrent = recurrence(relu_cell)
    recurrent.cells[0].weight_hh.value[...] = factor * np.eye(4)
    initial = (np.ones((1, 2, 4)),)
    y, _, pull = recurrent.run(np.zeros((2, steps, 3)), Context(training=True), None, initial)
    _, (dinitial,) = pull(np.zeros_like(y), (np.ones((1, 2, 4)),))
    np.testing.assert_allclose(dinitial, factor**steps, rtol=1e-12)


def test_vanishing_gradients_are_flushed_to_zero_before_they_are_subnormal():
    recurrent = recurrence(relu_cell).astype(np.float32)
    recurrent.cells[0].weight_hh.value[...] = 0.5 * np.eye(4)
    grads = Gradients(recurrent)
    x = np.ones((2, 300, 3), np.float32)
    y, pull = recurrent(x, Context(training=True, grads=grads))
    dy = np.zeros_like(y)
    dy[:, -1] = 1
    dx = pull(dy)
    assert np.isfinite(grads.vector).all()
    sizes = abs(dx[dx != 0])
    assert sizes.min() > np.finfo(np.float32).tiny
    assert not dx[:, :100].any()


def test_settings_decide_the_initial_recurrent_weights():
    starts = {
        name: create("rnn", hidden=5, state_init=name).recurrent.cells[0].weight_hh.value
        for name in ("orthogonal", "identity", "glorot_uniform")
    }
    np.testing.assert_array_equal(starts["identity"], np.eye(5))
    np.testing.assert_allclose(starts["orthogonal"] @ starts["orthogonal"].T, np.eye(5), atol=1e-6)
    assert abs(starts["glorot_uniform"]).max() < np.sqrt(6 / 10)
    assert not np.allclose(starts["glorot_uniform"] @ starts["glorot_uniform"].T, np.eye(5), atol=0.1)


def test_settings_decide_the_layers():
    network = create("rnn", hidden=5, layers=2, bidirectional=True, activation="relu", dropout=0.25)
    assert [cell.activation for cell in network.recurrent.cells] == ["relu"] * 4
    assert network.num_parameters == 2 * 5 * (3 + 5 + 1) + 2 * 5 * (10 + 5 + 1) + 3 * (10 + 1)
    assert network.recurrent.dropout.rate == 0.25


def test_scaling_multiplies_the_hidden_width():
    architecture = get("rnn")
    config = architecture.configure({"hidden": 10, "layers": 2})
    assert architecture.scale_width(config, 1.5) == architecture.configure({"hidden": 15, "layers": 2})
    assert architecture.scale_width(config, 0.001).hidden == 1


TEXT = Task(kind="language-modelling", input="tokens", shape=(6,), vocab_size=7, outputs=7)


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        (None, {"hiden": 3}, "no setting .*hiden.*did you mean hidden"),
        (None, {"hidden": 0}, "hidden.*0.*greater than or equal to 1"),
        (None, {"activation": "tahn"}, "tahn.*tanh"),
        (None, {"tbptt_steps": 0}, "tbptt_steps.*0.*greater than or equal to 1"),
        (TEXT, {"bidirectional": True}, "rnn can't be built: a language model got bidirectional=True, with which .*"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_needs(task, settings, words):
    with pytest.raises(SettingError, match=words) as caught:
        create("rnn", task=task, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ["dataset=adding-100", "data.train=64", "data.test=8", "model.bidirectional=false"],
            r"^rnn can't be trained: tbptt_steps got 5 for regression; it needs a task with a target for each step$",
        ),
        (
            ["dataset=embedded-reber", "model.bidirectional=true"],
            r"^rnn can't be trained: tbptt_steps got 5 with bidirectional=True; it needs a network of one direction$",
        ),
    ],
)
def test_invalid_truncation_is_a_setting_error(settings, words):
    with pytest.raises(SettingError, match=words):
        prepare(reference("rnn").set([*settings, "model.tbptt_steps=5"]))


def test_an_exploding_gradient_is_reported_with_step_and_norm():
    architecture = get("rnn")
    task = Task(kind="classification", input="sequence", shape=(25, 3), outputs=3)
    config = architecture.configure({"hidden": 4})
    network = architecture.build(config, task, np.random.default_rng(0))
    network.recurrent.cells[0].weight_hh.value[...] = 10 * np.eye(4)  # h stays 0, for x is 0; dL/dh is 10 to the 25
    learner = architecture.learner(network, config, task, lambda module: SGD(module, 0.1))
    before = network.state()
    with pytest.raises(
        DivergenceError, match=r"^the gradient at step 0 has norm 4\.96e\+23, whose square is too large"
    ):
        learner.learn((np.zeros((2, 25, 3), np.float32), np.array([0, 1])), Context(training=True))
    assert all(np.array_equal(array, before[name]) for name, array in network.state().items())


@pytest.fixture
def diverging():
    """A run that diverges after some epochs: ReLU units, a rising learning rate above 1, no clipping."""
    settings = [
        "dataset=adding-100",
        "data.steps=8",
        "data.train=320",
        "data.test=32",
        "primary_metric=test/loss",
        "epochs=60",
    ]
    settings += ["batch_size=64", "optimizer.name=sgd", "optimizer.lr=3", "optimizer.schedule.warmup=40"]
    settings += ["optimizer.clip=none", "model.hidden=4", "model.bidirectional=false", "model.activation=relu"]
    return reference("rnn").set(settings)


def test_a_run_that_diverges_names_the_step_and_keeps_the_last_good_checkpoint(diverging, tmp_path):
    with pytest.raises(
        DivergenceError, match=r"^the (loss at step \d+ is|gradient at step \d+ has norm) (inf|nan); "
    ) as caught:
        runner.run(diverging, track=False, root=tmp_path)
    step = int(re.search(r"step (\d+)", str(caught.value))[1])
    run_folder = folder.find("last", tmp_path)
    assert not run_folder.result.exists()
    assembly = prepare(diverging)
    trainer = Trainer(assembly.learner, epochs=diverging.epochs, seed=diverging.seed)
    load_checkpoint(run_folder.checkpoint, trainer, assembly.about)
    assert trainer.step == step // len(assembly.train) * len(assembly.train) > 0
    assert np.isfinite(assembly.module.pack()).all()
    assert np.isfinite(assembly.module.predict(assembly.test.arrays[0])).all()
    with pytest.raises(
        DivergenceError, match=f"^{re.escape(str(caught.value))}$"
    ):  # resumed, it does the same once more
        runner.resume("last", root=tmp_path)


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_run_that_diverges_has_the_status_failed(diverging, tmp_path):
    pytest.importorskip("mlflow", reason="tracking needs the extra 'experiments'")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(DivergenceError):
        runner.run(diverging, tracking_uri=uri, root=tmp_path / "runs")
    run = connect(uri).get_run(folder.tracked_id(folder.find("last", tmp_path / "runs")))
    assert run.info.status == "FAILED"
